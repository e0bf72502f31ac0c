# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request with files hold, and how is it sent once that was redacted?

Turns the fields and files that the SDK is about to encode as ``multipart/form-data`` into one
payload, ``{"fields": {...}, "files": [{"field", "name", "type", "content"}, ...]}``, and back.
A file's content is its text, its label, the lines of a JSONL file, or, in a part without a name
that is declared as JSON, the value; name and type of a file are content too. Files are read whole here, so that what was looked at is what is sent.
Nothing is parsed that is already encoded, and the content decides, not the declared type.

INVARIANT: a file that cannot be read once and for all is refused (tests/clients/test_forms.py).
INVARIANT: what was not changed is sent byte for byte, except that what was read as JSON is written
anew (same file).
"""

import io
import mimetypes
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from agentguard.canonical import Frozen, JsonValue, freeze, thaw
from agentguard.clients.attachments import label_of, lifted, lifted_text, restored
from agentguard.clients.formats import seen
from agentguard.clients.jsonl import (
    ReadRequest,
    batch_lines,
    example_lines,
    json_value,
    written_lines,
    written_value,
)
from agentguard.clients.shapes import frozen_object
from agentguard.errors import ContentRefused
from agentguard.vocabulary import Attachment, EncodedText, ModelCall

MOST_BYTES = 64 * 2**20
BATCH = "batch"
# Purposes for which a provider takes nothing but lines of JSON.
EXAMPLES = frozenset({"evals", "fine-tune"})
LINES = "lines"
JSON = "json"
JSON_TYPE = "application/json"
NAMELESS = "upload"
_PURPOSE = re.compile("[a-z0-9_-]*")
_CHUNK = 2**20
_PARTS_OF_A_FILE = (2, 3, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A request with files, as a payload.

    Attributes:
        payload: fields and files; media are labels.
        attachments: the media.
        encoded: what is text in base64.
        calls: the calls in the lines of batch files, placed.
        codecs: for each file how its text is encoded, empty for media, ``lines`` for JSONL and
            ``json`` for a part that is a JSON value.
    """

    payload: Frozen = field(repr=False)
    attachments: tuple[Attachment, ...] = field(default=(), repr=False)
    encoded: tuple[EncodedText, ...] = field(default=(), repr=False)
    calls: tuple[ModelCall, ...] = ()
    codecs: tuple[str, ...] = ()


def read_form(files: object, fields: object, read: ReadRequest) -> Form:
    """Return what a request with files holds.

    Args:
        files: the SDK's ``files``: a mapping or pairs of a field's name and a file.
        fields: the SDK's ``json_data``, or None.
        read: what says which call a line of a batch file is.

    Raises:
        ContentRefused: something in it cannot be inspected.
        UnguardedPath: a line asks for an operation that the guard does not decide.
    """
    known = frozen_object({} if fields is None else fields, ())
    reading = _Reading(known.get("purpose"), read)
    shown = lifted(known, "/fields")
    reading.attachments += shown.attachments
    reading.encoded += shown.encoded
    for name, file in _pairs(files):
        reading.file(name, file)
    return Form(
        payload=freeze({"fields": shown.payload, "files": reading.files}),
        attachments=tuple(reading.attachments),
        encoded=tuple(reading.encoded),
        calls=tuple(reading.calls),
        codecs=tuple(reading.codecs),
    )


class _Reading:
    def __init__(self, purpose: Frozen, read: ReadRequest) -> None:
        self.files: list[Frozen] = []
        self.attachments: list[Attachment] = []
        self.encoded: list[EncodedText] = []
        self.calls: list[ModelCall] = []
        self.codecs: list[str] = []
        if not isinstance(purpose, str | None):
            raise ContentRefused("field 'purpose' is no text")
        self._purpose = "" if purpose is None else purpose.strip().lower()
        if not _PURPOSE.fullmatch(self._purpose):  # a provider might read "batch" all the same
            raise ContentRefused("field 'purpose' is no plain word")
        self._read = read
        self._left = MOST_BYTES

    def file(self, name: str, file: object) -> None:
        """Note one file."""
        filename, content, kind = _parts(file, self._left)
        self._left -= len(content)
        pointer = f"/files/{len(self.files)}/content"
        is_value = filename is None and kind is not None and kind.startswith(JSON_TYPE)
        shown = self._value(content, pointer) if is_value else self._content(content, pointer)
        self.files.append(freeze({"field": name, "name": filename, "type": kind, "content": shown}))

    def _value(self, content: bytes, pointer: str) -> Frozen:
        self.codecs.append(JSON)
        what = seen(content)
        shown = lifted(json_value("a JSON part of the request", what.text), pointer)
        self.attachments += shown.attachments
        self.encoded += shown.encoded
        return shown.payload

    def _content(self, content: bytes, pointer: str) -> Frozen:
        what = seen(content)
        is_lines = self._purpose == BATCH or self._purpose in EXAMPLES
        if what.data_class and is_lines:
            raise ContentRefused("a file that must hold lines of JSON holds no text")
        if what.data_class:
            label = label_of(what.data_class, content)
            self.attachments.append(
                Attachment(
                    pointer=pointer, data_class=what.data_class, label=label, content=content
                )
            )
            self.codecs.append("")
            return label
        if not is_lines:
            self.codecs.append(what.codec)
            shown = lifted_text(what.text, pointer)
        else:
            self.codecs.append(LINES)
            shown = lifted(self._lines(what.text, pointer), pointer)
        self.attachments += shown.attachments
        self.encoded += shown.encoded
        return shown.payload

    def _lines(self, text: str, pointer: str) -> tuple[Frozen, ...]:
        if self._purpose != BATCH:
            return example_lines(text)
        lines = batch_lines(text, self._read, pointer)
        self.calls += lines.calls
        return lines.content


def _pairs(files: object) -> Iterator[tuple[str, object]]:
    """Yield field and file of every form in which the SDK holds files."""
    if files is None:
        return
    pairs: object = files.items() if isinstance(files, Mapping) else files
    if not isinstance(files, Mapping | Sequence) or isinstance(files, str | bytes | bytearray):
        raise _uninspectable("the files of the request are no list")
    for pair in pairs:  # type: ignore[attr-defined]  # items or a sequence, as just seen
        name = pair[0] if isinstance(pair, tuple) and len(pair) == 2 else None  # noqa: PLR2004 - a pair
        if not isinstance(name, str):
            raise _uninspectable("a file of the request has no field")
        yield name, pair[1]


def _parts(file: object, left: int) -> tuple[str | None, bytes, str | None]:
    """Return name, content and declared type of a file, as the HTTP library would send them."""
    if not isinstance(file, tuple):
        name = PurePath(str(getattr(file, "name", NAMELESS))).name
        return name, _read_whole(file, left), _guessed(name)
    if len(file) not in _PARTS_OF_A_FILE or (len(file) > 3 and file[3]):  # noqa: PLR2004 - headers
        raise _uninspectable("a file of the request has headers of its own, or is no file")
    name = file[0]
    declared = file[2] if len(file) > 2 else None  # noqa: PLR2004 - name, content, type
    if not isinstance(name, str | None) or not isinstance(declared, str | None):
        raise _uninspectable("a file of the request has a name or a type that is no text")
    return name, _read_whole(file[1], left), _guessed(name) if declared is None else declared


def _guessed(name: str | None) -> str | None:
    """Return the type that the HTTP library reads off a name, which redaction may change."""
    return (mimetypes.guess_type(name)[0] or "application/octet-stream") if name else None


def _read_whole(content: object, left: int) -> bytes:
    if isinstance(content, str):
        content = content.encode("utf-8")
    if not isinstance(content, bytes | bytearray):
        content = _read_open_file(content, left)
    if len(content) > left:
        raise _uninspectable(f"the files of the request hold more than {MOST_BYTES} bytes")
    return bytes(content)


def _read_open_file(file: Any, left: int) -> bytes:
    """Read an open file from its start, as the HTTP library would."""
    if isinstance(file, io.TextIOBase) or not callable(getattr(file, "read", None)):
        raise _uninspectable("a file of the request is neither bytes nor open in binary mode")
    if hasattr(file, "seek"):
        with suppress(io.UnsupportedOperation):
            file.seek(0)
    content = bytearray()
    while len(content) <= left:
        chunk = file.read(_CHUNK)
        if not isinstance(chunk, bytes):
            raise _uninspectable("a file of the request does not give bytes")
        if not chunk:
            break
        content += chunk
    return bytes(content)


def _uninspectable(problem: str) -> ContentRefused:
    return ContentRefused(problem, remedy="give bytes, a path or a file that is open for reading")


def written_form(
    form: Form,
    payload: Frozen,
    attachments: tuple[Attachment, ...],
    encoded: tuple[EncodedText, ...],
) -> tuple[list[tuple[str, tuple[Any, ...]]] | None, dict[str, JsonValue]]:
    """Return the SDK's ``files`` and ``json_data`` for a payload as it may be sent.

    Args:
        form: what the payload was made from.
        payload: what became of ``form.payload``.
        attachments: what became of ``form.attachments``.
        encoded: what became of ``form.encoded``.

    Raises:
        ContentRefused: the payload is no such form any more.
    """
    whole = restored(payload, attachments, encoded)
    media = {each.pointer: each.content for each in attachments if isinstance(each.content, bytes)}
    fields, files = _of(whole, "fields"), _of(whole, "files")
    if not isinstance(fields, Mapping) or not isinstance(files, tuple):
        raise _changed()
    if len(files) != len(form.codecs):
        raise _changed()
    sent: list[tuple[str, tuple[Any, ...]]] = []
    for index, (file, codec) in enumerate(zip(files, form.codecs, strict=True)):
        content = media.get(f"/files/{index}/content")
        if content is None:
            content = _written(_of(file, "content"), codec)
        sent.append((str(_of(file, "field")), _file(file, content)))
    return sent or None, {key: thaw(item) for key, item in fields.items()}


def _of(node: Frozen, name: str) -> Frozen:
    if not isinstance(node, Mapping) or name not in node:
        raise _changed()
    return node[name]


def _file(file: Frozen, content: bytes) -> tuple[Any, ...]:
    name, kind = _of(file, "name"), _of(file, "type")
    return (name, content) if kind is None else (name, content, kind)


def _written(content: Frozen, codec: str) -> bytes:
    if codec == LINES:
        return written_lines(content).encode("utf-8")
    if codec == JSON:
        return written_value(content).encode("utf-8")
    if not codec or not isinstance(content, str):
        raise _changed()
    return content.encode(codec)


def _changed() -> ContentRefused:
    return ContentRefused("the files of the request cannot be put back where they stood")
