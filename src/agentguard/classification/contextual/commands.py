# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which passwords do command lines hold behind a letter instead of a name?

Knows the few programs whose options take a password without saying so, from their manuals:
``curl -u user:password`` and ``mysql -ppassword``. Options with a name are assignments.

INVARIANT: the password is found whole and the user's name is left
(tests/classification/test_contextual_commands.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass

from agentguard.classification.contextual import harmless
from agentguard.classification.engine import Engine, Pattern, linear

# In the dialect of RE2; the last group is the password.
_CURL = (
    r"curl[ \t][^\n|;]{0,240}?(?:-u|-U|--user|--proxy-user)[ \t=]{0,2}[\"']?"
    r"[^\s:\"'/]{1,64}:([^\s\"']{4,128})"
)
_MYSQL = r"(?:mysql|mysqldump|mysqladmin|mariadb)[ \t](?:[^\n|;]{0,240}?[ \t])?-p[\"']?([^\s\"'-][^\s\"']{3,63})"


@dataclass(frozen=True, slots=True)
class _Command:
    """A program and how it takes a password."""

    program: bytes
    pattern: Pattern


class Commands:
    """Finds passwords in command lines; immutable, so that threads may share it."""

    __slots__ = ("_commands",)

    def __init__(self, engine: Engine | None = None) -> None:
        """Prepare.

        Args:
            engine: what searches; the one that is installed, unless a test names another.
        """
        self._commands = (
            _Command(b"curl", linear(_CURL, engine=engine)),
            _Command(b"mysql", linear(_MYSQL, engine=engine)),
            _Command(b"mariadb", linear(_MYSQL, engine=engine)),
        )

    def passwords(self, data: bytes) -> Iterator[tuple[int, int]]:
        """Yield where passwords begin and end."""
        for command in self._commands:
            start, size = data.find(command.program), len(data)
            while start >= 0 and (match := command.pattern.search(data, start, size)) is not None:
                first, last = match.span(1)
                value = data[first:last]
                if not (harmless.is_template(value) or harmless.is_placeholder(value)):
                    yield first, last
                start = match.span()[1]
