# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is the configuration file read?

``load`` gives settings or every problem at once; ``check`` adds what is doubtful; ``starter`` is
a first policy. Nothing here builds a guard.
"""

from agentguard.config.load import (
    check,
    load,
    load_document,
    load_facts,
    load_ledger,
    load_places,
    load_policy,
    load_vault,
)
from agentguard.config.settings import (
    Deployment,
    FactsSettings,
    LedgerSettings,
    Remark,
    Settings,
    Severity,
    VaultPlace,
    VaultSettings,
)
from agentguard.config.signatures import (
    TRUSTED_VARIABLE,
    require_signature,
    signature_path,
    trusted_keys,
)
from agentguard.config.starter import starter, starter_cases

__all__ = [
    "TRUSTED_VARIABLE",
    "Deployment",
    "FactsSettings",
    "LedgerSettings",
    "Remark",
    "Settings",
    "Severity",
    "VaultPlace",
    "VaultSettings",
    "check",
    "load",
    "load_document",
    "load_facts",
    "load_ledger",
    "load_places",
    "load_policy",
    "load_vault",
    "require_signature",
    "signature_path",
    "starter",
    "starter_cases",
    "trusted_keys",
]
