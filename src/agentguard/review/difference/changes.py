# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a difference between two versions of a policy, and is it real?

A change comes with a call that both versions were asked about. What was found to differ, but no
call shows it, is told as not decided.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from agentguard.review.difference.boxes import Box, TooManyCuts, left_over, meet
from agentguard.review.difference.versions import Situation, Version
from agentguard.review.explaining import explain
from agentguard.review.questions import Question
from agentguard.vocabulary import (
    AskApproval,
    ChargeLimits,
    Decision,
    Effect,
    ReceiveOnly,
    WithoutTools,
)

_MOST_PICKS = 24


class Kind(StrEnum):
    """What the second version does that the first does not; the first three widen."""

    ALLOWS = "newly_allows"
    ASKS = "newly_asks"
    ALLOWS_UNASKED = "allows_instead_of_asking"
    OTHERWISE = "asks_or_counts_otherwise"
    ASKS_FIRST = "asks_instead_of_allowing"
    DENIES = "newly_denies"

    @property
    def widens(self) -> bool:
        """Whether somebody may do more than before, or may perhaps."""
        return self in {Kind.ALLOWS, Kind.ASKS, Kind.ALLOWS_UNASKED, Kind.OTHERWISE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One difference.

    Attributes:
        kind: what the second version does.
        identities: who it is about.
        target: the tool, or the provider.
        rule: the rule of the second version that does it, for what it newly denies the rule of
            the first that allowed it; None where nothing more is known.
        witness: a call that shows it; None where it could not be decided whether there is one.
        situations: in how many situations that rules tell apart it was found.
        note: why it could not be decided.
    """

    kind: Kind
    identities: tuple[str, ...]
    target: str
    rule: str | None
    witness: Question | None
    situations: int = 1
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one rule says, as a box."""

    rule: str
    box: Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What one version says in a situation, strictest last."""

    allows: tuple[Part, ...] = ()
    asks: tuple[Part, ...] = ()
    denies: tuple[Part, ...] = ()

    @property
    def lets(self) -> tuple[Part, ...]:
        """What is allowed or asked about, where nothing denies it."""
        return (*self.allows, *self.asks)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Where a difference may lie: within a box, outside of others."""

    kind: Kind
    rule: str
    box: Box
    without: tuple[Box, ...]


def _boxes(parts: Iterable[Part]) -> tuple[Box, ...]:
    return tuple(part.box for part in parts)


def candidates(before: Said, after: Said) -> Iterator[Candidate]:
    """Return where every kind of difference may lie; a place that is empty is returned as well."""
    stricter = _boxes((*after.denies, *after.asks))
    yield from _newly(Kind.ALLOWS, after.allows, stricter, before)
    yield from _newly(Kind.ASKS, after.asks, _boxes(after.denies), before)
    for kind, ours, theirs, without in (
        (Kind.ALLOWS_UNASKED, after.allows, before.asks, (*stricter, *_boxes(before.denies))),
        (
            Kind.ASKS_FIRST,
            after.asks,
            before.allows,
            (*_boxes(after.denies), *_boxes(before.denies), *_boxes(before.asks)),
        ),
    ):
        yield from _shared(kind, ours, theirs, without)
    for part in before.lets:
        yield Candidate(
            kind=Kind.DENIES,
            rule=part.rule,
            box=part.box,
            without=(*_boxes(before.denies), *_boxes(after.lets)),
        )
    yield from _shared(Kind.DENIES, before.lets, after.denies, _boxes(before.denies))


def otherwise(before: Said, after: Said) -> Iterator[Candidate]:
    """Return where both let something happen by rules that may ask or count otherwise."""
    denied = (*_boxes(after.denies), *_boxes(before.denies))
    yield from _shared(Kind.OTHERWISE, after.lets, before.lets, denied)


def _newly(
    kind: Kind, parts: Sequence[Part], stricter: tuple[Box, ...], before: Said
) -> Iterator[Candidate]:
    for part in parts:
        without = (*stricter, *_boxes(before.lets))
        yield Candidate(kind=kind, rule=part.rule, box=part.box, without=without)
    yield from _shared(kind, parts, before.denies, stricter)


def _shared(
    kind: Kind, ours: Sequence[Part], theirs: Sequence[Part], without: tuple[Box, ...]
) -> Iterator[Candidate]:
    for part in ours:
        for other in theirs:
            box = meet(part.box, other.box)
            if box is not None:
                yield Candidate(kind=kind, rule=part.rule, box=box, without=without)


Ask = Callable[[tuple[int, ...]], Question | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Looks for calls that show differences in one situation.

    Attributes:
        before: the first version.
        after: the second version.
        known: the points of which a call can be made.
        ask: makes the call of a point, None where none can be made.
        complete: whether the boxes tell apart all calls that there are.
        hosted: whether the calls are about a tool that runs at the provider.
    """

    before: Version
    after: Version
    known: Box
    ask: Ask
    complete: bool
    hosted: bool = False

    def look(self, candidate: Candidate) -> tuple[Question | None, str] | None:
        """Return a call that shows a difference, or why that is not decided; None for neither."""
        note = ""
        known = meet(candidate.box, self.known)
        try:
            for box in self._parts(known, candidate.without):
                question = self._shown(candidate.kind, box)
                if question is not None:
                    return question, ""
                note = "no call was found that both versions agree to differ on"
                break
            if note or left_over(candidate.box, candidate.without) is not None:
                return None, note or "what tells its values apart could not be decided"
        except TooManyCuts:
            return None, "the rules overlap in too many ways"
        return None if self.complete else (None, "not all kinds of values could be looked at")

    @staticmethod
    def _parts(box: Box | None, without: tuple[Box, ...]) -> Iterator[Box]:
        if box is not None:
            found = left_over(box, without)
            if found is not None:
                yield found

    def _shown(self, kind: Kind, box: Box) -> Question | None:
        for point in _picks(box):
            question = self.ask(point)
            if question is not None and self.shows(kind, question):
                return question
        return None

    def shows(self, kind: Kind, question: Question) -> bool:
        """Say whether a call shows a kind of difference: both versions are asked."""
        one = self._outcome(self.before, question)
        other = self._outcome(self.after, question)
        return _kind_of(one, other) is kind

    def _outcome(self, version: Version, question: Question) -> tuple[Effect, object]:
        explanation = explain(version.document, question, version.policy, rules=False)
        decision = explanation.decision
        removed = self.hosted and any(
            isinstance(each, WithoutTools) for each in decision.obligations
        )
        return Effect.DENY if removed else explanation.effect, _conditions(version, decision)


def _kind_of(one: tuple[Effect, object], other: tuple[Effect, object]) -> Kind | None:
    if one[0] is other[0]:
        return Kind.OTHERWISE if one[0] is not Effect.DENY and one[1] != other[1] else None
    return {
        (Effect.DENY, Effect.ALLOW): Kind.ALLOWS,
        (Effect.DENY, Effect.APPROVE): Kind.ASKS,
        (Effect.APPROVE, Effect.ALLOW): Kind.ALLOWS_UNASKED,
        (Effect.ALLOW, Effect.APPROVE): Kind.ASKS_FIRST,
    }.get((one[0], other[0]), Kind.DENIES)


def _conditions(version: Version, decision: Decision) -> object:
    """Return whom a decision asks, what arguments may hold, and what is counted."""
    found: list[object] = []
    for duty in decision.obligations:
        if isinstance(duty, AskApproval):
            profile = version.policy.profiles[duty.profile]
            found.append((profile.need, frozenset(each.id for each in profile.approvers)))
        if isinstance(duty, ReceiveOnly):
            found.append(duty.classes)
        if isinstance(duty, ChargeLimits):
            found.append(frozenset((each.key, each.most) for each in duty.charges))
    return found


def _picks(box: Box) -> Iterator[tuple[int, ...]]:
    """Return points of a box, the lowest first; not all of them."""
    sides = [[bit for bit in range(side.bit_length()) if side >> bit & 1] for side in box]
    point = tuple(side[0] for side in sides)
    yield point
    for turn in range(1, _MOST_PICKS):
        yield tuple(side[turn % len(side)] for side in sides)
        for place, side in enumerate(sides):
            if turn < len(side):
                yield (*point[:place], side[turn], *point[place + 1 :])


def told(
    identities: tuple[str, ...],
    target: str,
    searches: Iterable[tuple[Said, Said, Search, Situation]],
) -> list[Change]:
    """Return the differences in some situations, one for each kind and rule.

    What could not be decided is told unless the same was shown of the same rule.
    """
    shown: dict[tuple[Kind, str], Change] = {}
    open_: dict[tuple[Kind, str], Change] = {}
    for before, after, search, _ in searches:
        for candidate in (*candidates(before, after), *otherwise(before, after)):
            key = candidate.kind, candidate.rule
            if key in shown:
                continue
            found = search.look(candidate)
            if found is None or (candidate.kind is Kind.OTHERWISE and found[0] is None):
                continue
            witness, note = found
            change = Change(
                kind=candidate.kind,
                identities=identities,
                target=target,
                rule=candidate.rule,
                witness=witness,
                note=note,
            )
            if witness is None:
                open_.setdefault(key, change)
            else:
                shown[key] = change
    return [*shown.values(), *(each for key, each in open_.items() if key not in shown)]
