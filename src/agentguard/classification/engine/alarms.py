# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which patterns may match anywhere in this text?

A database of hyperscan that holds all patterns and is asked once for each text. It may name a
pattern that does not match, and says nothing of places: what it names is searched as ever.
It needs the library of the extra ``fast``.

INVARIANT: a pattern that matches is named (tests/classification/test_engine_equivalence.py).
"""

import functools
import re
from collections.abc import Iterable
from typing import Any

from agentguard.matching import Linear

# What the database can be told of a pattern of ``re``; any other flag changes how it is read.
_FLAGS = {re.IGNORECASE: "CASELESS", re.DOTALL: "DOTALL", re.MULTILINE: "MULTILINE"}
_UNKNOWN_FLAGS = ~(re.IGNORECASE | re.DOTALL | re.MULTILINE | re.ASCII | re.UNICODE)

_LARGE = re.compile(r"\\[pP]|\\x\{|\{[0-9]*,?[0-9]{3}|\{[0-9]+,[3-9][0-9]")
_ESCAPES = re.compile(r"\\(?=\W)")

Expression = tuple[bytes, int]


class Alarms:
    """Says which patterns may match; threads may share it."""

    __slots__ = ("_always", "_database", "_free")

    def __init__(self, watched: Iterable[tuple[object, tuple[str, ...], bool]]) -> None:
        """Compile the database, which takes about a second.

        Args:
            watched: for each pattern itself, the words without which it does not match, and
                whether they count in any case.
        """
        expressions = [_expression(*each) for each in watched]
        known = tuple((number, each) for number, each in enumerate(expressions) if each)
        self._always = frozenset(range(len(expressions))) - {number for number, _ in known}
        compiled = _database(known) if known else (None, frozenset[int]())
        self._database: Any = compiled[0]
        self._always |= compiled[1]
        # One for each scan at the same time; a scratch that is in use refuses a second scan.
        self._free: list[Any] = []

    def raised(self, data: bytes) -> frozenset[int]:
        """Return the numbers of the patterns that may match."""
        if self._database is None:
            return self._always
        try:
            scratch = self._free.pop()
        except IndexError:
            scratch = _scratch(self._database)
        raised: list[int] = []
        self._database.scan(data, match_event_handler=_note, context=raised, scratch=scratch)
        self._free.append(scratch)
        return self._always.union(raised) if raised else self._always


def _note(number: int, _start: int, _end: int, _flags: int, raised: list[int]) -> None:
    raised.append(number)


def _scratch(database: Any) -> Any:
    import hyperscan

    return hyperscan.Scratch(database)


def _expression(pattern: object, words: tuple[str, ...], any_case: bool) -> Expression | None:  # noqa: FBT001 - a column
    """Return a pattern as the database takes it, or its words, or nothing."""
    import hyperscan

    if isinstance(pattern, Linear) and _is_simple(pattern.source, words):
        caseless = hyperscan.HS_FLAG_CASELESS if pattern.any_case else 0
        return pattern.source.encode("utf-8"), caseless | hyperscan.HS_FLAG_UTF8
    if isinstance(pattern, re.Pattern) and isinstance(pattern.pattern, bytes):
        if pattern.flags & _UNKNOWN_FLAGS:
            return None
        flags = (
            getattr(hyperscan, f"HS_FLAG_{name}")
            for each, name in _FLAGS.items()
            if each & pattern.flags
        )
        return pattern.pattern, sum(flags)
    written = b"|".join(re.escape(word.encode("utf-8")) for word in words)
    if not written or not (written.isascii() or not any_case):
        return None
    return written, hyperscan.HS_FLAG_CASELESS if any_case else 0


def _is_simple(source: str, words: tuple[str, ...]) -> bool:
    """Say whether a pattern makes a small automaton that seldom wakes.

    Classes of Unicode and long counted repetitions take seconds to compile, and a pattern that
    does not hold its own keywords matches what looks random wherever it stands.
    """
    return not _LARGE.search(source) and all(word in _ESCAPES.sub("", source) for word in words)


@functools.lru_cache(maxsize=4)
def _database(known: tuple[tuple[int, Expression], ...]) -> tuple[Any, frozenset[int]]:
    """Compile all that can be compiled; the numbers of the others come along."""
    import hyperscan

    try:
        return _compiled(known), frozenset()
    except hyperscan.error:
        usable = []
        for each in known:
            try:
                _compiled((each,))
            except hyperscan.error:
                continue
            usable.append(each)
        failed = frozenset(number for number, _ in known) - {number for number, _ in usable}
        return (_compiled(tuple(usable)) if usable else None), failed


def _compiled(known: tuple[tuple[int, Expression], ...]) -> Any:
    import hyperscan

    # The prefilter lets through what it cannot decide; once is enough of each pattern.
    extra = hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_SINGLEMATCH
    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    database.compile(
        expressions=[source for _, (source, _) in known],
        ids=[number for number, _ in known],
        elements=len(known),
        flags=[flags | extra for _, (_, flags) in known],
    )
    return database
