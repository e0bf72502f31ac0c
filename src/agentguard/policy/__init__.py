# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""May this call be made?

A policy is parsed elsewhere into a ``PolicyDocument``; here it is checked, compiled and asked.
"""

from agentguard.policy.analysis import doubts_about
from agentguard.policy.consistency import flaws_of
from agentguard.policy.constraints import (
    Anything,
    Const,
    Constraint,
    Each,
    IntBetween,
    Match,
    OneOf,
    Scalar,
)
from agentguard.policy.decision import Policy, compile_policy
from agentguard.policy.document import (
    ANSWER,
    DEFAULT_OPERATIONS,
    MEDIA,
    TEXT_FAMILIES,
    ArgumentSpec,
    ClassSource,
    DeciderSpec,
    DestinationSpec,
    DetectionSpec,
    HostedDenial,
    Idempotency,
    IdentitySpec,
    IssuerKind,
    IssuerSpec,
    LabelsSpec,
    LimitSpec,
    PolicyDocument,
    ProviderSpec,
    RuleFileFormat,
    RuleFileSpec,
    RuleSpec,
    SecretStoreSpec,
    ToolSpec,
    value_digest,
)
from agentguard.policy.flaws import Flaw, Path, key_of
from agentguard.policy.globs import Glob, is_glob
from agentguard.policy.openings import Openings
from agentguard.policy.origins import parse_host
from agentguard.policy.signatures import NotSigned, signature_envelope, signer_of

__all__ = [
    "ANSWER",
    "DEFAULT_OPERATIONS",
    "MEDIA",
    "TEXT_FAMILIES",
    "Anything",
    "ArgumentSpec",
    "ClassSource",
    "Const",
    "Constraint",
    "DeciderSpec",
    "DestinationSpec",
    "DetectionSpec",
    "Each",
    "Flaw",
    "Glob",
    "HostedDenial",
    "Idempotency",
    "IdentitySpec",
    "IntBetween",
    "IssuerKind",
    "IssuerSpec",
    "LabelsSpec",
    "LimitSpec",
    "Match",
    "NotSigned",
    "OneOf",
    "Openings",
    "Path",
    "Policy",
    "PolicyDocument",
    "ProviderSpec",
    "RuleFileFormat",
    "RuleFileSpec",
    "RuleSpec",
    "Scalar",
    "SecretStoreSpec",
    "ToolSpec",
    "compile_policy",
    "doubts_about",
    "flaws_of",
    "is_glob",
    "key_of",
    "parse_host",
    "signature_envelope",
    "signer_of",
    "value_digest",
]
