# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong with this file, and on which lines?

Collects problems while a file is read, so that all of them are told at once.
"""

from collections.abc import Iterable

from agentguard.config.positions import Positions
from agentguard.errors import Problem
from agentguard.policy import Flaw, Path, key_of


class Report:
    """The problems of one file, so far."""

    def __init__(self, file: str, positions: Positions) -> None:
        self._file = file
        self._positions = positions
        self._found: dict[tuple[Path, str], Problem] = {}

    def add(self, path: Path, message: str) -> None:
        """Add what is wrong at a key; telling the same twice changes nothing."""
        self._found.setdefault((path, message), self.problem(path, message))

    def add_flaws(self, flaws: Iterable[Flaw]) -> None:
        """Add the flaws that do not follow from a problem at the same place."""
        told = {path for path, _ in self._found}
        for flaw in flaws:
            if not any(_is_within(flaw.path, path) or _is_within(path, flaw.path) for path in told):
                self.add(flaw.path, flaw.message)

    def problem(self, path: Path, message: str) -> Problem:
        """Return a problem with its place in the file; what is missing at the top, with its start."""
        return Problem(
            file=self._file,
            key=key_of(path),
            line=self._positions.line_of(path) or 1,
            message=message,
        )

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Everything that was added, in the order of the lines."""
        return tuple(sorted(self._found.values(), key=lambda each: (each.line or 1, each.key)))


def _is_within(inner: Path, outer: Path) -> bool:
    return inner[: len(outer)] == outer
