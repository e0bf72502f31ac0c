# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a text searched for very many patterns at once?

    rules   keyword gate, windows, matches
    spans   merging, and offsets in bytes and characters

It knows nothing of any format.
"""

from agentguard.classification.engine.rules import (
    NOTHING,
    Confirm,
    Match,
    Pattern,
    Rule,
    RuleSet,
    Scope,
    linear,
    whole,
)
from agentguard.classification.engine.spans import character_start, merge, to_characters

__all__ = [
    "NOTHING",
    "Confirm",
    "Match",
    "Pattern",
    "Rule",
    "RuleSet",
    "Scope",
    "character_start",
    "linear",
    "merge",
    "to_characters",
    "whole",
]
