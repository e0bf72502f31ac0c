# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""On which line of a TOML or JSON text does a key stand?

The standard library parses both without positions, so the text is scanned once more for its
structure: headers, keys, strings, arrays and inline tables, which JSON texts are one of. Only a file of which something is
told is scanned.
It does not check the text; that it is valid is known before.
"""

import json
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from types import MappingProxyType

from agentguard.policy import Path

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'[^\']*\'')
_LONG = re.compile(r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'(?:.*?)\'{3,5}', re.DOTALL)
_SCALAR = re.compile(r"[^,\]}\r\n#]+")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")


class Positions:
    """The lines of the keys of a valid text.

    Args:
        text: the text.
        is_json: whether it is JSON and not TOML.
    """

    def __init__(self, text: str, *, is_json: bool = False) -> None:
        self._text = text
        self._is_json = is_json

    def line_of(self, path: Path) -> int | None:
        """Return the line of a key, or of the nearest table around it; None if there is none."""
        for length in range(len(path), 0, -1):
            line = self._lines.get(path[:length])
            if line is not None:
                return line
        return None

    @cached_property
    def _lines(self) -> Mapping[Path, int]:
        scan = _Scan(self._text, is_json=self._is_json)
        # Of what nests too deep the outer keys are known, which is as near as anybody looks.
        with suppress(RecursionError):
            (scan.value if self._is_json else scan.lines)()
        return MappingProxyType(scan.found)


class _Scan:
    """One pass over the text; ``_at`` only moves forward."""

    def __init__(self, text: str, *, is_json: bool) -> None:
        self._text = text
        self._is_json = is_json
        self._at = 0
        self._line = 1
        self.found: dict[Path, int] = {}
        self._counts: dict[Path, int] = {}

    def lines(self) -> None:
        """Scan a text of TOML for the line of each key path."""
        table: Path = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._peek("["):
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def value(self) -> None:
        """Scan a text of JSON for the line of each key path."""
        self._skip(_BLANK)
        self._value(())

    def _peek(self, start: str) -> bool:
        return self._text.startswith(start, self._at)

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        taken = found[0] if found is not None else ""
        self._line += taken.count("\n")
        self._at += len(taken)
        return taken

    def _take(self, token: str) -> bool:
        if not self._peek(token):
            return False
        self._at += len(token)
        return True

    def _note(self, path: Path) -> None:
        for length in range(1, len(path) + 1):
            self.found.setdefault(path[:length], self._line)

    def _header(self) -> Path:
        is_array = self._take("[[") or not self._take("[")
        keys = self._keys()
        path: Path = ()
        for key in keys[:-1]:
            path = self._current((*path, key))
        path = (*path, keys[-1])
        if is_array:
            index = self._counts.get(path, 0)
            self._counts[path] = index + 1
            path = (*path, index)
        self._note(path)
        self._take("]]" if is_array else "]")
        return path

    def _current(self, path: Path) -> Path:
        count = self._counts.get(path)
        return path if count is None else (*path, count - 1)

    def _keys(self) -> list[str]:
        keys = []
        while True:
            self._skip(_SPACE)
            if self._peek('"') or self._peek("'"):
                keys.append(self._quoted())
            else:
                keys.append(self._skip(_BARE))
            self._skip(_SPACE)
            if not self._take("."):
                return keys

    def _quoted(self) -> str:
        text = self._skip(_QUOTED)
        key: str = json.loads(text) if self._is_json else tomllib.loads(f"x = {text}")["x"]
        return key

    def _pair(self, table: Path) -> None:
        path: Path = (*table, *self._keys())
        self._note(path)
        self._skip(_BLANK if self._is_json else _SPACE)
        self._take(":" if self._is_json else "=")
        self._skip(_BLANK if self._is_json else _SPACE)
        self._value(path)

    def _value(self, path: Path) -> None:
        self._note(path)
        if self._take("["):
            self._array(path)
        elif self._take("{"):
            self._inline_table(path)
        elif self._peek('"""') or self._peek("'''"):
            self._skip(_LONG)
        elif self._peek('"') or self._peek("'"):
            self._skip(_QUOTED)
        elif not self._skip(_SCALAR):
            self._at = len(self._text)  # not TOML after all: nothing more is known

    def _array(self, path: Path) -> None:
        index = 0
        self._skip(_BLANK)
        while self._at < len(self._text) and not self._take("]"):
            self._value((*path, index))
            index += 1
            self._skip(_BLANK)
            self._take(",")
            self._skip(_BLANK)

    def _inline_table(self, path: Path) -> None:
        self._skip(_BLANK)
        while self._at < len(self._text) and not self._take("}"):
            self._pair(path)
            self._skip(_BLANK)
            self._take(",")
            self._skip(_BLANK)
