# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which nouns does agentguard speak in?

Every value that passes from one stage of a call to the next, as frozen dataclasses, in the order
in which a call meets them: ``who``, ``calls``, ``flow``, ``circumstances``, ``content``, ``decisions``,
``deciding``, ``spending``, ``approvals``, ``entries``, ``counts``. Import the nouns from here.
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
    "HostedTool",
    "Impact",
    "Kind",
    "KnownValue",
    "Lifetime",
    "ModelCall",
    "Nearest",
    "Obligation",
    "OfferOnly",
    "OfferedTool",
    "OriginWord",
    "Origins",
    "Outcome",
    "Position",
    "Principal",
    "PrincipalKind",
    "Profile",
    "Reason",
    "ReceiveOnly",
    "RecordBeforeDispatch",
    "ReferOnly",
    "Reference",
    "Shadow",
    "Speaker",
    "Spending",
    "TellDoubts",
    "ToolCall",
    "Utterance",
    "Verdict",
    "Vote",
    "WithoutTools",
]
