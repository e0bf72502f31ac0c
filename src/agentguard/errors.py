# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Was the call refused, or did something break, and did the call happen?

    AgentGuardError              call_id, dispatched, safe_message, remedy
    ├─ ConfigError               only at start and decoration; every problem with file, key and line
    ├─ CallRefused               the guard said no before dispatch
    │  ├─ DeniedByPolicy         the rule, or the nearest rule and its first failing constraint
    │  │  └─ WrongKey            an API key that is somebody else's, or another provider's
    │  ├─ ContentRefused         the data classes, never the text
    │  ├─ IdentityRequired       nobody, or more than one, stands behind the call
    │  │  └─ TokenRefused        a token does not say who calls; ``problem`` says why
    │  ├─ ApprovalRejected       request id, approver
    │  ├─ ApprovalExpired        request id
    │  ├─ BudgetExceeded         the limits, budgets and rates, by their names in the policy
    │  ├─ LoopDetected           calls lead nowhere, again and again
    │  ├─ Stopped                an operator stopped it, or nobody can say whether one did
    │  ├─ UnguardedPath          a way to the provider that the guard does not know
    │  └─ AddressRefused         a network address that no request of the tool may go to
    ├─ TookTooLong               a tool was ended after the time that the policy gives it
    ├─ ApprovalPending           not a refusal: come back with this request id
    ├─ GuardFailure              a part of the guard failed; ``part`` names it
    └─ AuditVerificationError    the audit log is not what was written

INVARIANT: no error holds payload text, in its arguments, attributes, cause or context
(tests/attacks/test_leakage.py).
No error here derives from an HTTP or SDK error, so that no SDK retries or wraps it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


class AgentGuardError(Exception):
    """Base of every error that agentguard raises.

    Attributes:
        call_id: the guarded call that ended this way, None when there was none.
        dispatched: whether the call reached the provider or the tool. When a guarded call inside
            a tool was refused, the tool's own caller is told that the tool did run.
        safe_message: fit to be shown to a model; names no rule and no part.
        remedy: what the reader can do about it, or None.
    """

    default_safe_message = "the call was not carried out"

    def __init__(
        self,
        message: str,
        *,
        call_id: str | None = None,
        dispatched: bool = False,
        safe_message: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message)
        self.call_id = call_id
        self.dispatched = dispatched
        self.safe_message = safe_message or self.default_safe_message
        self.remedy = remedy

    def __str__(self) -> str:
        message = str(self.args[0])
        return f"{message} ({self.remedy})" if self.remedy else message


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake in a configuration: where it stands and what is wrong with it."""

    file: str
    key: str
    line: int | None
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line is not None else self.file
        return f"{place}: {self.key}: {self.message}" if self.key else f"{place}: {self.message}"


class ConfigError(AgentGuardError):
    """The configuration cannot be used; ``problems`` lists everything that is wrong with it."""

    default_safe_message = "the guard is not configured"

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        if isinstance(problems, str):
            problems = (Problem(file="agentguard", key="", line=None, message=problems),)
        self.problems = tuple(problems)
        count = len(self.problems)
        head = "1 problem" if count == 1 else f"{count} problems"
        super().__init__(f"{head} in the configuration\n" + "\n".join(map(str, self.problems)))


class CallRefused(AgentGuardError):
    """The guard refused the call; nothing was dispatched."""

    default_safe_message = "this call is not permitted"


class DeniedByPolicy(CallRefused):
    """The policy denied the call; ``rule`` decided, or ``nearest`` says what came closest."""

    def __init__(
        self,
        message: str,
        *,
        rule: str | None = None,
        nearest: str | None = None,
        call_id: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, call_id=call_id, remedy=remedy)
        self.rule = rule
        self.nearest = nearest


class WrongKey(DeniedByPolicy):
    """The request would sign in with an API key that it may not be sent with."""


class ContentRefused(CallRefused):
    """The content may not cross; ``classes`` names what was found, sorted."""

    default_safe_message = "this call holds content that may not leave"

    def __init__(
        self,
        message: str,
        *,
        classes: Iterable[str] = (),
        call_id: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, call_id=call_id, remedy=remedy)
        self.classes = tuple(sorted(classes))


class IdentityRequired(CallRefused):
    """No principal stands behind the call, or two that contradict each other."""


class TokenRefused(IdentityRequired):
    """A token does not count; ``problem`` is a word of ``agentguard.issuers.TokenProblem``."""

    def __init__(self, message: str, *, problem: str, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.problem = problem


class ApprovalRejected(CallRefused):
    """A person rejected the call."""

    default_safe_message = "a person rejected this call"

    def __init__(
        self, message: str, *, request_id: str, approver: str, call_id: str | None = None
    ) -> None:
        super().__init__(message, call_id=call_id)
        self.request_id = request_id
        self.approver = approver


class ApprovalExpired(CallRefused):
    """Nobody answered in time, or the approved call was not made in time."""

    default_safe_message = "the approval for this call has expired"

    def __init__(self, message: str, *, request_id: str, call_id: str | None = None) -> None:
        super().__init__(message, call_id=call_id, remedy="make the call again to ask anew")
        self.request_id = request_id


class BudgetExceeded(CallRefused):
    """The call would use up more than a limit, a budget or a rate lets happen.

    Attributes:
        limits: those, sorted, such as ``limit:refunds``, ``budget:daily`` or ``rate:mails``.
        begins_anew: when there is something of every one of them again, None where that is not
            known or never.
    """

    default_safe_message = "this call would go over a limit"

    def __init__(
        self,
        message: str,
        *,
        limits: Iterable[str] = (),
        begins_anew: datetime | None = None,
        call_id: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, call_id=call_id, remedy=remedy)
        self.limits = tuple(sorted(limits))
        self.begins_anew = begins_anew


class Stopped(CallRefused):
    """An operator stopped what the call is about, or it cannot be known whether one did.

    Attributes:
        by: who says that they did, None where it cannot be known.
        since: when, UTC, None where it cannot be known.
    """

    default_safe_message = "this agent was stopped by an operator: do not try again"

    def __init__(
        self,
        message: str,
        *,
        by: str | None = None,
        since: datetime | None = None,
        call_id: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, call_id=call_id, remedy=remedy)
        self.by = by
        self.since = since


class LoopDetected(CallRefused):
    """The call goes on with a loop: ``same``, ``turns`` or ``failures``, as ``loop`` says."""

    def __init__(
        self,
        message: str,
        *,
        loop: str,
        safe_message: str | None = None,
        call_id: str | None = None,
        remedy: str | None = None,
    ) -> None:
        super().__init__(message, call_id=call_id, safe_message=safe_message, remedy=remedy)
        self.loop = loop


class UnguardedPath(CallRefused):
    """Something tried to reach the provider on a way that the guard does not decide."""


class AddressRefused(CallRefused):
    """A request would go to an address that its tool may not reach."""


class ApprovalPending(AgentGuardError):
    """The call waits for a person; make the same call again in the same session later."""

    default_safe_message = "this call waits for a person's approval"

    def __init__(self, message: str, *, request_id: str, call_id: str | None = None) -> None:
        super().__init__(
            message,
            call_id=call_id,
            remedy="make the same call again in the same session once it is approved",
        )
        self.request_id = request_id


class TookTooLong(AgentGuardError):
    """A tool was cancelled after its ``within``; what it did by then is not known."""

    default_safe_message = "the call took too long and was ended; what it did is not known"


class GuardFailure(AgentGuardError):
    """A part of the guard could not do its work; before dispatch the call did not happen."""

    default_safe_message = "the guard could not check this call"

    def __init__(
        self, message: str, *, part: str, call_id: str | None = None, dispatched: bool = False
    ) -> None:
        super().__init__(message, call_id=call_id, dispatched=dispatched)
        self.part = part


class AuditVerificationError(AgentGuardError):
    """The audit log fails verification at entry ``seq`` of ``stream``."""

    default_safe_message = "the audit log does not verify"

    def __init__(self, message: str, *, stream: str, seq: int | None) -> None:
        super().__init__(message)
        self.stream = stream
        self.seq = seq
