# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the next character of a growing text stand inside a JSON string?

So that a value put in there is escaped, and a JSON answer still parses, without waiting for its
end. A text that begins with a brace or bracket and then is no JSON is recognised as soon as
something stands outside its strings that JSON does not know.
It keeps three numbers, not the text.

INVARIANT: in a JSON object or array it says what a JSON reader would say, for every way of
cutting the text (tests/redaction/test_json_position.py).
"""

import re

_OUTSIDE = re.compile(r"[\s\[\]{}:,0-9eE+.\-truefalsn]*")
_INSIDE = re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL)


class JsonPosition:
    """Where a text that grows stands, as far as JSON goes."""

    __slots__ = ("_dead", "_depth", "_escaped", "inside")

    def __init__(self) -> None:
        self.inside = False
        self._dead = False
        self._depth = 0
        self._escaped = False

    def advance(self, text: str) -> None:
        """Read on."""
        at = 0
        while at < len(text) and not self._dead:
            at = self._string(text, at) if self.inside else self._structure(text, at)

    def _string(self, text: str, at: int) -> int:
        if self._escaped:
            self._escaped = False
            return at + 1
        end = _run(_INSIDE, text, at)
        if end < len(text):
            self._escaped = text[end] == "\\"
            self.inside = self._escaped
        return end + 1

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
            self._dead = self._dead or (not self.inside and text[end] != "\ufeff")
        return end + 1


def _run(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Return where a run ends that may be empty."""
    run = pattern.match(text, at)
    return at if run is None else run.end()
