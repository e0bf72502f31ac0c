# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a message only show what a guarded tool returned?

Frameworks put a result into the history as JSON, as Python prints it, as YAML or as text. Such a
message says nothing that was not heard as the result, so it is not heard once more as untrusted.

INVARIANT: a message with one word that the result does not have is untrusted, and so is one of
another tool than the result's (tests/provenance/test_rendering.py).
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
        self._results: list[tuple[str, frozenset[str], str]] = []

    def __repr__(self) -> str:
        return f"Rendered({len(self._results)} results)"

    def add(self, result: Frozen, tool: str = "") -> None:
        """Remember what a tool returned, or what else was heard already."""
        words = _words_in(result)
        if words:
            known = frozenset(words) - _WRAPPING
            self._results.append((_letters(tool), known, f" {' '.join(words)} "))

    def covers(self, text: str, tool: str | None = None) -> bool:
        """Say whether a message is made of most words of one result, or is a part of it.

        Args:
            text: the message.
            tool: whose message it is, where that is known; another tool may say a word of the
                result, too, and mean something by it.
        """
        if not self._results:
            return False
        text = _PLACEHOLDER.sub(" ", text)
        inside = read_json(text)
        words = _words_in(_ESCAPED.sub(_meant, text) if inside is None else inside)
        run, used = f" {' '.join(words)} ", frozenset(words) - _WRAPPING
        return any(
            run in joined or (used <= known and len(used) >= _MOST * len(known))
            for by, known, joined in reversed(self._results)
            if tool is None or _is_called(by, _letters(tool))
        )


def _is_called(tool: str, name: str) -> bool:
    """Say whether models know a tool by a name; some are told it with a part before or behind."""
    return bool(tool and name) and (tool in name or name in tool)


def _letters(name: str) -> str:
    return "".join(_words(name)).replace("_", "")


def _words_in(value: Frozen) -> list[str]:
    leaves = leaves_of(value, unfold=True)
    return [word for leaf in leaves for word in _words(str(leaf.value))]


def _words(text: str) -> list[str]:
    return _WORD.findall(folded(normalise(text)))


def _meant(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return " " if match[2] in _BLANKS else match[2]
