# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values stand in a trusted record that somebody named by another of its values?

Who says "Alice" and has a directory in which one Alice has one address has named that address.
A name that fits several records names none of them. It goes the other way as well: who only wants
a payee to be paid that stands in the records may name it without its account.

INVARIANT: where two records of a tool answer to a name, it leads to neither
(tests/provenance/test_records.py).
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from agentguard.provenance.naming import Cues, words_of_name
from agentguard.provenance.ordinary_words import ORDINARY
from agentguard.provenance.results import Leaf
from agentguard.provenance.said import Source
from agentguard.provenance.sought import Sought, sought

_LONGEST_NAME = 8
_MOST_MEMBERS = 64
# Kinds of values that are no names: numbers, dates and times.
_NO_NAMES = "ndDt"
# What members are called whose values say which record it is. Who names a city has not named
# whoever lives there.
_NAMING = """
name firstname lastname fullname surname displayname nickname nick alias handle title label subject
user username login filename file id identifier uid key code number ref reference email mail
address iban account phone company organisation organization customer client vendor supplier payee
recipient contact person employee colleague member participant guest channel room hotel restaurant
place product item event project repository repo page url slug
"""
_NAMING_WORDS = frozenset(_NAMING.split())
_FIRST_COLUMN = "0"

Says = Callable[[Sought, Cues], bool]


@dataclass(frozen=True, slots=True)
class Member:
    """A value in a record.

    Attributes:
        value: as it is looked for.
        identity: what it has in common with the same value elsewhere.
        slot: the name or the column that it stands under.
        key: whether it is the name of a member itself.
    """

    value: Sought = field(repr=False)
    identity: str = field(repr=False)
    slot: str = field(repr=False)
    key: bool = False

    @property
    def cues(self) -> Cues:
        """What says what it is."""
        return Cues(words_of_name(self.slot))

    def names(self) -> Iterator[Sought]:
        """Yield what it may be called: the whole of it, and the words of a name."""
        value = self.value
        if self.identity[0] in _NO_NAMES or len(value.tokens) > _LONGEST_NAME:
            return
        if not (self.key or self.slot == _FIRST_COLUMN or self.cues.nouns & _NAMING_WORDS):
            return
        yield value
        if len(value.tokens) > 1 and all(word.isalpha() for word in value.tokens):
            for word in value.tokens:
                if word not in ORDINARY:
                    yield Sought(tokens=(word,), needle=f" {word} ")


@dataclass(frozen=True, slots=True)
class Record:
    """Values that belong together in what a tool said.

    Attributes:
        word: the origin that its values have.
        source: where it stands.
        names: the members that it may be called by.
        values: the members that a name leads to.
    """

    word: str
    source: Source
    names: tuple[Member, ...] = field(repr=False)
    values: tuple[Member, ...] = field(repr=False)

    def holds(self, identity: str) -> bool:
        """Say whether one of its values is this one."""
        return any(member.identity == identity for member in self.values)

    def means(self, identity: str, cues: Cues) -> bool:
        """Say whether a value stands where all of its kind stand, or under a name that fits."""
        slots = {member.slot for member in self.values if member.identity == identity}
        alike = {member.slot for member in self.values if member.identity[0] == identity[0]}
        called = {member.slot for member in self.values if member.cues.nouns & cues.nouns}
        return len(slots) == 1 and slots in (alike, called)


class Records:
    """The records of trusted results. Threads may share it: it only grows."""

    __slots__ = ("_answering", "_holding")

    def __init__(self) -> None:
        self._holding: dict[str, list[Record]] = {}
        self._answering: dict[tuple[str, str], list[Record]] = {}

    def add(self, word: str, source: Source, leaves: Sequence[Leaf]) -> None:
        """Remember the leaves of one record, names of members among them."""
        members = tuple(_members(leaf for leaf in leaves if not leaf.key))
        if 1 < len(members) <= _MOST_MEMBERS:
            self._keep(Record(word, source, members, members))
        for key in _members(leaf for leaf in leaves if leaf.key):
            under = tuple(member for member in members if member.slot == key.slot)
            if under:
                self._keep(Record(word, source, (key,), under))

    def _keep(self, record: Record) -> None:
        for identity in {member.identity for member in record.values}:
            self._holding.setdefault(identity, []).append(record)
        for needle in {name.needle for member in record.names for name in member.names()}:
            self._answering.setdefault((record.word, needle), []).append(record)

    def named(self, value: Sought, cues: Cues, says: Says) -> Source | None:
        """Return where a value stands in a record that was named by another of its values.

        Args:
            value: what is looked for.
            cues: what says what it is.
            says: whether somebody said a value.
        """
        identity = identity_of(value)
        for record in self._holding.get(identity, ()):
            if record.means(identity, cues) and self._is_named(record, identity, says):
                return record.source
        return None

    def _is_named(self, record: Record, identity: str, says: Says) -> bool:
        return any(
            self._leads_to(record.word, name, identity) and says(name, member.cues)
            for member in record.names
            if member.identity != identity
            for name in member.names()
        )

    def _leads_to(self, word: str, name: Sought, identity: str) -> bool:
        answering = self._answering.get((word, name.needle), ())
        return all(record.holds(identity) for record in answering)

    def contested(self, word: str, value: Sought, says: Says) -> bool:
        """Say whether somebody said another value of a record that a value stands in.

        Args:
            word: the origin that the value has.
            value: what is looked for.
            says: whether those who may not be relied on said a value.
        """
        identity = identity_of(value)
        return any(
            says(name, member.cues)
            for record in self._holding.get(identity, ())
            if record.word == word
            for member in record.names
            if member.identity != identity and _is_distinct(member)
            for name in member.names()
        )


def _is_distinct(member: Member) -> bool:
    """Say whether a member is no word that names nothing, such as the name of a column."""
    return not all(word in ORDINARY for word in member.value.tokens)


def identity_of(value: Sought) -> str:
    """Return what two values have in common that are the same."""
    if len(value.groups) == 1:
        return value.groups[0][0]
    return f"e:{' '.join(value.tokens)}"


def _members(leaves: Iterable[Leaf]) -> Iterator[Member]:
    for leaf in leaves:
        value = sought(leaf.value)
        if not value.lost and value.tokens:
            yield Member(value, identity_of(value), leaf.slot, leaf.key)
