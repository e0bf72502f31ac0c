# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What came back, as far as it is text of a bounded size?

It is what the conversation hears of an answer; what the tool's own code gets is not changed.
An answer that is not read here has no content: nobody can rely on any of it.
"""

import json
import re
import zlib
from typing import Any

from agentguard.clients.formats import seen

# More than that, and what is packed into more than this, is not listened to.
MOST_HEARD = 256 * 1024
MOST_UNPACKED = 1024 * 1024

_TEXTUAL = re.compile(r"text/(?!event-stream).*|application/(?:[a-z0-9.-]+\+)?(?:json|xml).*")
_JSON = re.compile(r"application/(?:[a-z0-9.-]+\+)?json(?:;.*)?")
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


def is_heard(content_type: str, length: str | None) -> bool:
    """Say whether an answer is to be read as a whole before its caller gets it.

    Args:
        content_type: the header, empty where there is none.
        length: the header that says how long it is, None where there is none.
    """
    kind = content_type.strip().lower()
    if length is None:
        return _JSON.fullmatch(kind) is not None
    return bool(_TEXTUAL.fullmatch(kind)) and length.isdecimal() and int(length) <= MOST_HEARD


def heard(content: bytes, content_type: str, coding: str) -> Any:
    """Return the value or the text of an answer, None where there is neither."""
    unpacked = _unpacked(content, coding.strip().lower())
    found = None if unpacked is None else seen(unpacked)
    if found is None or found.data_class:
        return None
    if _JSON.fullmatch(content_type.strip().lower()):
        try:
            return json.loads(found.text)
        except (ValueError, RecursionError):
            return found.text
    return found.text


def _unpacked(content: bytes, coding: str) -> bytes | None:
    if coding in {"", "identity"}:
        return content
    if coding not in {"gzip", "x-gzip", "deflate"}:
        return None
    reader = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        unpacked = reader.decompress(content, MOST_UNPACKED)
    except zlib.error:
        return None
    return None if reader.unconsumed_tail else unpacked
