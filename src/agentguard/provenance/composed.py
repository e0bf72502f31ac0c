# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Of which parts is a text put together that stands nowhere as a whole?

``Dinner at Golden Fork`` is the user's ``Dinner at`` and a name from a list that may be relied on.
Words of grammar between the parts carry nothing.

INVARIANT: one word that nobody said leaves no parts (tests/provenance/test_parts_of_texts.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from agentguard.provenance.ordinary_words import GRAMMAR, ORDINARY
from agentguard.provenance.said import Said
from agentguard.provenance.sought import Sought

_SHORTEST = 3
_LONGEST = 60
_LONGEST_PART = 12
# A single word is no part that the user said.
_SHORTEST_RUN = 2


@dataclass(frozen=True, slots=True)
class Part:
    """A run of the tokens of a text.

    Attributes:
        value: the run.
        said: whether it is the user's; else it is the whole of what a trusted field holds.
    """

    value: Sought = field(repr=False)
    said: bool


def parts_of(tokens: Sequence[str], user: Said, relied: Sequence[Said]) -> tuple[Part, ...]:
    """Return the parts of a text, one of them at least from a trusted field; else none."""
    if not _SHORTEST <= len(tokens) <= _LONGEST:
        return ()
    found: list[Part] = []
    at = 0
    while at < len(tokens):
        part = _longest(tokens, at, user, relied)
        if part is not None:
            found.append(part)
            at += len(part.value.tokens)
        elif tokens[at] in GRAMMAR:
            at += 1
        else:
            return ()
    return () if all(part.said for part in found) else tuple(found)


def _longest(tokens: Sequence[str], at: int, user: Said, relied: Sequence[Said]) -> Part | None:
    for end in range(min(len(tokens), at + _LONGEST_PART), at, -1):
        run = tuple(tokens[at:end])
        value = Sought(tokens=run, needle=f" {' '.join(run)} ")
        if any(said.holds(f"e:{' '.join(run)}") for said in relied) and not ORDINARY.issuperset(
            run
        ):
            return Part(value, said=False)
        if len(run) >= _SHORTEST_RUN and value.needle in user:
            return Part(value, said=True)
    return None
