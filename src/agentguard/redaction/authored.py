# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which places of a payload did the model write in this session?

Turns JSON pointers into marks that a walk takes along from level to level, so that no pointer is
built for a place where nothing is found.
It does not decide who wrote what.

INVARIANT: a place is authored exactly when a pointer leads to it or to what surrounds it
(tests/redaction/test_authored.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Marks:
    """What is known of one place: whether the model wrote it, and where below it the model did."""

    authored: bool
    members: "Mapping[str, Marks]" = field(default_factory=dict, repr=False)

    def below(self, step: str) -> "Marks":
        """Return the marks of a member or an item."""
        return self if self.authored or not self.members else self.members.get(step, _NOTHING)

    def inside_text(self) -> "Marks":
        """Return the marks of what a JSON text holds; no pointer leads there."""
        return self if self.authored else _NOTHING


AUTHORED = Marks(authored=True)
_NOTHING = Marks(authored=False)


def marked(pointers: Iterable[str]) -> Marks:
    """Return the marks of a whole payload.

    Args:
        pointers: JSON pointers (RFC 6901) to what the model wrote.
    """
    steps = [
        [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
        for pointer in pointers
    ]
    return _marks(steps)


def _marks(paths: list[list[str]]) -> Marks:
    if not paths:
        return _NOTHING
    if not all(paths):
        return AUTHORED
    members: dict[str, list[list[str]]] = {}
    for first, *rest in paths:
        members.setdefault(first, []).append(rest)
    return Marks(authored=False, members={key: _marks(rest) for key, rest in members.items()})
