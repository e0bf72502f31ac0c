# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with this file, and on which lines?

Collects problems while a file is read, so that all of them are told at once.
"""

from collections.abc import Iterable, Mapping

from agentguard.config.positions import Positions
from agentguard.errors import Problem
from agentguard.policy import Flaw, Path, key_of

_LONGEST = 1200


class Report:
    """The problems of one file, so far.

    Args:
        file: its name.
        positions: the lines of its keys.
        tables: what it holds.
    """

    def __init__(
        self, file: str, positions: Positions, tables: Mapping[str, object] | None = None
    ) -> None:
        self._file = file
        self._positions = positions
        self._tables = tables or {}
        self._found: dict[tuple[Path, str], Problem] = {}

    def add(self, path: Path, message: str) -> None:
        """Add what is wrong at a key; telling the same twice changes nothing."""
        self._found.setdefault((path, message), self.problem(path, message))

    def add_flaws(self, flaws: Iterable[Flaw]) -> None:
        """Add the flaws that do not follow from a problem at the same place."""
        told = {path for path, _ in self._found}
        for flaw in flaws:
            if not any(_is_within(flaw.path, path) or _is_within(path, flaw.path) for path in told):
                key = flaw.path, flaw.message
                self._found.setdefault(key, self.problem(*key, item=flaw.item))

    def problem(self, path: Path, message: str, item: str | None = None) -> Problem:
        """Return a problem with its place in the file; what is missing at the top, with its start.

        Args:
            path: the key.
            message: what is wrong.
            item: which text of a list there is meant, whose line it then is.
        """
        there = _at(self._tables, path)
        exact: Path = path
        if item is not None and isinstance(there, list) and item in there:
            exact = (*path, there.index(item))
        return Problem(
            file=self._file,
            key=_short(key_of(path)),
            line=self._positions.line_of(exact) or 1,
            message=_short(message),
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that was added, in the order of the lines."""
        return tuple(sorted(self._found.values(), key=lambda each: (each.line or 1, each.key)))


def _short(text: str) -> str:
    """Return a text without the middle of what is too long to be read, such as a key of a page."""
    if len(text) <= _LONGEST:
        return text
    return f"{text[: _LONGEST // 2]}[...]{text[-_LONGEST // 4 :]}"


def _at(tables: object, path: Path) -> object:
    """Return what stands at a path, None if nothing does."""
    for part in path:
        if isinstance(tables, Mapping):
            tables = tables.get(part)
        elif isinstance(tables, list) and isinstance(part, int) and part < len(tables):
            tables = tables[part]
        else:
            return None
    return tables


def _is_within(inner: Path, outer: Path) -> bool:
    return inner[: len(outer)] == outer
