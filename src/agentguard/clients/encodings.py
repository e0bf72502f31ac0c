# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which bytes does a text stand for, in base64 or in a data URI?

Decodes strictly: where two readers could come to different bytes, there is no answer. Encodes
what was changed in the form in which it came. It does not judge the bytes.

INVARIANT: what cannot be read in one way only is not read (tests/clients/test_encodings.py).
"""

import binascii
import re
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

_TYPE = r"[A-Za-z0-9.+*_-]{1,64}\\*/[A-Za-z0-9.+*_-]{1,96}"
_HEAD = rf"[Dd][Aa][Tt][Aa]:(?:{_TYPE})?(?:;[^;,\s\"'<>()]{{1,128}}){{0,8}},"
# What a JSON text may write for a character of base64.
_UNITS = r"(?:[A-Za-z0-9+/_=-]++|%[0-9A-Fa-f]{2}|\\++/|\\u00(?:2[BbFf]|3[Dd]))*+"
_ESCAPED = re.compile(r"(?<!\\)\\++/|\\u00([0-9A-Fa-f]{2})")
_WHITE = str.maketrans("", "", " \t\r\n\f")
_STANDARD = str.maketrans("-_", "+/")
_URL_SAFE = str.maketrans("+/", "-_")
_MOST_PADDING = 2
_QUANTUM = 4

# Texts declared in another charset may say something else than what is seen.
_CHARSET = re.compile(r"(?i)charset=\"?([a-z0-9_.:-]+)")
_PLAIN_CHARSETS = frozenset({"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-1", "windows-1252"})

WHOLE_DATA_URI = re.compile(rf"\s*({_HEAD})(.*)", re.DOTALL)
DATA_URI = re.compile(rf"({_HEAD})(?:(?<=;[Bb][Aa][Ss][Ee]64,)({_UNITS})|([^\s\"'<>()\[\]`\\]*))")


class Encoded(NamedTuple):
    """A text in two parts: what says how it is encoded, and what is encoded."""

    prefix: str
    body: str

    def __repr__(self) -> str:
        return f"Encoded({len(self.body)} characters)"

    @property
    def is_base64(self) -> bool:
        """Whether the body is base64, as every body without a prefix is."""
        return not self.prefix or self.prefix.lower().endswith(";base64,")

    @property
    def has_plain_charset(self) -> bool:
        """Whether the prefix names no charset in which the bytes could mean another text."""
        named = _CHARSET.search(self.prefix)
        return named is None or named.group(1).lower() in _PLAIN_CHARSETS


def whole_data_uri(text: str) -> Encoded | None:
    """Return the two parts of a text that is a data URI, None for another text."""
    match = WHOLE_DATA_URI.fullmatch(text)
    return Encoded(text[: match.start(2)], match.group(2)) if match else None


def decoded(encoded: Encoded) -> bytes | None:
    """Return the bytes that an encoded text stands for, None when readers could differ."""
    if encoded.is_base64:
        return from_base64(encoded.body)
    try:
        return unquote_to_bytes(encoded.body)
    except ValueError:
        return None


def from_base64(body: str) -> bytes | None:
    """Return the bytes of a base64 text of either alphabet, with or without padding.

    White space, percent escapes and the escapes of a JSON text are read.
    """
    plain = _ESCAPED.sub(_unescaped, body) if "\\" in body else body
    if "%" in plain:
        plain = unquote_to_bytes(plain).decode("latin-1")
    plain = plain.translate(_WHITE)
    bare = plain.rstrip("=")
    padding = len(plain) - len(bare)
    if padding > _MOST_PADDING or (padding and len(plain) % _QUANTUM):
        return None
    if "-" in bare or "_" in bare:
        if "+" in bare or "/" in bare:
            return None
        bare = bare.translate(_STANDARD)
    try:
        return binascii.a2b_base64(bare + "=" * (-len(bare) % _QUANTUM), strict_mode=True)
    except ValueError:
        return None


def _unescaped(match: re.Match[str]) -> str:
    code = match.group(1)
    return chr(int(code, 16)) if code else "/"


def encoded_like(content: bytes, encoded: Encoded) -> str:
    """Return *content* with the prefix and in the form of an encoded text."""
    if not encoded.is_base64:
        return encoded.prefix + quote_from_bytes(content, safe="")
    body = binascii.b2a_base64(content, newline=False).decode("ascii")
    if "-" in encoded.body or "_" in encoded.body:
        body = body.translate(_URL_SAFE)
    if "=" not in encoded.body and "%" not in encoded.body and len(encoded.body) % _QUANTUM:
        body = body.rstrip("=")
    return encoded.prefix + body
