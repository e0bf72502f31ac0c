# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a message only show what a guarded tool returned?

Frameworks put a result into the history as JSON, as Python prints it, as YAML or as text. Such a
message says nothing that was not heard as the result, so it is not heard once more as untrusted.

INVARIANT: a message with one word that the result does not have is untrusted
(tests/provenance/test_rendering.py).
"""

import re

from agentguard.canonical import Frozen
from agentguard.provenance.normal import folded, normalise
from agentguard.provenance.results import leaves_of, read_json

# What frameworks add around a result.
_WRAPPING = frozenset(
    {"type", "text", "content", "result", "output", "null", "none", "true", "false"}
)
_PLACEHOLDER = re.compile(r"\[\[[A-Z][A-Z0-9_.-]{0,63}[:#][A-Z2-7]{8}\]\]")
_ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|([nrtbf\"'/\\]))")
_WORD = re.compile(r"\w+")
_BLANKS = frozenset("nrtbf")
# A message with fewer of the words of a result is another text that happens to use them.
_MOST = 0.5


class Rendered:
    """The words of results. Threads may share it: it only grows."""

    __slots__ = ("_results",)

    def __init__(self) -> None:
        self._results: list[tuple[frozenset[str], str]] = []

    def __repr__(self) -> str:
        return f"Rendered({len(self._results)} results)"

    def add(self, result: Frozen) -> None:
        """Remember what a tool returned."""
        words = _words_in(result)
        if words:
            self._results.append((frozenset(words) - _WRAPPING, f" {' '.join(words)} "))

    def covers(self, text: str) -> bool:
        """Say whether a message is made of most words of one result, or is a part of it."""
        if not self._results:
            return False
        text = _PLACEHOLDER.sub(" ", text)
        inside = read_json(text)
        words = _words_in(_ESCAPED.sub(_meant, text) if inside is None else inside)
        run, used = f" {' '.join(words)} ", frozenset(words) - _WRAPPING
        return any(
            run in joined or (used <= known and len(used) >= _MOST * len(known))
            for known, joined in reversed(self._results)
        )


def _words_in(value: Frozen) -> list[str]:
    leaves = leaves_of(value, unfold=True)
    return [word for leaf in leaves for word in _words(str(leaf.value))]


def _words(text: str) -> list[str]:
    return _WORD.findall(folded(normalise(text)))


def _meant(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return " " if match[2] in _BLANKS else match[2]
