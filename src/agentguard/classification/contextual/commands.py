# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which passwords do command lines hold behind a letter instead of a name?

Knows the few programs whose options take a password without saying so, from their manuals:
``curl -u user:password`` and ``mysql -ppassword``. Options with a name are assignments.

INVARIANT: the password is found whole and the user's name is left
(tests/classification/test_contextual_commands.py).
"""

from collections.abc import Iterator, Mapping

from agentguard.classification.contextual import harmless
from agentguard.classification.engine import Engine, deferred

# In the dialect of RE2; the last group is the password.
_CURL = (
    r"curl[ \t][^\n|;]{0,240}?(?:-u|-U|--user|--proxy-user)[ \t=]{0,2}[\"']?"
    r"[^\s:\"'/]{1,64}:([^\s\"']{4,128})"
)
_MYSQL = r"(?:mysql|mysqldump|mysqladmin|mariadb)[ \t](?:[^\n|;]{0,240}?[ \t])?-p[\"']?([^\s\"'-][^\s\"']{3,63})"
# Where one of these words stands, the pattern may match.
PROGRAMS: Mapping[str, str] = {"curl": _CURL, "mysql": _MYSQL, "mariadb": _MYSQL}


class Commands:
    """Finds passwords in command lines; immutable, so that threads may share it."""

    __slots__ = ("_patterns",)

    def __init__(self, engine: Engine | None = None) -> None:
        """Prepare.

        Args:
            engine: what searches; the one that is installed, unless a test names another.
        """
        self._patterns = {
            program: deferred(pattern, engine=engine) for program, pattern in PROGRAMS.items()
        }

    def passwords(self, data: bytes, programs: Mapping[str, int]) -> Iterator[tuple[int, int]]:
        """Yield where passwords begin and end.

        Args:
            data: the text.
            programs: which of ``PROGRAMS`` stand in it, and where first.
        """
        size = len(data)
        for program, place in programs.items():
            find = self._patterns[program].within(data, place, size)
            spans = find(data, place, size)
            while spans is not None:
                first, last = spans[1]
                value = data[first:last]
                if not (harmless.is_template(value) or harmless.is_placeholder(value)):
                    yield first, last
                spans = find(data, spans[0][1], size)
