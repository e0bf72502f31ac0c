# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the next character of a growing text stand inside a JSON string?

So that a value put in there is escaped, and a JSON answer still parses, without waiting for its
end; in a JSON text inside a string as often as it takes. A text that begins with a brace or bracket and then is no JSON is recognised as soon as
something stands outside its strings that JSON does not know.
It keeps a few numbers, not the text.

INVARIANT: in a JSON object or array it says what a JSON reader would say, for every way of
cutting the text (tests/redaction/test_json_position.py).
"""

import re

_OUTSIDE = re.compile(r"[\s\[\]{}:,0-9eE+.\-truefalsn]*")
_INSIDE = re.compile(
    r'(?:[^"\\]+|\\u[0-9A-Fa-f]{4}|\\(?!u).|\\u(?![0-9A-Fa-f]{0,3}\Z))*', re.DOTALL
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_MEANING = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
# Deeper texts are not taken apart before they leave either.
DEEPEST = 3


class JsonPosition:
    """Where a text that grows stands, as far as JSON goes."""

    __slots__ = ("_dead", "_depth", "_level", "_pending", "_within", "inside")

    def __init__(self, level: int = 0) -> None:
        """Begin before the first character.

        Args:
            level: in how many JSON strings the text itself stands.
        """
        self.inside = False
        self._level = level
        self._dead = False
        self._depth = 0
        # The beginning of an escape whose end has not come.
        self._pending = ""
        # Where what the string says stands in turn, None when that is no JSON.
        self._within: JsonPosition | None = None

    @property
    def levels(self) -> int:
        """In how many JSON strings, one in the other, the next character stands."""
        if not self.inside:
            return 0
        return 1 if self._within is None else 1 + self._within.levels

    def advance(self, text: str) -> None:
        """Read on."""
        if self._pending:
            text, self._pending = self._pending + text, ""
        at = 0
        while at < len(text) and not self._dead:
            at = self._string(text, at) if self.inside else self._structure(text, at)

    def _string(self, text: str, at: int) -> int:
        end = _run(_INSIDE, text, at)
        if self._within is not None and end > at:
            self._within.advance(_ESCAPE.sub(_meant, text[at:end]))
            if self._within._dead:  # noqa: SLF001 - of the same class
                self._within = None
        if end == len(text):
            return end
        if text[end] == '"':
            self.inside = False
            return end + 1
        self._pending = text[end:]
        return len(text)

    def _structure(self, text: str, at: int) -> int:
        end = _run(_OUTSIDE, text, at)
        for character in text[at:end]:
            if character in "[{":
                self._depth += 1
            elif not character.isspace() and self._depth < 1:
                self._dead = True
            elif character in "]}":
                self._depth -= 1
                # Behind the end of the object or array nothing follows.
                if self._depth == 0:
                    self._depth = -(2**62)
        if end < len(text):
            self.inside = text[end] == '"' and self._depth > 0
            deeper = self.inside and self._level < DEEPEST
            self._within = JsonPosition(self._level + 1) if deeper else None
            self._dead = self._dead or (not self.inside and text[end] != "\ufeff")
        return end + 1


def _meant(escape: re.Match[str]) -> str:
    """Return the character that an escape in a JSON string means."""
    if escape[1] is not None:
        return chr(int(escape[1], 16))
    return _MEANING.get(escape[2], escape[2])


def _run(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where a run ends that may be empty."""
    run = pattern.match(text, at)
    return at if run is None else run.end()
