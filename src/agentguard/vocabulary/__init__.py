# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which nouns does agentguard speak in?

Every value that passes from one stage of a call to the next, as frozen dataclasses, in the order
in which a call meets them: ``who``, ``calls``, ``flow``, ``circumstances``, ``content``, ``decisions``,
``deciding``, ``spending``, ``budgets``, ``approvals``, ``entries``, ``counts``. Import the nouns from here.
They hold no behaviour beyond what can be read off the values themselves.

INVARIANT: fields that hold payload do not appear in a repr (tests/test_vocabulary.py).
"""

from agentguard.vocabulary.approvals import (
    Answer,
    ApprovalChange,
    ApprovalProfile,
    ApprovalRequest,
    ApprovalState,
    Approver,
    Vote,
)
from agentguard.vocabulary.budgets import (
    LARGEST_AMOUNT,
    MONEY_UNIT,
    Hold,
    Line,
    Measure,
    Pot,
    RateLine,
    Used,
)
from agentguard.vocabulary.calls import (
    Attachment,
    Boundary,
    Call,
    EncodedText,
    HostedTool,
    Impact,
    Kind,
    ModelCall,
    OfferedTool,
    Reference,
    ToolCall,
)
from agentguard.vocabulary.circumstances import Circumstances
from agentguard.vocabulary.content import (
    Action,
    DataClass,
    Facts,
    Finding,
    KnownValue,
    Profile,
)
from agentguard.vocabulary.counts import CallCount
from agentguard.vocabulary.deciding import CallAction, DecisionRequest, Verdict
from agentguard.vocabulary.decisions import (
    AskApproval,
    Charge,
    ChargeLimits,
    Decision,
    Effect,
    HideClasses,
    Nearest,
    Obligation,
    OfferOnly,
    Reason,
    ReceiveOnly,
    RecordBeforeDispatch,
    ReferOnly,
    Shadow,
    TellDoubts,
    WithoutTools,
)
from agentguard.vocabulary.entries import (
    AuditEntry,
    EntryType,
    Outcome,
    Position,
)
from agentguard.vocabulary.flow import (
    Doubt,
    Origins,
    Remember,
    OriginWord,
    Speaker,
    Utterance,
)
from agentguard.vocabulary.spending import Account, Spending
from agentguard.vocabulary.who import (
    Assurance,
    Caller,
    Chain,
    Covers,
    Grant,
    Lifetime,
    Principal,
    PrincipalKind,
)

__all__ = [
    "LARGEST_AMOUNT",
    "MONEY_UNIT",
    "Account",
    "Action",
    "Answer",
    "ApprovalChange",
    "ApprovalProfile",
    "ApprovalRequest",
    "ApprovalState",
    "Approver",
    "AskApproval",
    "Assurance",
    "Attachment",
    "AuditEntry",
    "Boundary",
    "Call",
    "CallAction",
    "CallCount",
    "Caller",
    "Chain",
    "Charge",
    "ChargeLimits",
    "Circumstances",
    "Covers",
    "DataClass",
    "Decision",
    "DecisionRequest",
    "Doubt",
    "Effect",
    "EncodedText",
    "EntryType",
    "Facts",
    "Finding",
    "Grant",
    "HideClasses",
    "Hold",
    "HostedTool",
    "Impact",
    "Kind",
    "KnownValue",
    "Lifetime",
    "Line",
    "Measure",
    "ModelCall",
    "Nearest",
    "Obligation",
    "OfferOnly",
    "OfferedTool",
    "OriginWord",
    "Origins",
    "Outcome",
    "Position",
    "Pot",
    "Principal",
    "PrincipalKind",
    "Profile",
    "RateLine",
    "Reason",
    "ReceiveOnly",
    "RecordBeforeDispatch",
    "ReferOnly",
    "Reference",
    "Remember",
    "Shadow",
    "Speaker",
    "Spending",
    "TellDoubts",
    "ToolCall",
    "Used",
    "Utterance",
    "Verdict",
    "Vote",
    "WithoutTools",
]
