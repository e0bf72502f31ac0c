# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is the narrowest constraint that values which were seen all satisfy?

From narrow to wide: one value, a few values, a range or a shape, a beginning, a length, anything.
Few values are proposed only where hardly any is seen once: as long as new ones keep coming, more
will come.

INVARIANT: every value that a constraint was learned from satisfies it
(tests/review/test_learning_values.py).
INVARIANT: of a value that belongs to a class no character is told, only what kinds of characters
it has (same file).
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from re import fullmatch
from typing import TypeGuard

from agentguard.canonical import LARGEST_INTEGER, Frozen
from agentguard.policy import (
    AllOf,
    Anything,
    Const,
    Constraint,
    DecimalBetween,
    Each,
    EmailAt,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    Prefix,
    Scalar,
    UrlParts,
    plain_decimal,
)
from agentguard.policy.constraints.urls import DEFAULT_PORTS, split_url
from agentguard.review.shapes import beginning, file_shape, shape_of

MOST_OPTIONS = 16
LONGEST_OPTION = 64
MOST_MEMBERS = 32
SHORTEST_PREFIX = 3
# A domain is told where at least so many addresses share it, so that it tells of none of them.
SHARED_BY = 5
# Of a hundred values one may be new.
RARELY_NEW = 0.01

_MAIL = r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,253}"
_MIXED = "values of several types, or null, which no constraint but 'any' admits"
_MEMBER = r"[A-Za-z_][A-Za-z0-9_.-]{0,63}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Classes:
    """What may not be told, because it belongs to a class.

    Attributes:
        text: whether a text holds something of a class.
        name: whether whatever stands behind a name is of a class.
        behind: the name that the values stand behind; what it says of them counts.
        everything: whether none of the values may be told.
    """

    text: Callable[[str], bool]
    name: Callable[[str], bool] = lambda _: False
    behind: str = ""
    everything: bool = False

    def under(self, name: str) -> "Classes":
        """Return what may not be told of the values behind a name."""
        return replace(self, behind=name, everything=self.everything or self.name(name))

    def hold(self, text: str) -> bool:
        """Say whether a text may not be told."""
        if self.everything or self.text(text):
            return True
        return bool(self.behind) and self.text(f'{self.behind} = "{text}"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """A constraint, and how it was come to.

    Attributes:
        constraint: what values must be.
        how: in a word or two.
        caution: what somebody must look at; None for nothing.
    """

    constraint: Constraint
    how: str
    caution: str | None = None


def learned(values: Sequence[Frozen], classes: Classes) -> Learned:
    """Return the narrowest constraint that all of these values satisfy.

    Args:
        values: what was seen, with repetitions; at least one.
        classes: what may not be told.
    """
    try:
        found = _learned(values, classes)
    except ValueError:
        found = _anything("no constraint fits")
    if all(found.constraint.problem_with(value) is None for value in values):
        return found
    return _anything("no constraint fits")


def _anything(why: str) -> Learned:
    return Learned(
        constraint=Anything(), how="anything", caution=f"{why}: any value is let through"
    )


def _learned(values: Sequence[Frozen], classes: Classes) -> Learned:
    kinds = {type(value) for value in values}
    if _are_texts(values):
        return _of_texts(values, classes)
    if all(isinstance(value, tuple) for value in values):
        return _of_lists([value for value in values if isinstance(value, tuple)], classes)
    if all(isinstance(value, Mapping) for value in values):
        return _of_objects([value for value in values if isinstance(value, Mapping)], classes)
    numbers = [value for value in values if isinstance(value, int | float)]
    if kinds != {bool} and not kinds <= {int, float}:
        return _anything(_MIXED)
    if classes.everything and kinds != {bool}:
        return _of_hidden_numbers(numbers)
    return _options(numbers) if kinds == {bool} or _is_closed(numbers) else _of_numbers(numbers)


def _are_texts(values: Sequence[Frozen]) -> TypeGuard[Sequence[str]]:
    return all(type(value) is str for value in values)


def _is_closed(values: Sequence[Scalar]) -> bool:
    """Say whether hardly any further value is to be expected, by how many are seen once."""
    counts = Counter((type(value), value) for value in values)
    once = sum(count == 1 for count in counts.values())
    few = len(counts) <= MOST_OPTIONS
    return few and (len(counts) == 1 or once <= RARELY_NEW * len(values))


def _options(values: Sequence[Scalar]) -> Learned:
    distinct = {(type(value).__name__, value): value for value in values}
    options = tuple(distinct[key] for key in sorted(distinct, key=lambda key: (key[0], key[1])))
    if len(options) == 1:
        return Learned(constraint=Const(value=options[0]), how="one value")
    return Learned(constraint=OneOf(options=options), how="few values")


def _of_numbers(numbers: Sequence[int | float]) -> Learned:
    low, high = min(numbers), max(numbers)
    if all(type(number) is int for number in numbers):
        return Learned(constraint=IntBetween(low=int(low), high=int(high)), how="range")
    return Learned(constraint=NumberBetween(low=low, high=high), how="range")


def _of_hidden_numbers(numbers: Sequence[int | float]) -> Learned:
    """Return a range that tells no more than how many digits the numbers have."""
    most = 10 ** len(str(int(max(map(abs, numbers)))))
    low = 0 if min(numbers) >= 0 else -most
    if most > LARGEST_INTEGER:
        return _anything("numbers of a class that are too large for a range")
    if all(type(number) is int for number in numbers):
        return Learned(constraint=IntBetween(low=low, high=most), how="range by digits")
    return Learned(constraint=NumberBetween(low=low, high=most), how="range by digits")


# --- texts


def _of_texts(texts: Sequence[str], classes: Classes) -> Learned:
    distinct = sorted(set(texts))
    classed = any(map(classes.hold, distinct))
    if not classed and _is_closed(texts) and max(map(len, distinct)) <= LONGEST_OPTION:
        return _options(texts)
    for way in (_mails, _classed_shape) if classed else (_mails, _urls, _decimals, _files, _shape):
        found = way(distinct, classed=classed)
        if found is not None:
            return found
    begins = None if classed else _prefix(distinct)
    length = _length(distinct)
    caution = f"free text of up to {length.most} characters"
    if begins is None:
        return Learned(constraint=length, how="length", caution=caution)
    both = AllOf(parts=(begins, length))
    return Learned(constraint=both, how="beginning", caution=f"{caution} behind the beginning")


def _mails(distinct: Sequence[str], *, classed: bool) -> Learned | None:
    if any(fullmatch(_MAIL, text) is None for text in distinct):
        return None
    shared = Counter(text.rpartition("@")[2].lower() for text in distinct)
    told = not classed or min(shared.values()) >= SHARED_BY
    if told and len(shared) <= MOST_OPTIONS and min(shared.values()) > 1:
        domains = EmailAt(domains=tuple(sorted(shared)))
        if all(domains.problem_with(text) is None for text in distinct):
            return Learned(constraint=domains, how="addresses at few domains")
    caution = "addresses at any domain"
    return Learned(constraint=Match(pattern=_MAIL), how="shape", caution=caution)


def _urls(distinct: Sequence[str], *, classed: bool) -> Learned | None:  # noqa: ARG001 - one way among others
    parts = [split_url(text) for text in distinct]
    urls = [part for part in parts if part is not None]
    if len(urls) < len(distinct):
        return None
    hosts = Counter(url.host for url in urls)
    many = len(hosts) > MOST_OPTIONS or min(hosts.values()) == 1 < len(urls)
    ports = {url.port for url in urls}
    usual = all(url.port == DEFAULT_PORTS[url.scheme] for url in urls)
    folder = beginning([url.path[:-1] for url in urls])
    constraint = UrlParts(
        schemes=tuple(sorted({url.scheme for url in urls})),
        hosts=("*",) if many else tuple(sorted(hosts)),
        ports=() if usual else tuple(sorted(ports)),
        paths=("/" + "/".join(folder),) if any(folder) and not many else (),
        query=any(url.has_query for url in urls),
    )
    caution = "URLs of any host" if many else None
    return Learned(constraint=constraint, how="parts of URLs", caution=caution)


def _decimals(distinct: Sequence[str], *, classed: bool) -> Learned | None:  # noqa: ARG001 - one way among others
    found = [plain_decimal(text) for text in distinct]
    numbers = [number for number in found if number is not None]
    if len(numbers) < len(distinct) or not any("." in text for text in distinct):
        return None
    places = max(len(text.partition(".")[2]) for text in distinct)
    constraint = DecimalBetween(low=min(numbers), high=max(numbers), places=places)
    return Learned(constraint=constraint, how="range")


def _files(distinct: Sequence[str], *, classed: bool) -> Learned | None:  # noqa: ARG001 - one way among others
    found = file_shape(distinct)
    if found is None:
        return None
    folder, pattern = found
    caution = f"a pattern follows no links, path = [{folder!r}] does"
    return Learned(constraint=Match(pattern=pattern), how="files below a folder", caution=caution)


def _shape(distinct: Sequence[str], *, classed: bool) -> Learned | None:
    pattern = shape_of(distinct, literal=not classed)
    return None if pattern is None else Learned(constraint=Match(pattern=pattern), how="shape")


def _classed_shape(distinct: Sequence[str], *, classed: bool) -> Learned | None:
    found = _shape(distinct, classed=classed)
    if found is None:
        return None
    return Learned(constraint=found.constraint, how="shape of values of a class")


def _prefix(distinct: Sequence[str]) -> Prefix | None:
    begins = str(beginning(distinct))
    try:
        return Prefix(text=begins) if len(begins) >= SHORTEST_PREFIX else None
    except ValueError:
        return None


def _length(distinct: Sequence[str]) -> Length:
    """Return a length with room: how long a free text is says little about what it may be."""
    lengths = [len(text) for text in distinct]
    most = 16
    while most < 2 * max(lengths):
        most *= 2
    return Length(least=min(1, *lengths), most=most)


# --- lists and objects


def _of_lists(lists: Sequence[tuple[Frozen, ...]], classes: Classes) -> Learned:
    items = tuple(chain.from_iterable(lists))
    sizes = [len(each) for each in lists]
    if not items:
        return _anything("only empty lists were seen")
    inside = learned(items, classes)
    options = _options_of(inside.constraint)
    if options is not None:
        each = Each(options=options, least=min(sizes), most=max(sizes))
        return Learned(constraint=each, how=f"list of {inside.how}")
    constraint = Items(item=inside.constraint, least=min(sizes), most=max(sizes))
    return Learned(constraint=constraint, how=f"list, {inside.how}", caution=inside.caution)


def _options_of(constraint: Constraint) -> tuple[Scalar, ...] | None:
    if isinstance(constraint, Const):
        return (constraint.value,)
    return constraint.options if isinstance(constraint, OneOf) else None


def _of_objects(objects: Sequence[Mapping[str, Frozen]], classes: Classes) -> Learned:
    names = sorted(set(chain.from_iterable(objects)))
    told = all(fullmatch(_MEMBER, name) and not classes.text(name) for name in names)
    if not names or not told or len(names) > MOST_MEMBERS:
        return _anything("objects whose members have names that vary")
    inside = {
        name: learned([each[name] for each in objects if name in each], classes.under(name))
        for name in names
    }
    members = Members(
        members=tuple(
            (name, inside[name].constraint, any(name not in each for each in objects))
            for name in names
        )
    )
    cautions = [f"{name}: {each.caution}" for name, each in inside.items() if each.caution]
    return Learned(
        constraint=members, how="members of an object", caution="; ".join(cautions) or None
    )
