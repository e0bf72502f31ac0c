# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a guarded call start from, and which work does it ask a driver to do?

A flow yields a step whenever it needs work that may block, and is resumed with the result or
with the exception that the work raised. The values here do nothing themselves.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar

from agentguard.budgets import NOT_KNOWN, Usage
from agentguard.canonical import Frozen
from agentguard.classification import Classifier
from agentguard.errors import GuardFailure, IdentityRequired
from agentguard.pipeline.needs import Needs, needs_of
from agentguard.policy import Policy
from agentguard.redaction import NOTHING_PLACED, Event, PlacedClasses, Released, StreamForm
from agentguard.review.facts import DecidedCall
from agentguard.session import Session
from agentguard.vocabulary import (
    Account,
    ApprovalChange,
    ApprovalProfile,
    ApprovalRequest,
    AuditEntry,
    Boundary,
    Call,
    Caller,
    Circumstances,
    Decision,
    DecisionRequest,
    Effect,
    EntryType,
    Facts,
    Hold,
    Line,
    Outcome,
    PlannedCall,
    PlanStep,
    Position,
    Principal,
    RateLine,
    Reason,
    Shadow,
    Spending,
    Stop,
    ToolCall,
)

T = TypeVar("T")
K = TypeVar("K")


@dataclass(frozen=True, slots=True)
class Step(Generic[T]):
    """Work that may block; resumes the flow with a ``T``."""


Flow: TypeAlias = Generator[Step[Any], Any, T]


def perform(step: Step[T]) -> Flow[T]:
    """Yield *step* and return its result with the right static type."""
    result: T = yield step
    return result


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """The parts that decide. ``now`` gives aware UTC times, ``random`` that many random bytes.

    ``lease`` is how long an execution may take before its outcome counts as unknown, ``placed``
    what belongs to a class because of where it stands, ``keeps_facts`` whether what decisions
    rested on is kept, ``needs`` what the calls of the policy need.
    """

    policy: Policy
    classifier: Classifier
    now: Callable[[], datetime]
    random: Callable[[int], bytes]
    lease: timedelta
    placed: PlacedClasses = NOTHING_PLACED
    keeps_facts: bool = False
    needs: Needs = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Read off the policy what its calls need."""
        object.__setattr__(self, "needs", needs_of(self.policy))


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt to cross a boundary, before anything was looked at.

    Attributes:
        id: the id that the call will have.
        boundary, surface, operation, target: what can be said without looking inside; names that
            come from the caller are not among them.
        caller: who stands behind it, None when nobody does.
        objection: why the identity cannot be used, when two contradict each other.
        describe: looks inside and builds the call; raises a refusal for what it cannot inspect.
        checks_access: whether the host has a predicate on the objects of the call.
        inside_tool: whether the code of a guarded tool makes the call.
        plan: for a call that proposes a plan, reads its steps from the arguments.
        only_asks: whether people are asked about the call, and it is not made; see ``order``.
    """

    id: str
    boundary: Boundary
    surface: str
    operation: str
    target: str
    caller: Caller | None
    objection: IdentityRequired | None
    describe: Callable[[], Call]
    checks_access: bool = False
    inside_tool: bool = False
    plan: Callable[[Mapping[str, Frozen], Policy], tuple[PlanStep, ...]] | None = None
    only_asks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """Where the call is seen from outside: the guard span, if any, and its audit stream."""

    trace_id: str | None
    span_id: str | None
    stream: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What came back from a dispatched call.

    Attributes:
        content: a model's response body as plain JSON or text, or a tool's result; None where
            nothing can be read in it.
        form: where texts stand in the events, when the answer is a stream of them.
        attributes: facts for the operation's span, names and values.
        unanswered: whether the request was sent before, and its answer was given up.
    """

    content: Any = field(repr=False)
    form: StreamForm | None = None
    unanswered: bool = False
    attributes: Mapping[str, str | int | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FindStop(Step[Stop | None]):
    """Find out whether an operator stopped what a call is about."""

    caller: Caller
    call: Call


@dataclass(frozen=True, slots=True)
class StopRun(Step[None]):
    """Stop something, as an operator would."""

    stop: Stop


@dataclass(frozen=True, slots=True)
class OpenSession(Step[Session]):
    """Give the session of a caller, making it if there is none."""

    caller: Caller


@dataclass(frozen=True, slots=True)
class KeepVault(Step[None]):
    """Put on disk what a session hid and its vault has not kept yet, where it is kept at all."""

    caller: Caller
    session: Session


@dataclass(frozen=True, slots=True)
class FindApprovals(Step[tuple[ApprovalRequest, ...]]):
    """Read the open approval requests of a session for a tool, newest first."""

    session_key: str
    tool: str


@dataclass(frozen=True, slots=True)
class AwaitAnswer(Step[ApprovalRequest]):
    """Wait as long as the profile says until people have answered; give the newest state."""

    request: ApprovalRequest
    profile: ApprovalProfile


@dataclass(frozen=True, slots=True)
class FindResources(Step[object]):
    """Ask the host which objects a call is about; give whatever it answers."""

    call: ToolCall


@dataclass(frozen=True, slots=True)
class ResolvePaths(Step[Mapping[str, str | None]]):
    """Say where texts lead in the file system, every link followed; None where that is unknown."""

    texts: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ReadSpent(Step[Mapping[Account, Decimal]]):
    """Read what is used up of accounts."""

    accounts: tuple[Account, ...]


@dataclass(frozen=True, slots=True)
class CheckAccess(Step[Principal | None]):
    """Ask the host whether everybody may reach every object; give the first who may not."""

    call: ToolCall
    principals: tuple[Principal, ...]
    resources: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AskDecider(Step[Effect]):
    """Ask an extra decider, all in the time of its table; give the strictest answer."""

    decider: str
    requests: tuple[DecisionRequest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Record(Step[Position | None]):
    """Write an audit entry, and what goes with it in the same transaction or not at all.

    ``durable`` entries are on disk when the step returns; others are accepted by a live writer.
    ``charges`` is what the entry's call uses up of limits; ``gives_back`` takes that back.
    ``facts`` is what its decision rested on, where that is kept.
    """

    entry: AuditEntry
    durable: bool
    change: ApprovalChange | None = None
    salt: bytes | None = field(default=None, repr=False)
    charges: tuple[Spending, ...] = ()
    gives_back: bool = False
    facts: DecidedCall | None = None


@dataclass(frozen=True, slots=True)
class Reserve(Step[None]):
    """Count a call under its rates, and take what it needs of its budgets, all or nothing."""

    hold: Hold
    rates: tuple[RateLine, ...]


@dataclass(frozen=True, slots=True)
class Settle(Step[None]):
    """Count what a call used up, by what is counted; what is not named counts as held."""

    call_id: str
    used: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Release(Step[None]):
    """Give back what a call holds that did not happen."""

    call_id: str


@dataclass(frozen=True, slots=True)
class Dispatch(Step[Response]):
    """Let the call happen.

    ``observable`` says what an instrumentation may see of an answer before it has been returned.
    """

    call: Call
    observable: Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Pull(Step[Event | None]):
    """Wait for the next event of a stream; None is its end."""


@dataclass(frozen=True, slots=True)
class Emit(Step[None]):
    """Release checked events to the caller."""

    released: tuple[Released, ...]


class StreamClosed(BaseException):
    """The reader of a stream wants no more of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How a call ended, for its guard span and for counting.

    ``outcome`` is None for a call that was not dispatched.
    """

    surface: str
    operation: str
    effect: Effect
    modified: bool = False
    reason: Reason | None = None
    rule: str | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    approval_id: str | None = None
    outcome: Outcome | None = None
    error: str | None = None
    shadow: Shadow | None = None
    limits: tuple[str, ...] = ()
    budgets: tuple[str, ...] = ()
    decider: str | None = None
    origins: tuple[str, ...] = ()
    conversation: tuple[str, ...] = ()
    provider_tier: str | None = None


@dataclass(frozen=True, slots=True)
class Conclude(Step[None]):
    """Tell telemetry how the call ended, and count it."""

    report: Report


class ClaimLost(Exception):
    """The approval request was changed by somebody else in the meantime."""


class LimitLost(Exception):
    """Others have used up what a limit had left; ``key`` says which."""

    def __init__(self, key: str) -> None:
        super().__init__("others have used up what a limit had left")
        self.key = key


class BudgetFull(Exception):
    """A call needs more than there is left of budgets; ``lines`` says of what."""

    def __init__(self, lines: tuple[Line, ...]) -> None:
        super().__init__("a budget does not hold the call")
        self.lines = lines


class RateFull(Exception):
    """There were as many calls as a rate lets; ``line`` says which."""

    def __init__(self, line: RateLine) -> None:
        super().__init__("a rate is reached")
        self.line = line


class StopUnknown(Exception):
    """Whether a call is stopped cannot be known."""


class NoAnswer(Exception):
    """An extra decider gave no answer; ``problem`` says why, and holds nothing of what it said."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class Stage(Enum):
    """How far a call has come; the value names the part that works there."""

    CALL = "description"
    IDENTITY = "identity"
    STOP = "stop"
    CIRCUMSTANCES = "circumstances"
    POLICY = "policy"
    DECIDERS = "extra deciders"
    CONTENT = "classification"
    VAULT = "vault"
    CONSENT = "approvals"
    PROVENANCE = "provenance"
    BUDGETS = "budgets"
    INTENT = "audit"
    DISPATCH = "dispatch"
    RESULT = "result"
    OUTCOME = "audit record"


@dataclass(slots=True)
class Progress:
    """How far one call has come; the only mutable value of a flow, and private to it."""

    attempt: Attempt
    core: Core
    trace: Trace
    stage: Stage = Stage.CALL
    call: Call | None = None
    session: Session | None = None
    decided: tuple[Call, Circumstances, Decision] | None = None
    decision: Decision | None = None
    found: Facts | None = None
    reason: Reason | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    answered: Mapping[str, int] = field(default_factory=dict)
    approval: ApprovalRequest | None = None
    notes: dict[str, str] = field(default_factory=dict)
    charged: tuple[Spending, ...] = ()
    budgets: tuple[str, ...] = ()
    held: Hold | None = None
    planned: PlannedCall | None = None
    steps: tuple[PlanStep, ...] = ()
    usage: Usage = NOT_KNOWN
    unanswered: bool = False
    used: Mapping[str, int] = field(default_factory=dict)
    streams: bool = False
    spoken_to: bool = False
    waited: bool = False
    claimed: bool = False
    intended: bool = False
    dispatched: bool = False
    concluded: bool = False
    interrupted: EntryType | None = None


def keep_vault(progress: Progress, session: Session) -> Flow[None]:
    """Have everything kept that was hidden so far, so that no placeholder leaves before."""
    caller = progress.attempt.caller
    if caller is not None and session.vault.has_unkept:
        yield from perform(KeepVault(caller, session))


def obligation(progress: Progress, kind: type[K]) -> K | None:
    """Return the decision's obligation of one kind, or None."""
    obligations = () if progress.decision is None else progress.decision.obligations
    return next((each for each in obligations if isinstance(each, kind)), None)


def required(progress: Progress, kind: type[K]) -> K:
    """Return an obligation without which a call of this kind is not let through.

    Raises:
        GuardFailure: the decision does not carry it.
    """
    found = obligation(progress, kind)
    if found is None:
        raise GuardFailure(f"the decision lacks {kind.__name__}", part="policy")
    return found
