# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which rules does an organisation bring along from another scanner?

    conditions  what a match must also satisfy
    gitleaks    the TOML files of gitleaks and betterleaks
    kingfisher  the YAML files of Kingfisher

The rules run like those that are built in. Nothing of such a file is ever executed and nobody is
asked about a value: the ways to validate a credential online that a file may hold are left alone.

INVARIANT: a rule that cannot be used is a problem, never silently left out
(tests/classification/test_rule_files.py).
"""

from agentguard.classification.rule_files.gitleaks import gitleaks_rules
from agentguard.classification.rule_files.kingfisher import kingfisher_rules
from agentguard.classification.rule_files.loading import RuleFileFlawed

__all__ = ["RuleFileFlawed", "gitleaks_rules", "kingfisher_rules"]
