# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""In which order does a call pass the guard?

``order`` holds the order, as one generator; ``steps`` names the work that may block and that a
driver performs; ``content``, ``consent`` and ``record`` carry out single steps.
Nothing here does I/O or knows a client library.
"""

from agentguard.pipeline.order import guarded_call
from agentguard.pipeline.steps import (
    Attempt,
    AwaitAnswer,
    ClaimLost,
    Conclude,
    Core,
    Dispatch,
    Emit,
    FindApprovals,
    Flow,
    KeepVault,
    OpenSession,
    Pull,
    Record,
    Report,
    Response,
    Step,
    StreamClosed,
    Trace,
)

__all__ = [
    "Attempt",
    "AwaitAnswer",
    "ClaimLost",
    "Conclude",
    "Core",
    "Dispatch",
    "Emit",
    "FindApprovals",
    "Flow",
    "KeepVault",
    "OpenSession",
    "Pull",
    "Record",
    "Report",
    "Response",
    "Step",
    "StreamClosed",
    "Trace",
    "guarded_call",
]
