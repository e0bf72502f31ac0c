# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which events does a byte stream hold, and how is an event written?

Server-sent events as the HTML standard defines them (section 9.2), in UTF-8. What is read is
written anew in one form, so that whoever reads it next reads the same events.
It looks at no content.

INVARIANT: however the bytes are cut, the same frames come out (tests/clients/test_sse.py).
"""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

# A frame is one event; a provider's longest hold a whole response.
LONGEST_FRAME = 64 * 1024 * 1024
# What a line weighs beside its bytes, so that many short ones do not fill the memory.
LINE_WEIGHT = 64

_LINE_END = re.compile(rb"\r\n|\r|\n")
# Shorter than anything that is looked for, since ids are not checked.
_SAFE_ID = re.compile(r"[0-9]{1,10}")
# Words alone, for the same reason.
_SAFE_NAME = re.compile(r"[a-z]{1,32}[0-9]{0,3}(?:[._:-][a-z]{1,32}[0-9]{0,3}){0,9}")
_ENCODER = json.JSONEncoder(separators=(",", ":"))
_BOM = b"\xef\xbb\xbf"


class BadStream(ValueError):
    """The bytes are no stream of events that can be inspected; the message holds none of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One event before its data is read.

    Attributes:
        name: the event's name, None without one.
        data: its data, lines joined by line feeds.
        id: the id that it sets, None if none or no plain one.
    """

    name: str | None
    data: str = field(repr=False)
    id: str | None = None

    def content(self) -> dict[str, Any]:
        """Return the JSON object that the data is.

        Raises:
            BadStream: it is none.
        """
        try:
            found = json.loads(self.data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise BadStream("an event holds no JSON object")
        return found


class FrameDecoder:
    """Cuts bytes into frames; feed it pieces of any length."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._lines: list[bytes] = []
        self._held = 0
        self._searched = 0
        self._started = False

    def feed(self, piece: bytes) -> list[Frame]:
        """Return the frames that *piece* completes.

        Raises:
            BadStream: a frame is too long, or no UTF-8.
        """
        self._bytes += piece
        return self._frames() if self._has_started() else []

    def finish(self) -> list[Frame]:
        """Return the frame that the end of the bytes completes, if any."""
        self._started = True
        return self.feed(b"\n\n") if self._bytes or self._lines else []

    def _has_started(self) -> bool:
        """Say whether what may be a byte order mark has been looked at."""
        if not self._started and not _BOM.startswith(self._bytes[: len(_BOM)]):
            self._started = True
        elif not self._started and len(self._bytes) >= len(_BOM):
            self._started = True
            del self._bytes[: len(_BOM)]
        return self._started

    def _frames(self) -> list[Frame]:
        frames: list[Frame] = []
        behind = 0
        for match in _LINE_END.finditer(self._bytes, self._searched):
            if match.group() == b"\r" and match.end() == len(self._bytes):
                break  # a line feed may follow
            line = bytes(self._bytes[behind : match.start()])
            behind = match.end()
            if line:
                self._keep(line)
            elif self._lines:
                frames += self._frame()
        del self._bytes[:behind]
        self._searched = max(len(self._bytes) - 1, 0)
        if len(self._bytes) + self._held > LONGEST_FRAME:
            raise BadStream("an event of the stream is too long to be inspected")
        return frames

    def _keep(self, line: bytes) -> None:
        if not line.startswith(b":"):
            self._lines.append(line)
            self._held += len(line) + LINE_WEIGHT

    def _frame(self) -> Iterable[Frame]:
        lines, self._lines, self._held = self._lines, [], 0
        name, identity, data = None, None, []
        for line in lines:
            key, _, value = _text(line).partition(":")
            value = value.removeprefix(" ")
            if key == "data":
                data.append(value)
            elif key == "event":
                name = value or None
            elif key == "id" and _SAFE_ID.fullmatch(value):
                identity = value
        if name is not None and not _SAFE_NAME.fullmatch(name):
            raise BadStream("an event has a name that is none")
        if data:
            yield Frame(name=name, data="\n".join(data), id=identity)


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise BadStream("the stream is no UTF-8")


def written(frame: Frame) -> bytes:
    """Return the bytes of a frame."""
    lines = [] if frame.name is None else [f"event: {frame.name}"]
    if frame.id is not None:
        lines.append(f"id: {frame.id}")
    lines += [f"data: {line}" for line in frame.data.split("\n")]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "surrogatepass")


def frame_of(name: str | None, content: object, *, like: Frame) -> Frame:
    """Return a frame with other content, ASCII, so that no line end stands inside."""
    return Frame(name=name, data=_ENCODER.encode(content), id=like.id)
