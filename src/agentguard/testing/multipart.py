# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which parts does a multipart body have?

Reads bodies of ``multipart/form-data`` as they arrive, also damaged ones as far as they go.

INVARIANT: the content of a part is returned byte for byte (tests/testing/test_multipart.py).
INVARIANT: a repr shows counts only (tests/testing/test_multipart.py).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_BOUNDARY = re.compile(r'boundary=(?:"([^"]+)"|([^;\s]+))', re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Part:
    """One part of a multipart body.

    Attributes:
        name: the name of the form's field, empty if the part has none.
        filename: the name of the file as it stands in the header, or None.
        content_type: the media type that the part names, or None.
        content: the bytes of the part.
        headers: every header of the part, names in small letters.
    """

    name: str
    filename: str | None
    content_type: str | None
    content: bytes
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"Part({len(self.headers)} headers, {len(self.content)} bytes)"


def parse_parts(content_type: str, body: bytes) -> tuple[Part, ...]:
    """Return the parts of a body, none if it is no multipart body."""
    if not content_type.lower().startswith("multipart/"):
        return ()
    named = _BOUNDARY.search(content_type)
    if named is None:
        return ()
    boundary = (named[1] or named[2]).encode()
    parts = []
    for piece in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:]:
        if piece.startswith(b"--"):
            break
        head, _, content = piece.partition(b"\r\n\r\n")
        parts.append(_part(head.decode(errors="replace"), content))
    return tuple(parts)


def _part(head: str, content: bytes) -> Part:
    lines = [line.partition(":") for line in head.split("\r\n") if ":" in line]
    headers = {name.strip().lower(): value.strip() for name, _, value in lines}
    disposition = headers.get("content-disposition", "")
    return Part(
        name=_parameter(disposition, "name") or "",
        filename=_parameter(disposition, "filename"),
        content_type=headers.get("content-type"),
        content=content,
        headers=headers,
    )


def _parameter(disposition: str, name: str) -> str | None:
    found = re.search(rf'(?:^|[;\s]){name}\*?=(?:"([^"]*)"|([^;]*))', disposition)
    return None if found is None else (found[1] if found[1] is not None else found[2])
