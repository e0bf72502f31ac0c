# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where is a secret that only its surroundings give away?

Looks for names that promise one and reads what they are given; then for tokens that look drawn,
near such a name or, from more bits of surprise on, anywhere. It knows no provider's format.

INVARIANT: what a finding depends on stands less than 512 characters before its end, or in the word
that it ends in; no comment in the text has any effect
(tests/classification/test_contextual_detector.py).
"""

import re
from collections.abc import Iterator
from itertools import zip_longest

from agentguard.classification.classes import CREDENTIAL
from agentguard.classification.contextual import tokens, values
from agentguard.classification.contextual.assignments import Named, assigned, named
from agentguard.classification.contextual.commands import PROGRAMS, Commands
from agentguard.classification.contextual.limits import LIMITS
from agentguard.classification.contextual.names import GATE, Worth
from agentguard.classification.engine import Engine, automaton, deferred, to_characters
from agentguard.vocabulary import Finding, Profile

Spot = tuple[int, int, str]

_GATE = (*GATE, *PROGRAMS)
# Between a name and its value stands something else, and a token that is drawn is longer.
_ONE_WORD = re.compile(rb"[\w.\x80-\xff-]*")


class ContextualDetector:
    """Finds secrets by their surroundings; immutable, so that threads may share it."""

    name = "contextual"
    __slots__ = ("_commands", "_gate", "_limits", "_run")

    def __init__(
        self, profile: Profile = Profile.BALANCED, *, engine: Engine | None = None
    ) -> None:
        """Prepare.

        Args:
            profile: how much is taken for a secret.
            engine: what searches; the one that is installed, unless a test names another.
        """
        self._limits = LIMITS[profile]
        self._gate = automaton(map(str.encode, _GATE), engine=engine)
        self._commands = Commands(engine)
        self._run = deferred(tokens.RUN, engine=engine)

    def detect(self, text: str) -> list[Finding]:
        """Return the findings in *text*, unsorted; they may overlap."""
        data = text.encode("utf-8")
        if len(data) < tokens.SHORTEST and _ONE_WORD.fullmatch(data):
            return []
        words: set[tuple[int, int]] = set()
        programs: dict[str, int] = {}
        for number, start, end in self._gate(data.lower()):
            if number < len(GATE):
                words.add((start, end))
            else:
                programs.setdefault(_GATE[number], start)
        names = list(named(data, sorted(words)))
        found = [
            *self._given(data, names),
            *self._drawn(data, names),
            *((*span, "contextual:command") for span in self._commands.passwords(data, programs)),
        ]
        return _findings(found, data, ascii_only=len(data) == len(text)) if found else []

    def _given(self, data: bytes, names: list[Named]) -> Iterator[Spot]:
        for name, following in zip_longest(names, names[1:]):
            given = assigned(data, name, following)
            if given is not None and values.is_secret(
                data[given.start : given.end], given, self._limits
            ):
                yield given.start, given.end, "contextual:assignment"

    def _drawn(self, data: bytes, names: list[Named]) -> Iterator[Spot]:
        places = [name.start for name in names if name.worth >= Worth.HINT]
        for token in tokens.drawn(data, places, self._run, self._limits):
            how = "contextual:near_name" if token.near else "contextual:drawn"
            yield token.start, token.end, how


def _findings(found: list[Spot], data: bytes, *, ascii_only: bool) -> list[Finding]:
    edges = (edge for start, end, _ in found for edge in (start, end))
    characters = {} if ascii_only else to_characters(data, edges)
    return [
        Finding(
            start=characters.get(start, start),
            end=characters.get(end, end),
            data_class=CREDENTIAL,
            detector=how,
        )
        for start, end, how in found
    ]
