# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which nouns does agentguard speak in?

Every value that passes from one stage of a call to the next, as frozen dataclasses.
It holds no behaviour beyond what can be read off the values themselves.

INVARIANT: fields that hold payload do not appear in a repr (tests/test_vocabulary.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from agentguard.canonical import Frozen, canonical_bytes, digest

# --- who -----------------------------------------------------------------------------------


class PrincipalKind(StrEnum):
    """What a principal is; the part of its id before the colon."""

    AGENT = "agent"
    USER = "user"
    SERVICE = "service"


class Assurance(StrEnum):
    """How a principal was established, weakest first."""

    DECLARED = "declared"
    LOCAL_KEY = "local_key"
    TOKEN = "token"  # noqa: S105 - the name of a kind of evidence
    ATTESTED = "attested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """Who is responsible for a call: a person, an agent or a service."""

    id: str
    kind: PrincipalKind
    assurance: Assurance = Assurance.DECLARED


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """The principals behind a call: the person first, if there is one, the current actor last."""

    principals: tuple[Principal, ...]

    @property
    def actor(self) -> Principal:
        """The principal that makes the call."""
        return self.principals[-1]

    @property
    def person(self) -> Principal | None:
        """The person that the call is made for, or None for an autonomous call.

        A person who calls alone is the actor, and nobody stands behind the call.
        """
        first = self.principals[0]
        return first if first.kind is PrincipalKind.USER and len(self.principals) > 1 else None

    @property
    def agents(self) -> tuple[Principal, ...]:
        """Every principal of the chain but the person; each must be permitted on its own."""
        return self.principals[1:] if self.person is not None else self.principals

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the principals, in the order of the chain."""
        return tuple(principal.id for principal in self.principals)


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """A chain in a session: what the vault, approvals and budgets hang on."""

    chain: Chain
    session: str

    @property
    def session_key(self) -> str:
        """A digest of the chain and the session id; another chain is another session."""
        return digest(canonical_bytes((*self.chain.ids, self.session)))


# --- what is called ------------------------------------------------------------------------


class Boundary(StrEnum):
    """Which boundary a call crosses."""

    MODEL = "model"
    TOOL = "tool"


class Impact(StrEnum):
    """What a tool can do to the world (OWASP AISVS 9.2.3), mildest first."""

    READ_ONLY = "read_only"
    REVERSIBLE = "reversible"
    EXTERNALLY_REVERSIBLE = "externally_reversible"
    IRREVERSIBLE = "irreversible"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One request to a model provider.

    Attributes:
        id: unique for each call.
        operation: the name of the operation in the semantic conventions, such as ``chat``.
        verb: the HTTP verb.
        path: the path template below the provider's base URL, such as ``/chat/completions``.
        origin: scheme, host and port that the request goes to, such as ``https://host:443``.
        model: the model asked for.
        payload: the request's body, frozen.
        model_authored: JSON pointers below which the text was written by the model in an
            earlier turn, so that placeholders issued in the session may stand there.
        function_tools: the names of the function tools in the payload's ``tools``, in order.
        forced_tool: the function tool that the payload's ``tool_choice`` names, if any.
        answers: where the answer to the user stands in the response, as JSON pointers with
            ``*`` for any segment; only there are placeholders turned back.
    """

    id: str
    operation: str
    verb: str
    path: str
    origin: str
    model: str
    payload: Frozen = field(repr=False)
    model_authored: tuple[str, ...] = ()
    function_tools: tuple[str, ...] = ()
    forced_tool: str | None = None
    answers: tuple[str, ...] = ()

    @property
    def boundary(self) -> Boundary:
        """The boundary that the call crosses."""
        return Boundary.MODEL

    @property
    def target(self) -> str:
        """What is called."""
        return self.model


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One execution of a tool.

    Attributes:
        id: unique for each call.
        tool: the tool's name in the policy.
        definition: the digest of the tool's definition.
        received: the arguments as they came, placeholders included.
        resolved: the arguments with placeholders turned back; this view is decided on and
            dispatched. Equal to *received* until the pipeline has resolved it.
    """

    id: str
    tool: str
    definition: str
    received: Mapping[str, Frozen] = field(repr=False)
    resolved: Mapping[str, Frozen] = field(repr=False)

    @property
    def boundary(self) -> Boundary:
        """The boundary that the call crosses."""
        return Boundary.TOOL

    @property
    def operation(self) -> str:
        """The name of the operation in the semantic conventions."""
        return "execute_tool"

    @property
    def target(self) -> str:
        """What is called."""
        return self.tool


Call = ModelCall | ToolCall

# --- what is in it -------------------------------------------------------------------------


class Action(StrEnum):
    """What happens to a finding of a class before anything leaves.

    ``redact`` and ``tokenise`` both leave a placeholder; only a tokenised value can be turned
    back.
    """

    BLOCK = "block"
    REDACT = "redact"
    TOKENISE = "tokenise"
    KEEP_LAST_FOUR = "keep_last_four"
    HASH = "hash"


@dataclass(frozen=True, slots=True, kw_only=True)
class DataClass:
    """A class of data that is found and hidden.

    Attributes:
        name: such as ``email``; unique in a policy.
        family: ``secret``, ``pii`` or ``organisation``; a tool may receive a whole family.
        action: what happens to a finding of this class.
        approvers_see: whether an approver is shown the value itself.
    """

    name: str
    family: str
    action: Action
    approvers_see: bool = False

    @property
    def label(self) -> str:
        """The type that stands in a placeholder of this class."""
        return self.name.upper()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One place that a detector pointed at, without the text.

    Attributes:
        start: the first character, counted in the text that was given to the detector.
        end: one past the last character.
        data_class: the name of the class found.
        detector: the name of the detector.
    """

    start: int
    end: int
    data_class: str
    detector: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownValue:
    """A value that is known beforehand to belong to a class, and must never leave."""

    value: str = field(repr=False)
    data_class: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What classification found out about a call, without the content.

    Attributes:
        counts: how many findings of each class.
    """

    counts: Mapping[str, int] = field(default_factory=dict)


# --- what is decided -----------------------------------------------------------------------


class Effect(StrEnum):
    """The effect of a rule and of a decision, mildest first; the strictest wins."""

    ALLOW = "allow"
    APPROVE = "approve"
    DENY = "deny"


class Reason(StrEnum):
    """Why a call was not simply allowed: the closed list that spans and entries use."""

    NOT_ALLOWLISTED = "not_allowlisted"
    DENIED_BY_RULE = "denied_by_rule"
    UNKNOWN_IDENTITY = "unknown_identity"
    IDENTITY_REQUIRED = "identity_required"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNGUARDED_PATH = "unguarded_path"
    CLASS_BLOCKED = "class_blocked"
    CONTENT_UNINSPECTABLE = "content_uninspectable"
    PLACEHOLDER_UNKNOWN = "placeholder_unknown"
    APPROVAL_PENDING = "approval_pending"
    APPROVAL_REJECTED = "approval_rejected"
    APPROVAL_TIMEOUT = "approval_timeout"
    APPROVAL_INVALID = "approval_invalid"
    GUARD_ERROR = "guard_error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearest:
    """The rule that came closest to allowing a call, and the first thing that failed in it.

    ``problem`` says what the rule demands, never what the call held.
    """

    rule: str
    constraint: str
    problem: str

    def __str__(self) -> str:
        return f"nearest rule {self.rule!r}: {self.constraint} {self.problem}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HideClasses:
    """Obligation: hide every finding before dispatch, by the action of its class."""

    actions: Mapping[str, Action]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferOnly:
    """Obligation: offer the model no function tool beyond these."""

    tools: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceiveOnly:
    """Obligation: refuse a tool call whose arguments hold a class beyond these."""

    classes: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AskApproval:
    """Obligation: dispatch only after a person approved exactly this call."""

    profile: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBeforeDispatch:
    """Obligation: the intent entry is durable before dispatch, not merely accepted."""


Obligation = HideClasses | OfferOnly | ReceiveOnly | AskApproval | RecordBeforeDispatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy says about one call.

    Attributes:
        effect: the strictest effect among the rules that apply.
        policy: the digest of the policy that decided.
        rule: the rule that decided, None on default deny.
        reason: why the call is not simply allowed; None for allow.
        nearest: on default deny, the rule that came closest.
        obligations: what the guard must do, or else refuse.
    """

    effect: Effect
    policy: str
    rule: str | None = None
    reason: Reason | None = None
    nearest: Nearest | None = None
    obligations: tuple[Obligation, ...] = ()


# --- who must agree ------------------------------------------------------------------------


class ApprovalState(StrEnum):
    """Where an approval request stands."""

    PENDING = "pending"
    APPROVED = "approved"
    EXECUTING = "executing"
    DONE = "done"
    FAILED = "failed"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


class Answer(StrEnum):
    """What an approver says."""

    APPROVE = "approve"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approver:
    """A person who may answer, with the public key that proves it.

    ``key`` is ``ed25519:`` and the raw public key in base64.
    """

    id: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalProfile:
    """Who answers an approval request, and how long everybody has.

    Attributes:
        name: the profile's name in the policy.
        approvers: who may answer.
        need: how many different approvers must approve.
        decide_within: how long a request stays open.
        execute_within: how long after the last approval the call may be made.
        wait: how long the call itself blocks for an answer.
    """

    name: str
    approvers: tuple[Approver, ...]
    need: int
    decide_within: timedelta
    execute_within: timedelta
    wait: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """One approver's signed answer.

    ``signature`` is the base64 of an Ed25519 signature over the DSSE pre-authentication
    encoding of the statement (``approvals.vote_statement``).
    """

    request_id: str
    approver: str
    answer: Answer
    at: datetime
    signature: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRequest:
    """A question to people about one exact call.

    Attributes:
        id: unique; also the idempotency key of the call.
        nonce: 32 random bytes in hexadecimal.
        call_id: the call that asked.
        tool, definition, impact, rule, policy, profile: what was decided, and by what.
        chain: the ids of the requester chain.
        requesters: everybody who counts as requester, owners of agents included.
        session_key: the session that asked; the same call in another session does not match.
        salt: 32 random bytes in hexadecimal, for the two commitments.
        received: commitment to the arguments as they came.
        resolved: commitment to the arguments that are dispatched.
        shown: the arguments as an approver may see them, canonical JSON.
        created_at, decide_by: when the question was asked and when it closes.
        execute_within: how long after the last approval the call may be made.
        need: how many different approvers must approve.
        state, version: where it stands; every change adds one to the version.
        decided_at: when the last needed vote came.
        claimed_by: the audit stream that executes it.
        lease_until: after this an execution without outcome is ``unknown``.
        votes: the answers so far.
    """

    id: str
    nonce: str
    call_id: str
    tool: str
    definition: str
    impact: Impact
    rule: str
    policy: str
    profile: str
    chain: tuple[str, ...]
    requesters: tuple[str, ...]
    session_key: str
    salt: str
    received: str
    resolved: str
    shown: str = field(repr=False)
    created_at: datetime
    decide_by: datetime
    execute_within: timedelta
    need: int
    state: ApprovalState = ApprovalState.PENDING
    version: int = 0
    decided_at: datetime | None = None
    claimed_by: str | None = None
    lease_until: datetime | None = None
    votes: tuple[Vote, ...] = ()


# --- what is written down ------------------------------------------------------------------


class EntryType(StrEnum):
    """What an audit entry says."""

    STREAM_OPENED = "stream.opened"
    STREAM_CLOSED = "stream.closed"
    INTENT = "intent"
    OUTCOME = "outcome"
    REFUSED = "refused"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_VOTED = "approval.voted"
    APPROVAL_ENDED = "approval.ended"


class Outcome(StrEnum):
    """How a dispatched call ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One record of the audit log, without payload text.

    Attributes:
        type: what the entry says.
        at: when, UTC.
        call_id: the call it is about; None for entries about the stream itself.
        boundary, operation, target: what was called.
        provider: the provider's id in the policy, for model calls.
        chain: the ids of the principals, the person first.
        session_key: the session.
        policy, rule, effect, reason: the decision.
        impact: of the tool.
        classes: how many findings of each class were hidden or found.
        commitment: salted commitment to what crossed; the salt is kept apart.
        approval_id: the approval request that the entry belongs to.
        approver: who voted.
        outcome: how the call ended.
        error: the class name of what was raised, never its text.
        trace_id, span_id: the guard span, in lower-case hexadecimal.
        details: further short facts such as a host name or a version; never payload.
    """

    type: EntryType
    at: datetime
    call_id: str | None = None
    boundary: Boundary | None = None
    operation: str | None = None
    target: str | None = None
    provider: str | None = None
    chain: tuple[str, ...] = ()
    session_key: str | None = None
    policy: str | None = None
    rule: str | None = None
    effect: Effect | None = None
    reason: Reason | None = None
    impact: Impact | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    commitment: str | None = None
    approval_id: str | None = None
    approver: str | None = None
    outcome: Outcome | None = None
    error: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalChange:
    """A change of one approval request, made in the transaction of an audit entry or not at all.

    Attributes:
        before: the request as it was read, None to create *after*. The change is lost when the
            stored state or version differs from it.
        after: the request as it shall be, with the version of *before* plus one.
        vote: a vote to add, if the change is one.
    """

    before: ApprovalRequest | None
    after: ApprovalRequest
    vote: Vote | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an audit entry stands: the stream and the number in it, from 0."""

    stream: str
    seq: int
