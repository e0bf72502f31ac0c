# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a policy say?

The tables of a policy file as values: parsed, not yet compiled. ``whole`` holds them together,
``forms`` says how they enter the digest.
"""

from agentguard.policy.document.budgets import BudgetSpec, LoopsSpec, PriceSpec, RateSpec, Scope
from agentguard.policy.document.classes import (
    ClassSource,
    DestinationSpec,
    DetectionSpec,
    LabelsSpec,
    RuleFileFormat,
    RuleFileSpec,
    value_digest,
)
from agentguard.policy.document.egress import (
    EgressSpec,
    EvidenceSpec,
    KeySpec,
    Needed,
    TermsSpec,
    Tier,
)
from agentguard.policy.document.flow import FlowSpec, ProvenanceSpec
from agentguard.policy.document.providers import ProviderSpec
from agentguard.policy.document.rules import ArgumentSpec, DeciderSpec, RuleSpec
from agentguard.policy.document.surrounding import CoverageSpec, Strictness
from agentguard.policy.document.tools import (
    HostedDenial,
    Idempotency,
    LimitSpec,
    SecretStoreSpec,
    ToolSpec,
)
from agentguard.policy.document.who import IdentitySpec, IssuerKind, IssuerSpec
from agentguard.policy.document.whole import PolicyDocument
from agentguard.policy.document.words import (
    ANSWER,
    ANYBODY,
    DATA_LINK,
    DEFAULT_OPERATIONS,
    ECHOED_INSTRUCTIONS,
    EVERY_CLASS,
    FAMILIES,
    GROUP,
    INSTRUCTIONS,
    MEDIA,
    SECRET,
    SURFACES,
    TEXT_FAMILIES,
)

__all__ = [
    "ANSWER",
    "ANYBODY",
    "DATA_LINK",
    "DEFAULT_OPERATIONS",
    "ECHOED_INSTRUCTIONS",
    "EVERY_CLASS",
    "FAMILIES",
    "GROUP",
    "INSTRUCTIONS",
    "MEDIA",
    "SECRET",
    "SURFACES",
    "TEXT_FAMILIES",
    "ArgumentSpec",
    "BudgetSpec",
    "ClassSource",
    "CoverageSpec",
    "DeciderSpec",
    "DestinationSpec",
    "DetectionSpec",
    "EgressSpec",
    "EvidenceSpec",
    "FlowSpec",
    "HostedDenial",
    "Idempotency",
    "IdentitySpec",
    "IssuerKind",
    "IssuerSpec",
    "KeySpec",
    "LabelsSpec",
    "LimitSpec",
    "LoopsSpec",
    "Needed",
    "PolicyDocument",
    "PriceSpec",
    "ProvenanceSpec",
    "ProviderSpec",
    "RateSpec",
    "RuleFileFormat",
    "RuleFileSpec",
    "RuleSpec",
    "Scope",
    "SecretStoreSpec",
    "Strictness",
    "TermsSpec",
    "Tier",
    "ToolSpec",
    "value_digest",
]
