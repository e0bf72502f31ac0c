# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does untrusted content name something in a form that a model reads and a comparison does not?

Who wants a known payee to be paid need not write the address as it stands in the address book:
``bob [at] corp dot com``, ``bob&#64;corp.com``, letters of another alphabet. So where a value would
count as a tool's, what is left of it without signs is looked for in what is left of untrusted
content. That only ever takes an origin away. What a riddle means is not understood: "pay the
second one on the list" names nobody here.

INVARIANT: a short value is looked for in full only, since it stands in many texts by accident
(tests/provenance/test_blurred.py).
"""

import base64
import binascii
import html
import re
import unicodedata
from urllib.parse import unquote

# Whoever is known by fewer letters is named by them as they are.
SHORTEST = 7
_SIGNS = re.compile(r"[\W_]+")
_SPOKEN = re.compile(r"(?:(?<=[\s\[({<*_-])|\b)(?:at|dot|punkt|arobase)\b", re.IGNORECASE)
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})|\\x([0-9a-fA-F]{2})|=([0-9A-F]{2})")
_PACKED = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{8,4096}={0,2}(?![A-Za-z0-9+/_-])")
# Letters and digits that are taken for Latin ones.
_ALIKE = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u051b\u051d\u04cf\u0432\u043a\u043c\u043d\u0442"
    "\u03b1\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7\u0261\u0131\u0578\u057d\u0585",
    "aeopcyxijsdqwlbkmhtaeikvoptuxginso",
)


def blurred(text: str) -> str:
    """Return what is left of a text without signs, blanks and differences between letters."""
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.casefold()).translate(_ALIKE)
    return _SIGNS.sub("", text).lower()


def readings_of(text: str) -> list[str]:
    """Return a text in every form in which it may be read."""
    forms = [text]
    plain = _unpacked(text)
    if plain != text:
        forms.append(plain)
    forms += [spoken for each in tuple(forms) if (spoken := _SPOKEN.sub("", each)) != each]
    forms += [shown for packed in _PACKED.findall(text) if (shown := _opened(packed))]
    return forms


def blurs_of(text: str) -> str:
    """Return a text in every form in which it may be read, without signs."""
    return "\n".join(dict.fromkeys(map(blurred, readings_of(text))))


def _unpacked(text: str) -> str:
    plain = html.unescape(text) if "&" in text else text
    plain = unquote(plain) if "%" in plain else plain
    if "\\" in plain or "=" in plain:
        plain = _ESCAPED.sub(lambda match: chr(int(match[1] or match[2] or match[3], 16)), plain)
    return plain


def _opened(packed: str) -> str:
    """Return the text that a word holds in base64; empty where it is only a word."""
    word = packed.rstrip("=").translate(str.maketrans("-_", "+/"))
    try:
        shown = base64.b64decode(word + "=" * (-len(word) % 4), validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
    return shown if shown.isprintable() else ""


class Blurred:
    """Untrusted content without signs. Threads may share it: it only grows."""

    __slots__ = ("_blocks",)

    def __init__(self) -> None:
        self._blocks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Blurred({sum(map(len, self._blocks))} characters)"

    def add(self, text: str) -> None:
        """Remember a text."""
        new, blocks = blurs_of(text), self._blocks
        while blocks and len(blocks[-1]) < 2 * len(new):
            new = f"{blocks[-1]}\n{new}"
            blocks = blocks[:-1]
        self._blocks = (*blocks, new)

    def names(self, text: str) -> bool:
        """Say whether something long enough was named in some form."""
        wanted = blurred(text)
        return len(wanted) >= SHORTEST and any(wanted in block for block in self._blocks)
