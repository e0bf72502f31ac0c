# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What would another policy have made of the calls that were recorded?

Each call is decided again on the facts of its decision, at the time it was made. What a policy
does not decide stays out: what extra deciders, the host's own predicates and people said.
A replay is evidence about these calls, and changes nothing.

INVARIANT: under the policy that decided a call its replay gives the same ruling
(tests/review/test_replaying.py, tests/attacks/test_kept_facts.py).
INVARIANT: a call that lacks a fact which the policy asks for is not decided, but counted
(tests/review/test_replaying.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

from agentguard.policy import Policy
from agentguard.review.facts import DecidedCall, Ruling
from agentguard.vocabulary import (
    Call,
    ChargeLimits,
    Circumstances,
    Decision,
    Effect,
    Facts,
    ModelCall,
    OfferOnly,
    Reason,
    ReferOnly,
    ToolCall,
)

NO_ADDRESSES = "the addresses in its content were not recorded"
NO_FACTS = "no facts of it are kept"


class Needs(Protocol):
    """What must be known to decide the calls of a policy; see ``pipeline.Needs``."""

    def limits_of(self, call: Call) -> tuple[str, ...]:
        """Return the keys of the limits that a call may be counted under."""

    def paths_of(self, call: ToolCall, resources: Iterable[str]) -> frozenset[str]:
        """Return the texts of which it must be known where they lead, if anywhere."""


class Change(StrEnum):
    """How a decision changes, what widens most first."""

    NEWLY_ALLOWED = "newly allowed"
    NO_LONGER_ASKED = "allowed instead of asked"
    NEWLY_ASKED = "asked instead of denied"
    ASKED_OTHERWISE = "asked of others"
    NOW_ASKED = "asked instead of allowed"
    NEWLY_DENIED = "newly denied"


_CHANGES: Mapping[tuple[Effect, Effect], Change] = {
    (Effect.DENY, Effect.ALLOW): Change.NEWLY_ALLOWED,
    (Effect.APPROVE, Effect.ALLOW): Change.NO_LONGER_ASKED,
    (Effect.DENY, Effect.APPROVE): Change.NEWLY_ASKED,
    (Effect.ALLOW, Effect.APPROVE): Change.NOW_ASKED,
    (Effect.ALLOW, Effect.DENY): Change.NEWLY_DENIED,
    (Effect.APPROVE, Effect.DENY): Change.NEWLY_DENIED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """A recorded call and what a policy makes of it now.

    Attributes:
        decided: the call.
        now: the ruling; None where it cannot be given.
        missing: why it cannot be given.
    """

    decided: DecidedCall
    now: Ruling | None = None
    missing: str | None = None

    @property
    def change(self) -> Change | None:
        """How the decision changes; None where it has the same effect, or there is none."""
        was, now = self.decided.ruling, self.now
        if now is None:
            return None
        if was.effect is now.effect:
            return Change.ASKED_OTHERWISE if was.profile != now.profile else None
        return _CHANGES[was.effect, now.effect]


class Replay:
    """A policy that recorded calls are put to, in the order in which they were made.

    A limit under which a call was not counted when it was made is counted from the calls that
    were put to this replay before it.

    Args:
        policy: the policy.
        needs: what must be known to decide its calls.
    """

    def __init__(self, policy: Policy, needs: Needs) -> None:
        self._policy = policy
        self._needs = needs
        self._spent: dict[tuple[str, str], Decimal] = {}

    def __call__(self, decided: DecidedCall) -> Replayed:
        """Decide a recorded call again."""
        missing = self._missing(decided) or self._unheard(decided)
        if missing is not None:
            return Replayed(decided=decided, missing=missing)
        decision, ruling = self._ruling(decided)
        if decided.stopped is None and ruling.effect is not Effect.DENY:
            self._count(decided, decision)
        return Replayed(decided=decided, now=ruling)

    def _ruling(self, decided: DecidedCall) -> tuple[Decision, Ruling]:
        call, circumstances = decided.call, self._circumstances(decided)
        decision = self._policy.decide(call, decided.chain, circumstances)
        ruling = Ruling.of(decision)
        if decision.effect is Effect.DENY:
            return decision, ruling
        if isinstance(call, ModelCall) and (reason := _broken(decision, call)) is not None:
            return decision, ruling.refused(reason)
        if decided.counts is not None:
            found = Facts(counts=decided.counts, in_address=decided.in_address, empty=decided.empty)
            decision = self._policy.settle(decision, found, circumstances)
            ruling = Ruling.of(decision)
        return decision, ruling

    def _circumstances(self, decided: DecidedCall) -> Circumstances:
        known = decided.circumstances
        lacking = [key for key in self._needs.limits_of(decided.call) if key not in known.spent]
        if not lacking:
            return known
        session = decided.account_key
        counted = {key: self._spent.get((session, key), Decimal()) for key in lacking}
        return replace(known, spent={**counted, **known.spent})

    def _count(self, decided: DecidedCall, decision: Decision) -> None:
        for duty in decision.obligations:
            for charge in duty.charges if isinstance(duty, ChargeLimits) else ():
                account = decided.account_key, charge.key
                self._spent[account] = self._spent.get(account, Decimal()) + charge.amount

    def _missing(self, decided: DecidedCall) -> str | None:
        """Say which fact is missing that the policy asks for."""
        if decided.omitted:
            return "its arguments were too large to be kept"
        call = decided.call
        if not isinstance(call, ToolCall):
            asks = bool(self._policy.document.secret_stores)
            return NO_ADDRESSES if asks and call.payload is None else None
        tool = self._policy.tools.get(call.tool)
        if tool is None or tool.hosted:
            return f"the policy has no tool {call.tool!r}"
        if tool.resource is not None and decided.resources is None:
            return "the objects it was about were not recorded"
        asked = self._needs.paths_of(call, decided.resources or ())
        return None if decided.paths.keys() >= asked else "where its files led was not recorded"

    def _unheard(self, decided: DecidedCall) -> str | None:
        """Say whether it is missing what was said before the call.

        For the policy that decided it nothing is: what was not known then was read strictly.
        """
        if decided.ruling.policy == self._policy.digest:
            return None
        call = decided.call
        if decided.conversation is None and self._policy.asks_conversation(call):
            return "what had happened in its conversation was not recorded"
        asked = self._policy.asks_origins(call) if isinstance(call, ToolCall) else frozenset()
        known = asked <= decided.origins.keys()
        return None if known else "where its arguments came from was not recorded"


def _broken(decision: Decision, call: ModelCall) -> Reason | None:
    """Say which obligation of an allowed model call the call itself breaks."""
    for duty in decision.obligations:
        if isinstance(duty, ReferOnly) and not call.references <= duty.references:
            return Reason.REFERENCE
    for duty in decision.obligations:
        if isinstance(duty, OfferOnly) and call.forced_tool is not None:
            return None if call.forced_tool in duty.tools else Reason.NOT_ALLOWLISTED
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Calls whose decision changes in the same way.

    Attributes:
        change: how it changes.
        actor: the id of who made the calls.
        target: the tool, or verb and path template.
        was, now: the rulings, alike in effect, rule, reason and profile.
        calls: how many.
        persons: the ids of whom they were made for.
        sessions: in how many sessions.
        example: one of them, the first.
    """

    change: Change
    actor: str
    target: str
    was: Ruling
    now: Ruling
    calls: int
    persons: tuple[str, ...]
    sessions: int
    example: DecidedCall


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a replay came to.

    Attributes:
        recorded: how many calls a policy decided in the time that was looked at.
        same: how many are decided alike, by the same rule.
        otherwise: how many are decided alike, but by another rule or for another reason.
        groups: those whose decision changes, what widens most first.
        missing: why how many could not be decided again.
        shadow: by rule, how many would be decided otherwise if it were not in shadow.
    """

    recorded: int
    same: int
    otherwise: int
    groups: tuple[Group, ...]
    missing: Mapping[str, int]
    shadow: Mapping[str, int]


@dataclass(slots=True)
class _Bundle:
    first: Replayed
    calls: int = 0
    persons: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)

    def add(self, decided: DecidedCall) -> None:
        self.calls += 1
        self.sessions.add(decided.session_key)
        if decided.person is not None:
            self.persons.add(decided.person)


def summary(replayed: Iterable[Replayed | None]) -> Summary:
    """Return what a replay came to.

    Args:
        replayed: the calls, as they were decided again; None for one of which no facts are kept.
    """
    counts, missing, shadow = Counter[str](), Counter[str](), Counter[str]()
    bundles: dict[object, _Bundle] = {}
    for each in replayed:
        counts["recorded"] += 1
        if each is None:
            missing[NO_FACTS] += 1
            continue
        was, now = each.decided.ruling, each.now
        if now is None:
            missing[each.missing or ""] += 1
            continue
        if now.shadow is not None:
            shadow[now.shadow.rule or ""] += 1
        if each.change is None:
            alike = (was.rule, was.reason) == (now.rule, now.reason)
            counts["same" if alike else "otherwise"] += 1
            continue
        actor = each.decided.chain.actor.id
        bundle = bundles.setdefault(
            (actor, _target(each.decided), _key(was), _key(now)), _Bundle(each)
        )
        bundle.add(each.decided)
    return Summary(
        recorded=counts["recorded"],
        same=counts["same"],
        otherwise=counts["otherwise"],
        groups=tuple(_groups(bundles.values())),
        missing=dict(missing),
        shadow=dict(shadow),
    )


def _groups(bundles: Iterable[_Bundle]) -> list[Group]:
    order = list(Change)
    groups = [
        Group(
            change=each.first.change,
            actor=each.first.decided.chain.actor.id,
            target=_target(each.first.decided),
            was=each.first.decided.ruling,
            now=each.first.now,
            calls=each.calls,
            persons=tuple(sorted(each.persons)),
            sessions=len(each.sessions),
            example=each.first.decided,
        )
        for each in bundles
        if each.first.change is not None and each.first.now is not None
    ]
    return sorted(
        groups,
        key=lambda group: (order.index(group.change), -group.calls, group.actor, group.target),
    )


def _target(decided: DecidedCall) -> str:
    call = decided.call
    return call.tool if isinstance(call, ToolCall) else call.pair


def _key(ruling: Ruling) -> object:
    return ruling.effect, ruling.rule, ruling.reason, ruling.profile
