# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which kinds of values does one argument have, as far as two policies can tell them apart?

A kind is what the same constraints are satisfied by, and ruled out for. Most kinds have a value
that was held against the constraints themselves. Kinds that may exist, and of which no value is
known, are kept as well: what is allowed only there is told as not decided.

INVARIANT: every value is of a kind that is returned, unless it is said that some are missing
(tests/review/test_sides.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product

from agentguard.canonical import Frozen, is_object
from agentguard.policy import Constraint
from agentguard.policy.constraints import AllOf, Each, Items, Members, OneOf, are_disjoint
from agentguard.review.difference.leaves import (
    claims_in,
    elements,
    follows,
    key_of_form,
    leaves,
)
from agentguard.review.difference.representatives import (
    ODD,
    Texts,
    fewer,
    lists,
    numbers,
    objects,
    texts,
)
from agentguard.vocabulary import Chain, Circumstances

MOST_KINDS = 3_000
_MOST_COMBINATIONS = 256
_MOST_FREE = 6
_MOST_STATES = 3
_LONGEST_LIST = 1_100
_OTHER_CLAIM: tuple[Frozen, ...] = ("something else altogether", -987654321, -98765.25, False)

Claims = Mapping[tuple[str, str], tuple[Frozen, ...] | None]


@dataclass(frozen=True, slots=True)
class Feature:
    """What a rule asks of an argument: to satisfy a constraint, or not to be ruled out by it."""

    constraint: Constraint
    denies: bool

    @property
    def key(self) -> tuple[bytes, bool]:
        """What is equal for features that ask the same."""
        return key_of_form(self.constraint), self.denies


@dataclass(frozen=True, slots=True, kw_only=True)
class KindOfValue:
    """Values that no rule tells apart.

    Attributes:
        value: one of them; of no meaning where none is known.
        claims: what claims must hold for that, None for a claim that must be missing.
        known: whether the value was held against the constraints.
    """

    value: Frozen
    claims: Claims
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The kinds of values of one argument.

    Attributes:
        kinds: the kinds.
        having: for each feature, by its key, the kinds that have it, as bits.
        known: the kinds of which a value is known, as bits.
        complete: whether these are all kinds.
    """

    kinds: tuple[KindOfValue, ...]
    having: Mapping[tuple[bytes, bool], int]
    known: int
    complete: bool


Whose = Callable[[Claims], Chain]


def side_of(features: Iterable[Feature], whose: Whose, circumstances: Circumstances) -> Side:
    """Return the kinds of values that some features tell apart.

    Args:
        features: what rules ask.
        whose: gives a chain whose person and actor have some claims.
        circumstances: where paths lead.
    """
    asked = tuple({each.key: each for each in features}.values())
    judge = _Judge(asked, whose, circumstances)
    values, judged_texts, complete, opaque = _values(asked, whose, circumstances)
    found: dict[tuple[bool, ...], KindOfValue] = {}
    for value in values:
        for claims in _claims(asked, value):
            kind = KindOfValue(value=value, claims=claims)
            found.setdefault(judge.judged(value, claims), kind)
    complete = complete and _claims_are_few(asked)
    for signature in _spelled_otherwise(judge, judged_texts):
        found.setdefault(signature, KindOfValue(value="", claims={}, known=False))
    for bases, conditions in opaque:
        combined, all_there = _combined(judge, bases, conditions)
        complete = complete and all_there
        for signature in combined:
            found.setdefault(signature, KindOfValue(value=bases[0], claims={}, known=False))
    kinds = list(found.items())
    having = {
        each.key: sum(1 << bit for bit, (signature, _) in enumerate(kinds) if signature[place])
        for place, each in enumerate(asked)
    }
    return Side(
        kinds=tuple(kind for _, kind in kinds),
        having=having,
        known=sum(1 << bit for bit, (_, kind) in enumerate(kinds) if kind.known),
        complete=complete and len(kinds) <= MOST_KINDS,
    )


class _Judge:
    """Says which features a value has."""

    def __init__(
        self, asked: Sequence[Feature], whose: Whose, circumstances: Circumstances
    ) -> None:
        self.asked = asked
        self._whose = whose
        self._circumstances = circumstances
        self._here: dict[object, tuple[Constraint, ...]] = {}

    def judged(self, value: Frozen, claims: Claims) -> tuple[bool, ...]:
        """Return for each feature whether a value has it."""
        key = tuple(sorted((name, repr(held)) for name, held in claims.items()))
        if key not in self._here:
            chain = self._whose(claims)
            self._here[key] = tuple(
                each.constraint.in_context(chain, self._circumstances) for each in self.asked
            )
        return tuple(
            not here.rules_out(value) if each.denies else here.problem_with(value) is None
            for each, here in zip(self.asked, self._here[key], strict=True)
        )

    def presumed(
        self, value: Frozen, satisfied: frozenset[bytes], possible: frozenset[bytes]
    ) -> tuple[bool, ...]:
        """Return for each feature whether a value like this one has it, if it has these others.

        Args:
            value: a value that nothing else tells apart from it.
            satisfied: the conditions that are taken to be satisfied.
            possible: the conditions that are taken not to be ruled out.
        """
        return tuple(
            self._presumed(each.constraint, value, satisfied, possible, denies=each.denies)
            for each in self.asked
        )

    def _presumed(
        self,
        constraint: Constraint,
        value: Frozen,
        satisfied: frozenset[bytes],
        possible: frozenset[bytes],
        *,
        denies: bool,
    ) -> bool:
        if isinstance(constraint, AllOf):
            return all(
                self._presumed(part, value, satisfied, possible, denies=denies)
                for part in constraint.parts
            )
        key = key_of_form(constraint)
        if key in self.presumable:
            return key in (possible if denies else satisfied)
        here = constraint.in_context(self._whose({}), self._circumstances)
        return not here.rules_out(value) if denies else here.problem_with(value) is None

    presumable: frozenset[bytes] = frozenset()


def _claims_are_few(asked: Sequence[Feature]) -> bool:
    """Say whether everything that claims may hold is looked at together."""
    names = {name for each in asked for name in claims_in(each.constraint)}
    return len(names) <= _MOST_STATES


def _claims(asked: Sequence[Feature], value: Frozen) -> Iterator[Claims]:
    """Return what claims may hold: the value, something else, or nothing at all."""
    names = sorted({name for each in asked for name in claims_in(each.constraint)})
    if not names:
        yield {}
        return
    held = tuple(_scalars(value))
    states: tuple[tuple[Frozen, ...] | None, ...] = (*((held,) if held else ()), _OTHER_CLAIM, None)
    if len(names) > _MOST_STATES:
        states = states[:2]
    for row in product(states, repeat=len(names)):
        yield dict(zip(names, row, strict=True))


def _scalars(value: Frozen) -> Iterator[Frozen]:
    if isinstance(value, tuple):
        for item in value:
            yield from _scalars(item)
    elif is_object(value):
        for item in value.values():
            yield from _scalars(item)
    elif value is not None:
        yield value


Opaque = list[tuple[list[Frozen], tuple[Constraint, ...]]]


def _values(
    asked: Sequence[Feature], whose: Whose, circumstances: Circumstances
) -> tuple[list[Frozen], Texts, bool, Opaque]:
    """Return values of every type, and what of them is not told apart exactly."""
    conditions = tuple(
        {key_of_form(leaf): leaf for each in asked for leaf in leaves(each.constraint)}.values()
    )
    found_texts = texts(conditions)
    values: list[Frozen] = [*found_texts.texts, *numbers(conditions), *ODD]
    chain = whose({})
    values += [each.id for each in chain.principals]
    complete, opaque = True, Opaque()
    if found_texts.opaque:
        bases: list[Frozen] = [kind.texts[-1] for kind in found_texts.kinds if kind.texts]
        opaque.append((bases or ["something else"], found_texts.opaque))
    on_lists = [each for each in conditions if isinstance(each, Each | Items)]
    if on_lists:
        made, all_there = _lists(asked, on_lists, whose, circumstances)
        values += made
        if not all_there:
            opaque.append(([("something else",)], tuple(on_lists)))
    on_objects = [each for each in conditions if isinstance(each, Members)]
    if on_objects:
        shapes, all_there = _objects(asked, on_objects, whose, circumstances)
        values += shapes
        if not all_there:
            opaque.append(([shapes[0]], tuple(on_objects)))
    return fewer(values), found_texts, complete, opaque


def _uses(asked: Sequence[Feature], condition: Constraint) -> Iterator[bool]:
    """Return how a condition is used: to allow, to deny, or both."""
    key = key_of_form(condition)
    for denies in (False, True):
        if any(
            each.denies is denies and key in map(key_of_form, leaves(each.constraint))
            for each in asked
        ):
            yield denies


def _lists(
    asked: Sequence[Feature],
    conditions: Sequence[Each | Items],
    whose: Whose,
    circumstances: Circumstances,
) -> tuple[list[tuple[Frozen, ...]], bool]:
    features = [
        Feature(each.item if isinstance(each, Items) else OneOf(options=each.options), denies)
        for each in conditions
        for denies in _uses(asked, each)
    ]
    inner = side_of(features, whose, circumstances)
    lengths = {
        length
        for each in conditions
        for edge in (each.least, each.most)
        for length in (edge - 1, edge, edge + 1)
        if 0 < length <= _LONGEST_LIST
    } | {1}
    known = [(kind.value,) for kind in inner.kinds if kind.known]
    complete = (
        inner.complete
        and len(known) == len(inner.kinds)
        and all(each.most < _LONGEST_LIST for each in conditions)
        and not any(isinstance(each, Items) and each.unique for each in conditions)
        and not any(claims_in(each) for each in conditions)
    )
    made, all_there = lists(known, lengths, max(1, len(features)), MOST_KINDS)
    return made, complete and all_there


def _objects(
    asked: Sequence[Feature],
    conditions: Sequence[Members],
    whose: Whose,
    circumstances: Circumstances,
) -> tuple[list[Frozen], bool]:
    features: dict[str, list[Feature]] = {}
    for each in conditions:
        for name, constraint, _ in each.members:
            features.setdefault(name, []).extend(
                Feature(constraint, denies) for denies in _uses(asked, each)
            )
    inner = {name: side_of(each, whose, circumstances) for name, each in features.items()}
    complete = all(
        each.complete and each.known == (1 << len(each.kinds)) - 1 for each in inner.values()
    )
    complete = complete and not any(claims_in(each) for each in conditions)
    values = {
        name: [kind.value for kind in each.kinds if kind.known] for name, each in inner.items()
    }
    made, all_there = objects(values, MOST_KINDS)
    return made, complete and all_there


def _spelled_otherwise(judge: _Judge, found: Texts) -> Iterator[tuple[bool, ...]]:
    """Return what a text may be that is spelled unlike a rule which denies spells it.

    For a deny rule other Unicode forms of a text count as well, so such a text has what one kind
    satisfies, and what another is not ruled out for.
    """
    denying = [place for place, each in enumerate(judge.asked) if each.denies]
    if not denying or not found.kinds:
        return
    kinds = [(kind, judge.judged(kind.texts[0], {})) for kind in found.kinds if kind.texts]
    possible = {tuple(bits[place] for place in denying) for _, bits in kinds}
    # A text, its composed and its decomposed form: three spellings at most.
    possible |= {_either(one, other) for one, other in combinations(sorted(possible), 2)}
    for kind, bits in kinds:
        if not kind.foreign:
            continue
        own = tuple(bits[place] for place in denying)
        for other in possible:
            spelled = dict(zip(denying, _either(own, other), strict=True))
            yield tuple(spelled.get(place, bit) for place, bit in enumerate(bits))


def _either(one: tuple[bool, ...], other: tuple[bool, ...]) -> tuple[bool, ...]:
    return tuple(a or b for a, b in zip(one, other, strict=True))


def _combined(
    judge: _Judge, bases: Sequence[Frozen], conditions: Sequence[Constraint]
) -> tuple[set[tuple[bool, ...]], bool]:
    """Return what values may be that satisfy any of the conditions which can go together."""
    parts = {key_of_form(each): each for condition in conditions for each in elements(condition)}
    whole = {key_of_form(each): each for each in conditions}
    judge.presumable = frozenset(whole)
    made_of = {key: frozenset(map(key_of_form, elements(each))) for key, each in whole.items()}
    denied = frozenset(key for key in whole if True in set(_uses(judge.asked, whole[key])))
    signatures: set[tuple[bool, ...]] = set()
    together, complete = _together(parts)
    for chosen in together:
        satisfied = frozenset(key for key, made in made_of.items() if made & chosen)
        possibilities, all_there = _possible(whole, satisfied, denied)
        complete = complete and all_there
        for possible in possibilities:
            signatures |= {judge.presumed(base, satisfied, possible) for base in bases}
    return signatures, complete


def _together(parts: Mapping[bytes, Constraint]) -> tuple[list[frozenset[bytes]], bool]:
    """Return the sets of conditions that one value may satisfy, and no others."""
    keys = sorted(parts)
    implied = {
        key: frozenset(other for other in keys if follows(parts[key], parts[other])) for key in keys
    }
    apart = {
        (one, other)
        for one, other in combinations(keys, 2)
        if are_disjoint(parts[one], parts[other])
    }
    found: set[frozenset[bytes]] = {frozenset()}
    for key in keys:
        for chosen in tuple(found):
            grown = chosen | implied[key]
            if any(pair in apart for pair in combinations(sorted(grown), 2)):
                continue
            found.add(grown)
        if len(found) > _MOST_COMBINATIONS:
            return list(found)[:_MOST_COMBINATIONS], False
    return list(found), True


def _possible(
    whole: Mapping[bytes, Constraint], satisfied: frozenset[bytes], denied: frozenset[bytes]
) -> tuple[list[frozenset[bytes]], bool]:
    """Return the sets of conditions that may not be ruled out, beside those that are satisfied."""
    free = sorted(denied - satisfied)
    if len(free) > _MOST_FREE:
        return [satisfied | denied, satisfied], False
    found = []
    for count in range(len(free) + 1):
        for chosen in combinations(free, count):
            possible = satisfied | frozenset(chosen)
            closed = all(
                other in possible
                for key in possible
                for other in denied
                if follows(whole[key], whole[other])
            )
            if closed:
                found.append(possible)
    return found, True
