# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the policy say about a call, and what must the guard do about it?"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from agentguard.vocabulary.calls import Keys, Reference
from agentguard.vocabulary.content import DataClass
from agentguard.vocabulary.flow import Doubt, Remember


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
    IDENTITY_EXPIRED = "identity_expired"
    ASSURANCE_TOO_LOW = "assurance_too_low"
    WRONG_ENVIRONMENT = "wrong_environment"
    GRANT_EXCEEDED = "grant_exceeded"
    LIMIT_REACHED = "limit_reached"
    RESOURCE_DENIED = "resource_denied"
    SECRET_STORE = "secret_store"  # noqa: S105 - the name of a reason
    DENIED_BY_DECIDER = "denied_by_decider"
    ORIGIN_DENIED = "origin_denied"
    FLOW_DENIED = "flow_denied"
    OUT_OF_SCOPE = "out_of_scope"
    PROVIDER_TIER = "provider_tier"
    WRONG_KEY = "wrong_key"
    ADDRESS_DENIED = "address_denied"
    BUDGET_REACHED = "budget_reached"
    RATE_REACHED = "rate_reached"
    LOOP = "loop"
    STOPPED = "stopped"
    UNKNOWN_PROVIDER = "unknown_provider"
    UNGUARDED_PATH = "unguarded_path"
    CLASS_BLOCKED = "class_blocked"
    HOSTED_TOOL = "hosted_tool"
    REFERENCE = "reference"
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
    """Obligation: hide every finding before dispatch, by the action of its class.

    A class that is not among ``classes``, by name, refuses the call.
    """

    classes: Mapping[str, DataClass]


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferOnly:
    """Obligation: offer the model no function tool beyond these."""

    tools: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class WithoutTools:
    """Obligation: take these hosted tools, by JSON pointer, out of the request."""

    pointers: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferOnly:
    """Obligation: refuse a request that makes the provider use or keep more than this."""

    references: frozenset[Reference]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What a call uses up of one limit.

    Attributes:
        key: what is counted together: ``limit:NAME`` or ``grant:ID:...``.
        amount: how much the call uses.
        most: how much the session may use in all.
    """

    key: str
    amount: Decimal
    most: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeLimits:
    """Obligation: count the call under these limits in the act that records it, or refuse."""

    charges: tuple[Charge, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TellDoubts:
    """Obligation: whoever is asked is told where these arguments come from.

    Attributes:
        doubts: what is told, one for each argument.
        remember: what an approval counts for later in the conversation.
    """

    doubts: tuple[Doubt, ...]
    remember: Remember = Remember.VALUE


@dataclass(frozen=True, slots=True, kw_only=True)
class MeetNeeds:
    """Obligation: refuse a request whose data needs more than this provider has shown."""

    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignWith:
    """Obligation: send the request with an API key that it may be sent with, or refuse."""

    keys: Keys


Obligation = (
    HideClasses
    | OfferOnly
    | WithoutTools
    | ReferOnly
    | ReceiveOnly
    | AskApproval
    | RecordBeforeDispatch
    | ChargeLimits
    | TellDoubts
    | MeetNeeds
    | SignWith
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """What would have been decided, had every rule in shadow been in force.

    ``rule`` is None where none would have allowed the call.
    """

    effect: Effect
    rule: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the policy says about one call.

    Attributes:
        effect: the strictest effect among the rules that apply.
        policy: the digest of the policy that decided.
        rule: the rule that decided, None on default deny.
        reason: why the call is not simply allowed; None for allow.
        nearest: on default deny, the rule that came closest.
        hint: the line of the policy that would allow the call, if one can be named; it holds
            nothing of the call that the policy or a shipped table does not hold.
        obligations: what the guard must do, or else refuse.
        shadow: what rules in shadow would have made of it, None where they change nothing.
    """

    effect: Effect
    policy: str
    rule: str | None = None
    reason: Reason | None = None
    nearest: Nearest | None = None
    hint: str | None = None
    obligations: tuple[Obligation, ...] = ()
    shadow: Shadow | None = None
