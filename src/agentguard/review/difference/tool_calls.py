# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which calls of a tool do two versions of a policy treat differently?

Every argument that a rule of either version names is a side of a box; so are all other arguments
together, and the objects that a call is about.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from agentguard.canonical import Frozen
from agentguard.policy.constraints import UNLINKED, Anything
from agentguard.policy.rules import CompiledRule
from agentguard.review.difference.boxes import Box
from agentguard.review.difference.changes import Change, Kind, Part, Said, Search, told
from agentguard.review.difference.representatives import fewer, lists
from agentguard.review.difference.sides import (
    MOST_KINDS,
    Claims,
    Feature,
    KindOfValue,
    Side,
    side_of,
)
from agentguard.review.difference.versions import (
    Rules,
    Situation,
    Slice,
    Version,
    situations,
)
from agentguard.review.explaining import explain
from agentguard.review.questions import ACTOR, PERSON, NotAQuestion, Question
from agentguard.vocabulary import Chain, Circumstances, Effect, Principal, PrincipalKind

_ABSENT = 1
_WITHOUT_LINKS = Circumstances(paths=UNLINKED)


def tool_changes(before: Version, after: Version, found: Slice, now: datetime) -> list[Change]:
    """Return the differences in calls of one tool."""
    asking = [each for each in (*found.after, *found.before) if _asks_origins(each)]
    if asking:
        # Kinds of values are told apart by what they are, not by where they were seen.
        change = Change(
            kind=Kind.ALLOWS,
            identities=found.identities,
            target=found.target,
            rule=asking[0].spec.id,
            witness=None,
            note="where arguments come from is not compared: read 'from' and 'else' of its rules",
        )
        return [change]
    return told(found.identities, found.target, _searches(before, after, found, now))


def _asks_origins(rule: CompiledRule) -> bool:
    return any(each.origins is not None for each in rule.spec.arguments)


def _searches(
    before: Version, after: Version, found: Slice, now: datetime
) -> Iterator[tuple[Said, Said, Search, Situation]]:
    seen: set[object] = set()
    layouts: dict[object, _Layout] = {}
    apart = before.compares_ids or after.compares_ids
    for situation in situations(before, after, found, now):
        ours = _applying(before, found.before, found.target, situation)
        theirs = _applying(after, found.after, found.target, situation)
        # Somebody's id is a value among others where rules compare with it.
        whose = situation.person if apart else situation.person is None
        key = (whose, _numbers(ours), _numbers(theirs))
        if key in seen or not (ours or theirs):
            continue
        seen.add(key)
        if whose not in layouts:
            layouts[whose] = _laid_out(before, after, found, situation)
        layout = layouts[whose]
        search = Search(
            before=before,
            after=after,
            known=layout.known,
            ask=lambda point, layout=layout, situation=situation: layout.question(point, situation),  # type: ignore[misc]  # bound to this turn
            complete=layout.complete,
            hosted=layout.hosted is not None,
        )
        yield (
            layout.said(ours, before),
            layout.said(theirs, after),
            search,
            situation,
        )


def _numbers(rules: Rules | None) -> tuple[int, ...]:
    return tuple(id(rule) for rule in rules or ())


def _applying(version: Version, rules: Rules, target: str, situation: Situation) -> Rules | None:
    """Return the rules that may apply, None where nothing may be called at all."""
    if not version.admits(situation) or not version.is_open(target, situation):
        return None
    return version.in_force(rules, target, situation)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Layout:
    """The sides of the boxes.

    Attributes:
        target: the tool.
        hosted: the provider's type of a tool that runs there, None for a function.
        carriers: model calls that could name a tool which runs at the provider.
        sides: for each named argument the kinds of its values.
        objects: the kinds of sets of objects that a call may be about.
        unlisted: the name of an argument that no rule lists.
    """

    target: str
    hosted: str | None
    carriers: tuple[Question, ...]
    sides: Mapping[str, Side]
    objects: Side
    unlisted: str

    @property
    def complete(self) -> bool:
        """Whether the kinds are all that there are."""
        return all(side.complete for side in (*self.sides.values(), self.objects))

    @property
    def known(self) -> Box:
        """The points of which a call can be made."""
        return (*(_ABSENT | side.known << 1 for side in self._every), 3)

    @property
    def _every(self) -> tuple[Side, ...]:
        return (*self.sides.values(), self.objects)

    def said(self, rules: Rules | None, version: Version) -> Said:
        """Return what rules say, as boxes."""
        parts: dict[Effect, list[Part]] = {effect: [] for effect in Effect}
        tool = version.tools.get(self.target)
        needs_objects = tool is not None and tool.resource is not None
        for rule in rules or ():
            box = self._box(rule, needs_objects=needs_objects)
            if all(box):
                parts[rule.spec.effect].append(Part(rule=rule.spec.id, box=box))
        return Said(
            allows=tuple(parts[Effect.ALLOW]),
            asks=tuple(parts[Effect.APPROVE]),
            denies=tuple(parts[Effect.DENY]),
        )

    def _box(self, rule: CompiledRule, *, needs_objects: bool) -> Box:
        denies = rule.spec.effect is Effect.DENY
        listed = {each.name: each for each in rule.spec.arguments}
        box: list[int] = []
        for name, side in self.sides.items():
            every = (1 << len(side.kinds)) - 1
            each = listed.get(name)
            if each is None:
                box.append((every << 1 if denies else 0) | _ABSENT)
                continue
            having = side.having[Feature(each.constraint, denies).key] << 1
            box.append(having | (_ABSENT if denies or each.optional else 0))
        every = (1 << len(self.objects.kinds)) - 1
        if rule.spec.resource is not None:
            having = self.objects.having[Feature(rule.spec.resource, denies).key] << 1
            box.append(having | (_ABSENT if denies else 0))
        else:
            box.append(every << 1 | (0 if needs_objects and not denies else _ABSENT))
        box.append(3 if denies else _ABSENT)
        return tuple(box)

    def question(self, point: tuple[int, ...], situation: Situation) -> Question | None:
        """Return the call of a point, None where claims would have to be two things at once."""
        *places, others = point
        arguments: dict[str, Frozen] = {}
        wanted: list[Claims] = []
        for (name, side), place in zip(self.sides.items(), places[:-1], strict=True):
            if place:
                kind = side.kinds[place - 1]
                arguments[name] = kind.value
                wanted.append(kind.claims)
        if others:
            arguments[self.unlisted] = 1
        objects = self.objects.kinds[places[-1] - 1].value if places[-1] else None
        claims = _claims_of(wanted)
        if claims is None:
            return None
        question = Question(
            actor=situation.identity,
            person=situation.person,
            tool=self.target,
            arguments=MappingProxyType(arguments),
            definition=situation.definition,
            environment=situation.environment,
            assurance=situation.assurance,
            claims=claims,
            resources=objects if isinstance(objects, tuple) else None,  # type: ignore[arg-type]  # ids alone were put in
            now=situation.now,
        )
        return question if self.hosted is None else self._carried(question)

    def _carried(self, question: Question) -> Question | None:
        """Return a model call that names a tool which runs at the provider."""
        if self.hosted is None or not self.carriers:
            return None
        carrier = self.carriers[0]
        return replace(
            question,
            tool=None,
            arguments=MappingProxyType({}),
            definition=None,
            resources=None,
            provider=carrier.provider,
            operation=carrier.operation,
            model=carrier.model,
            hosted=((self.hosted, question.arguments),),
        )


def _claims_of(wanted: list[Claims]) -> dict[str, Mapping[str, Frozen]] | None:
    """Return claims that hold all that is wanted of them, None where that cannot be."""
    held: dict[tuple[str, str], list[Frozen]] = {}
    missing: set[tuple[str, str]] = set()
    for claims in wanted:
        for name, values in claims.items():
            if values is None:
                missing.add(name)
            else:
                held.setdefault(name, []).extend(values)
    if missing & held.keys():
        return None
    found: dict[str, dict[str, Frozen]] = {}
    for (holder, claim), wanted_values in held.items():
        every = fewer(wanted_values)
        found.setdefault(holder, {})[claim] = every[0] if len(every) == 1 else tuple(every)
    return {holder: MappingProxyType(claims) for holder, claims in found.items()}


def _laid_out(before: Version, after: Version, found: Slice, situation: Situation) -> _Layout:
    rules = (*found.before, *found.after)
    features: dict[str, list[Feature]] = {}
    on_objects: list[Feature] = []
    for rule in rules:
        denies = rule.spec.effect is Effect.DENY
        for each in rule.spec.arguments:
            features.setdefault(each.name, []).append(Feature(each.constraint, denies))
        if rule.spec.resource is not None:
            on_objects.append(Feature(rule.spec.resource, denies))

    def whose(claims: Claims) -> Chain:
        return _chain(situation, claims)

    tools = [
        version.tools[found.target] for version in (before, after) if found.target in version.tools
    ]
    acts_on_objects = any(tool.resource is not None for tool in tools)
    types = sorted(name for tool in tools for name in tool.hosted)
    unlisted = "unlisted"
    while unlisted in features:
        unlisted += "_too"
    return _Layout(
        target=found.target,
        hosted=types[0] if types else None,
        carriers=(*_carriers(after, situation), *_carriers(before, situation)) if types else (),
        sides={
            name: side_of(each, whose, _WITHOUT_LINKS) for name, each in sorted(features.items())
        },
        objects=_objects_side(on_objects, whose, acts_on_objects=acts_on_objects),
        unlisted=unlisted,
    )


def _chain(situation: Situation, claims: Claims) -> Chain:
    held: dict[str, dict[str, Frozen]] = {PERSON: {}, ACTOR: {}}
    for (holder, claim), values in claims.items():
        if values is not None:
            held[holder][claim] = values
    principals = [
        Principal(id=name, kind=PrincipalKind(name.partition(":")[0]), claims=held[holder])
        for name, holder in ((situation.person, PERSON), (situation.identity, ACTOR))
        if name is not None
    ]
    return Chain(principals=tuple(principals))


def _objects_side(features: list[Feature], whose: object, *, acts_on_objects: bool) -> Side:
    """Return the kinds of sets of objects: what each is, and what meets in one call."""
    if not acts_on_objects:
        return Side(kinds=(), having={each.key: 0 for each in features}, known=0, complete=True)
    asked = features or [Feature(Anything(), denies=False)]
    single = side_of(asked, whose, _WITHOUT_LINKS)  # type: ignore[arg-type]  # gives a chain
    texts = [
        (place, kind)
        for place, kind in enumerate(single.kinds)
        if isinstance(kind.value, str) and kind.known
    ]
    size = min(4, max(1, len(asked)))
    made, all_there = lists(
        [(str(place),) for place, _ in texts], range(1, size + 1), size, MOST_KINDS
    )
    sets = [tuple(dict.fromkeys(int(str(place)) for place in each)) for each in made if each]
    kinds = tuple(
        KindOfValue(
            value=tuple(single.kinds[place].value for place in places),
            claims=_merged(single.kinds[place].claims for place in places),
        )
        for places in sets
    )
    having: dict[tuple[bytes, bool], int] = {}
    for each in asked:
        bits = single.having[each.key]
        meets = any if each.denies else all
        having[each.key] = sum(
            1 << index
            for index, places in enumerate(sets)
            if meets(bits >> place & 1 for place in places)
        )
    return Side(
        kinds=kinds,
        having=having,
        known=(1 << len(kinds)) - 1,
        complete=single.complete and all_there and single.known == (1 << len(single.kinds)) - 1,
    )


def _merged(every: Iterator[Claims]) -> Claims:
    merged: dict[tuple[str, str], tuple[Frozen, ...] | None] = {}
    for claims in every:
        for name, values in claims.items():
            known = merged.get(name)
            merged[name] = values if known is None or values is None else (*known, *values)
    return merged


def _carriers(version: Version, situation: Situation) -> Iterator[Question]:
    """Return model calls that a version allows, to name tools of the provider in."""
    for rules in version.rules_for(version.named.get(situation.identity, ())).values():
        for rule in rules:
            if not rule.spec.providers or rule.spec.effect is not Effect.ALLOW:
                continue
            for operation in rule.spec.effective_operations or ():
                model = rule.spec.models[0].replace("*", "m") if rule.spec.models else ""
                carrier = Question(
                    actor=situation.identity,
                    person=situation.person,
                    environment=situation.environment,
                    assurance=situation.assurance,
                    now=situation.now,
                    provider=rule.spec.providers[0],
                    operation=operation,
                    model=model,
                )
                with suppress(NotAQuestion):
                    asked = explain(version.document, carrier, version.policy, rules=False)
                    if asked.effect is Effect.ALLOW:
                        yield carrier
