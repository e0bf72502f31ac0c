# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text hold escapes, and what do they stand for?

URL escapes, HTML entities, the escapes of JSON and of programming languages, quoted-printable. A line break or a tab written as an escape is decoded, but alone
it is no reason to look again.

INVARIANT: every character of an escape belongs to what it stands for
(tests/classification/test_views_escapes.py).
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from html.entities import html5

from agentguard.classification.views.view import Site

_HEX = "[0-9A-Fa-f]"
_ESCAPE = re.compile(
    rf"%{_HEX}{{2}}(?:%{_HEX}{{2}})*"
    rf"|\\u{_HEX}{{4}}(?:\\u{_HEX}{{4}})*"
    rf"|\\x{_HEX}{{2}}(?:\\x{_HEX}{{2}})*"
    r"|\\[0-3][0-7]{2}(?:\\[0-3][0-7]{2})*"
    rf"|\\u\{{{_HEX}{{1,6}}\}}"
    rf"|\\U{_HEX}{{8}}"
    r"|\\[\\/\"'nrtbf_](?:\\[\\/\"'nrtbf_])*"
    rf"|&#[xX]0{{0,8}}{_HEX}{{1,6}};?(?:&#[xX]0{{0,8}}{_HEX}{{1,6}};?)*"
    r"|&#0{0,8}[0-9]{1,7};?(?:&#0{0,8}[0-9]{1,7};?)*"
    r"|&[A-Za-z]{2,16};"
    r"|=[0-9A-F]{2}(?:=[0-9A-F]{2})+"
    r"|=3D"
)
_ENTITY = re.compile(r"&#(?:[xX]([0-9A-Fa-f]+)|([0-9]+));?")
# ASCII characters, blanks, and what nobody sees.
_NAMED = {
    f"&{name}": each
    for name, each in html5.items()
    if name[-1] == ";"
    and (each.isascii() or each.isspace() or unicodedata.category(each[0]) == "Cf")
}
# A break of a line alone hides nothing that a pattern does not read as it is.
_HARMLESS = frozenset("nrtbf'")
_SHORT_LETTERS = str.maketrans({"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"})
# By its first character, what a text must hold for an escape that is worth decoding.
_TELLING = {
    "%": re.compile(rf"%{_HEX}{{2}}"),
    "\\": re.compile(r"\\[^nrtbf'\s]"),
    "&": re.compile(r"&(?:#|[A-Za-z]{2,16};)"),
    "=": re.compile(r"=[0-9A-F]{2}"),
}
_WORD = re.compile(r"\S+")
_UNKNOWN = "\ufffd"
_LAST = 0x10FFFF
_BEYOND = 0xFFFF


def escape_sites(text: str) -> list[Site]:
    """Return the escapes of a text, decoded, in order; none when all of them are harmless."""
    if not any(first in text and telling.search(text) for first, telling in _TELLING.items()):
        return []
    sites: list[Site] = []
    worth = False
    for match in _ESCAPE.finditer(text):
        run = match.group()
        worth = worth or run[0] != "\\" or not _HARMLESS.issuperset(run[1::2])
        sites.extend(_decoded(run, match.start()))
    if "+" in text and "%" in text:
        sites = sorted((*sites, *_form_blanks(text)))
    return sites if worth else []


def _form_blanks(text: str) -> Iterator[Site]:
    """Yield the plus signs of a form: beside URL escapes they stand for blanks."""
    url = _TELLING["%"]
    for word in _WORD.finditer(text):
        if url.search(text, *word.span()):
            place = text.find("+", *word.span())
            while place >= 0:
                yield Site(place, place + 1, " ", 1)
                place = text.find("+", place + 1, word.end())


def _decoded(run: str, start: int) -> Iterator[Site]:
    return (
        _DECODERS.get(run[:2], _short)(run, start) if run[0] == "\\" else _FIRST[run[0]](run, start)
    )


def _url(run: str, start: int) -> Iterator[Site]:
    return _of_bytes(bytes.fromhex(run.replace(run[0], "")), 3, start)


def _of_bytes(data: bytes, stride: int, start: int) -> Iterator[Site]:
    """Yield what bytes stand for of which each was written with *stride* characters."""
    if data.isascii():
        yield Site(start, start + len(data) * stride, data.decode("ascii"), stride)
        return
    try:
        decoded = data.decode("utf-8")
    except UnicodeDecodeError:
        yield Site(start, start + len(data) * stride, data.decode("latin-1"), stride)
        return
    for character in decoded:
        end = start + len(character.encode("utf-8")) * stride
        yield Site(start, end, character)
        start = end


def _byte(run: str, start: int) -> Iterator[Site]:
    return _of_bytes(bytes.fromhex(run.replace("\\x", "")), 4, start)


def _octal(run: str, start: int) -> Iterator[Site]:
    return _of_bytes(bytes(int(each, 8) for each in run[1:].split("\\")), 4, start)


def _unit(run: str, start: int) -> Iterator[Site]:
    """Yield what UTF-16 units stand for."""
    if run[2] == "{":
        yield Site(start, start + len(run), _character(int(run[3:-1], 16)))
        return
    decoded = bytes.fromhex(run.replace("\\u", "")).decode("utf-16-be", "replace")
    if len(decoded) * 6 == len(run):
        yield Site(start, start + len(run), decoded, 6)
        return
    for character in decoded:
        end = start + (12 if ord(character) > _BEYOND else 6)
        yield Site(start, end, character)
        start = end


def _long(run: str, start: int) -> Iterator[Site]:
    yield Site(start, start + len(run), _character(int(run[2:10], 16)))


def _short(run: str, start: int) -> Iterator[Site]:
    yield Site(start, start + len(run), run[1::2].translate(_SHORT_LETTERS), 2)


def _entities(run: str, start: int) -> Iterator[Site]:
    if run[1] != "#":
        named = _NAMED.get(run)
        if named is not None:
            yield Site(start, start + len(run), named)
        return
    entities = list(_ENTITY.finditer(run))
    size = entities[0].end()
    decoded = [_character(int(each[1] or each[2], 16 if each[1] else 10)) for each in entities]
    if all(each.end() - each.start() == size for each in entities):
        yield Site(start, start + len(run), "".join(decoded), size)
        return
    for entity, character in zip(entities, decoded, strict=True):
        yield Site(start + entity.start(), start + entity.end(), character)


def _character(code: int) -> str:
    if code > _LAST or 0xD800 <= code <= 0xDFFF:  # noqa: PLR2004 - the surrogates
        return _UNKNOWN
    return chr(code)


_Decoder = Callable[[str, int], Iterator[Site]]
_FIRST: dict[str, _Decoder] = {"%": _url, "=": _url, "&": _entities}
_DECODERS: dict[str, _Decoder] = {
    "\\x": _byte,
    "\\u": _unit,
    "\\U": _long,
    **{f"\\{digit}": _octal for digit in "0123"},
}
