# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Security middleware for agent frameworks: what an organisation enforces on its own side.

Start with ``Guard.from_file``. Only the names listed here, and the modules that the
documentation names, are stable.
"""

from agentguard.coverage import Coverage
from agentguard.errors import (
    AddressRefused,
    AgentGuardError,
    ApprovalExpired,
    ApprovalPending,
    ApprovalRejected,
    AuditVerificationError,
    BudgetExceeded,
    CallRefused,
    ConfigError,
    ContentRefused,
    DeniedByPolicy,
    GuardFailure,
    IdentityRequired,
    LoopDetected,
    Stopped,
    TokenRefused,
    TookTooLong,
    UnguardedPath,
    WrongKey,
)
from agentguard.guard import Guard
from agentguard.vocabulary import Scope

__all__ = [
    "AddressRefused",
    "AgentGuardError",
    "ApprovalExpired",
    "ApprovalPending",
    "ApprovalRejected",
    "AuditVerificationError",
    "BudgetExceeded",
    "CallRefused",
    "ConfigError",
    "ContentRefused",
    "Coverage",
    "DeniedByPolicy",
    "Guard",
    "GuardFailure",
    "IdentityRequired",
    "LoopDetected",
    "Scope",
    "Stopped",
    "TokenRefused",
    "TookTooLong",
    "UnguardedPath",
    "WrongKey",
]
