# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does one pattern match?

A pattern of the dialect of RE2 over UTF-8 bytes, run by whichever engine is there.
A search looks at the text as if it ended where the search ends, but sees what stands before its
start; so a search of a piece tells all engines the same.

INVARIANT: two engines give the same spans for all groups
(tests/classification/test_engine_equivalence.py).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from agentguard.matching.engines import Engine, installed
from agentguard.matching.translation import Translated, translated

# Start and end of the match and of each of its groups.
Spans = Sequence[tuple[int, int]]
Find = Callable[[bytes, int, int], Spans | None]


class Match(Protocol):
    """What a pattern found: the part of the interface that ``re`` and ``re2`` share."""

    def span(self, group: int = 0, /) -> tuple[int, int]:
        """Return start and end of a group, -1 and -1 when it took no part."""


class Pattern(Protocol):
    """A compiled pattern over bytes, of ``re`` or one of ours."""

    def search(self, data: bytes, pos: int, endpos: int, /) -> Match | None:
        """Return the leftmost match between two offsets."""


@dataclass(frozen=True, slots=True)
class _Found:
    spans: Spans

    def span(self, group: int = 0, /) -> tuple[int, int]:
        """Return start and end of a group, -1 and -1 when it took no part."""
        return self.spans[group]


class Linear:
    """A pattern whose time grows with the text alone; compiled when it is first needed."""

    __slots__ = ("_compiled", "any_case", "engine", "find", "source")

    def __init__(self, source: str, *, any_case: bool = False, engine: Engine) -> None:
        self.source = source
        self.any_case = any_case
        self.engine = engine
        # Replaced by the compiled function; two threads that do it at once do the same.
        self.find: Find = self._find_first
        self._compiled: Any = None

    def __repr__(self) -> str:
        return f"Linear({self.engine})"

    @property
    def groups(self) -> int:
        """How many groups the pattern has."""
        self.compile()
        count: int = self._compiled.groups
        return count

    @property
    def groupindex(self) -> Mapping[str, int]:
        """The numbers of the groups that have names."""
        self.compile()
        numbers: Mapping[str, int] = self._compiled.groupindex
        return numbers

    def search(self, data: bytes, pos: int, endpos: int, /) -> Match | None:
        """Return the leftmost match between two offsets."""
        spans = self.find(data, pos, endpos)
        return None if spans is None else _Found(spans)

    def within(self, data: bytes, start: int, stop: int) -> Find:
        """Return what finds many matches in one piece without reading it again for each."""
        if self.engine is Engine.PORTABLE:
            self.compile()
            return Translated(self._compiled).within(data, start, stop)
        return self.find

    def on(self, engine: Engine) -> "Linear":
        """Return the same pattern for an engine."""
        if (engine is Engine.PORTABLE) == (self.engine is Engine.PORTABLE):
            return self
        return Linear(self.source, any_case=self.any_case, engine=engine)

    def compile(self) -> Find:
        """Compile the pattern now.

        Raises:
            ValueError: the engine refuses the pattern; the message says why.
        """
        if self.find == self._find_first:
            if self.engine is Engine.PORTABLE:
                self._compiled = translated(self.source, any_case=self.any_case)
                self.find = Translated(self._compiled).find
            else:
                self._compiled = _re2(self.source, any_case=self.any_case)
                self.find = _spans_of(self._compiled, sees_end=_may_see_end(self.source))
        return self.find

    def _find_first(self, data: bytes, pos: int, endpos: int, /) -> Spans | None:
        return self.compile()(data, pos, endpos)


def deferred(pattern: str, *, any_case: bool = False, engine: Engine | None = None) -> Linear:
    """Return a pattern that is compiled when it is first needed: one that tests have proved.

    Args:
        pattern: in the dialect of RE2.
        any_case: whether letters match in both cases.
        engine: the one that is installed, unless a test names another.
    """
    return Linear(pattern, any_case=any_case, engine=engine or installed())


def linear(pattern: str, *, any_case: bool = False, engine: Engine | None = None) -> Linear:
    """Compile a pattern whose time grows with the text alone.

    Raises:
        ValueError: the engine refuses the pattern, or it matches the empty text.
    """
    compiled = deferred(pattern, any_case=any_case, engine=engine)
    find = compiled.compile()
    for sample in (b"", b"a", b"0", b" "):
        spans = find(sample, 0, len(sample))
        if spans is not None and spans[0][0] == spans[0][1]:
            raise ValueError("it matches the empty text")
    return compiled


def _re2(source: str, *, any_case: bool) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = not any_case
    try:
        return re2.compile(source, options)
    except re2.error as error:
        problem = error.args[0]
        reason = problem.decode("utf-8", "replace") if isinstance(problem, bytes) else problem
        raise ValueError(f"{reason}") from None


def _may_see_end(source: str) -> bool:
    return any(sign in source for sign in ("$", r"\b", r"\B", r"\z"))


def _spans_of(compiled: Any, *, sees_end: bool) -> Find:
    """Return the search of a pattern of re2, by the shortest way into the library.

    Its ``search`` wraps this call in a generator and a match object, at twice the time.
    """
    import re2

    match = compiled._regexp.Match  # noqa: SLF001 - see above; test_engine_equivalence.py holds it
    anywhere = re2._Anchor.UNANCHORED  # noqa: SLF001 - the same

    def find(data: bytes, pos: int, endpos: int, /) -> Spans | None:
        text = memoryview(data)[:endpos] if sees_end and endpos < len(data) else data
        spans: Spans = match(anywhere, text, pos, endpos)
        return None if spans[0][0] < 0 else spans

    return find
