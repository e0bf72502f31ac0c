# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""In which order does a call pass the guard?

``order`` holds the order, as one generator; ``steps`` names the work that may block and that a
driver performs; ``circumstances``, ``consulting``, ``content``, ``consent`` and ``record`` carry
out single steps; ``needs`` says what the calls of a policy need.
Nothing here does I/O or knows a client library.
"""

from agentguard.pipeline.consulting import Decider, questions
from agentguard.pipeline.metering import UNANSWERED
from agentguard.pipeline.needs import Needs, needs_of
from agentguard.pipeline.order import guarded_call
from agentguard.pipeline.said import definition_checked
from agentguard.pipeline.steps import (
    AskDecider,
    Attempt,
    AwaitAnswer,
    BudgetFull,
    CheckAccess,
    ClaimLost,
    Conclude,
    Core,
    Dispatch,
    Emit,
    FindApprovals,
    FindResources,
    FindStop,
    Flow,
    KeepVault,
    LimitLost,
    NoAnswer,
    OpenSession,
    Pull,
    RateFull,
    ReadSpent,
    Record,
    Release,
    Report,
    Reserve,
    ResolvePaths,
    Response,
    Settle,
    Step,
    StopRun,
    StopUnknown,
    StreamClosed,
    Trace,
)

__all__ = [
    "UNANSWERED",
    "AskDecider",
    "Attempt",
    "AwaitAnswer",
    "BudgetFull",
    "CheckAccess",
    "ClaimLost",
    "Conclude",
    "Core",
    "Decider",
    "Dispatch",
    "Emit",
    "FindApprovals",
    "FindResources",
    "FindStop",
    "Flow",
    "KeepVault",
    "LimitLost",
    "Needs",
    "NoAnswer",
    "OpenSession",
    "Pull",
    "RateFull",
    "ReadSpent",
    "Record",
    "Release",
    "Report",
    "Reserve",
    "ResolvePaths",
    "Response",
    "Settle",
    "Step",
    "StopRun",
    "StopUnknown",
    "StreamClosed",
    "Trace",
    "definition_checked",
    "guarded_call",
    "needs_of",
    "questions",
]
