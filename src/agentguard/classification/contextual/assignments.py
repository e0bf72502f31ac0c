# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which value is given to the name at this place, in whatever language that is written?

Reads ``name = value`` in environment files, YAML, JSON, TOML, INI, XML, programs, shells, URLs,
headers, SQL and prose, from the name on and over a bounded part of the text. It does not say
whether the value is a secret.

INVARIANT: a value is taken whole, from its first character to its last
(tests/classification/test_contextual_assignments.py).
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from agentguard.classification.contextual.names import Worth, worth

MOST_NAME = 64
MOST_BETWEEN = 96
MOST_VALUE = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A name that promises something.

    Attributes:
        start: of the name, in bytes.
        end: one past its last byte.
        worth: what it promises.
    """

    start: int
    end: int
    worth: Worth


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """A value and how it was given.

    Attributes:
        start: of the value, in bytes.
        end: one past its last byte.
        worth: what its name promises.
        quoted: whether the value stood between quotes or tags.
        blank: whether nothing but blanks stood between name and value, not even a quote.
        indirect: whether the value was only an argument beside the name, or inside a call.
    """

    start: int
    end: int
    worth: Worth
    quoted: bool
    blank: bool
    indirect: bool


_LETTER = rb"A-Za-z0-9_$\x80-\xff"
# Read backwards.
_LEFT = re.compile(rb"[" + _LETTER + rb".\-]{0,48}(?: [" + _LETTER + rb".\-]{1,24})?")
_RIGHT = re.compile(rb"[" + _LETTER + rb"\-]{0,48}(?:\.[" + _LETTER + rb"\-]{1,32}){0,3}")

# Between the name and its sign: the end of a quoted or indexed name, a type.
_CLOSE = rb"(?:\\{0,3}[\"'`])?[\])}]{0,2}"
_TYPE = rb"(?:[ \t]{0,4}:[ \t]{0,4}[A-Za-z_][\w.\[\]<>|?, \t]{0,40}(?=[ \t]?=[^=]))?"
# Signs in full width, arrows, and what says "is" in scripts that leave no blank before it.
_WIDE_SIGN = (
    rb"\xef\xbc[\x9a\x9d]|\xe2\x86\x92|\xe2\x87\x92|\xe2\x9e\x9c"
    rb"|\xe6\x98\xaf|\xe4\xb8\xba|\xe7\x82\xba|\xe3\x81\xaf"
)
_WIDE_SIGNS = re.compile(_WIDE_SIGN)
# A dash between blanks, and the edge of a column.
_DASH = rb"[ \t](?:-{1,2}|\xe2\x80[\x93\x94]|~|\|)(?=[ \t])"
_SIGN = (
    rb"(?::=|=>|->|={1,3}|!={1,2}|:(?!:)|\|\||\?\?|&quot;|&#61;|%3[DdAa]|"
    + _WIDE_SIGN
    + rb"|"
    + _DASH
    + rb")"
)
# Whose it is: "password (root): X", "password for the database of bob is X".
_WHOSE = (
    rb"(?:[ \t]{1,2}\([^()\r\n]{1,40}\)[ \t]{0,2}[:=]"
    rb"|[ \t]{1,2}(?:for|of|to|on|f\xc3\xbcr|para|pour|de)(?:[ \t]{1,2}[\w@.'/-]{1,40}){1,6}?"
    rb"(?:[ \t]{0,2}[:=]|[ \t]{1,2}(?:is|was|ist|lautet|es|est)[ \t]{0,2}:?))[ \t]{1,4}"
)
# The value has a name of its own: "name": "X", "value": "y"; name="X" value="y"; <key>..<string>.
_PAIR = (
    rb"(?:</\w{1,16}>)?[\"'\s,]{1,24}(?:[{}<\-]\s{0,24})?[\"']?"
    rb"(?:value|val|content|string|default|defaultValue|password|data)[\"']?\s{0,4}[=:>]"
)
_CALL = rb"\([ \t]{0,4}"
_COMMA = rb"[ \t]{0,2},[ \t\r\n]{0,8}"
_OR = rb"[)\]]{0,2}[ \t]{0,4}(?:or|\|\||\?\?|else)[ \t]{1,4}"
_IS = rb"[ \t]{1,4}(?:is|was|are|to|es|ist|lautet|est|=|:)[ \t]{0,2}:?[ \t]{1,4}"
_BETWEEN = re.compile(
    rb"(?:"
    rb"(?P<pair>" + _PAIR + rb"\s{0,8})"
    rb"|" + _CLOSE + _TYPE + rb"[ \t]{0,32}(?P<sign>" + _SIGN + rb")\s{0,32}(?:\[\s{0,8}(?=[\"']))?"
    rb"|" + _CLOSE + _OR + rb"(?=[\"'`])"
    rb"|(?P<tag>>)\s{0,16}"
    rb"|(?P<comma>" + _CLOSE + _COMMA + rb")(?=[\w@]{0,2}\\{0,3}[\"'`])"
    rb"|(?P<call>" + _CALL + rb")(?=[\w@]{0,2}\\{0,3}[\"'`])"
    rb"|(?P<prose>" + _IS + rb"|" + _WHOSE + rb")"
    rb"|(?P<method>[ \t]\w{1,40}[ \t][Bb][Yy][ \t]{1,4})"
    rb"|(?P<blank>[ \t]{1,16}(?:-p[ \t]{0,2})?)"
    rb")"
)
_SCHEME = (
    rb"(?:(?:[Bb]earer|[Bb]asic|[Tt]oken|[Bb]ot|[Aa]pi[Kk]ey|OAuth|Digest|JWT|Key|Splunk)[ \t]+)?"
)
_WRAP = rb"(?P<wrap>[A-Za-z_][\w.]{0,31}\([ \t]{0,2}(?:[A-Za-z_][\w.]{0,31}\([ \t]{0,2}|new[ \t]\w{1,32}\([ \t]{0,2}){0,1})?[rRbBuUfFL@$]{0,2}"
_QUOTED = re.compile(_WRAP + rb"(?P<quote>\\{0,3}(?:\"|'|`|&quot;|&#39;|%22))" + _SCHEME)
# Behind the first argument of a call.
_SECOND = re.compile(
    rb"(?:\"[^\"\r\n]{0,80}\"|'[^'\r\n]{0,80}'|\w{1,40}),[ \t]{0,4}(?P<wrap>)(?P<quote>[\"'])"
)
# Scripts that put no blanks between words go on behind a value.
_BARE = re.compile(_SCHEME + rb"(?P<value>[^\s\"'`<>\xe3-\xed\xef]{1,4096})")
_TAGGED = re.compile(rb"\S{1,4096}?(?=\s{0,64}</)")
# The next parameter of a query, or a quote in HTML.
_MORE = re.compile(rb"&(?:quot;|#39;|amp;)|[&;,][ \t]?[\w.%-]{1,48}=|,[A-Za-z_$][\w$]{0,48}:(?!//)")
# Whoever can pass something to somebody speaks of no password.
_TO_PASS = re.compile(
    rb"(?i)\b(?:to|will|would|can|could|may|must|should|not|and|or|we|you|they|then)\s{1,4}pass\Z"
)
_LONGEST_TO_PASS = 16
_GIVES = (b"=", b":")
# The rest of a placeholder or a mark: its label promises nothing.
_HIDDEN = re.compile(rb"[:#][A-Z2-7]{8}\]\]")
_LINE_END = re.compile(rb"[\r\n]")
# What a variable stands for where it is not set.
_DEFAULT = re.compile(rb"\$\{[A-Za-z_][\w.-]{0,63}?(?::[-=]?|-)(?![?+}])")


def named(data: bytes, hits: Iterable[tuple[int, int]]) -> Iterator[Named]:
    """Yield the names around *hits* that promise something.

    Args:
        data: the text.
        hits: where words of ``names.GATE`` begin and end, sorted.
    """
    done = -1
    for hit, end in hits:
        if hit < done:
            continue
        right = _RIGHT.match(data, end)
        done = right.end() if right else end
        if not data[end:done].isascii() and (wide := _WIDE_SIGNS.search(data, end, done)):
            done = wide.start()
        left = _LEFT.match(data[max(0, hit - MOST_NAME) : hit][::-1])
        start = hit - (left.end() if left else 0)
        if data[start - 2 : start] == b"[[" and _HIDDEN.match(data, done):
            continue
        promised = worth(data[start:done].decode("utf-8", "replace"))
        if promised is not Worth.NOTHING:
            yield Named(start=start, end=done, worth=promised)


def assigned(data: bytes, name: Named, following: Named | None) -> Assigned | None:
    """Return the value that a name is given, if it is given one.

    Args:
        data: the text.
        name: the name.
        following: the next one; where it stands in the value's place and is given a value itself,
            the value is its own.
    """
    between = _BETWEEN.match(data, name.end, name.end + MOST_BETWEEN)
    if between is None:
        return None
    if between["prose"] and _TO_PASS.search(data, max(0, name.end - _LONGEST_TO_PASS), name.end):
        return None
    promised = name.worth
    if between["call"] is not None:
        method = data[name.start : name.end].rpartition(b".")[2]
        promised = worth(method.decode("utf-8", "replace"))
    if promised is Worth.NOTHING:
        return None
    place = between.end()
    if (
        following is not None
        and following.start <= place
        and data[following.end : following.end + 1] in _GIVES
    ):
        return None
    quoted = _QUOTED.match(data, place, place + MOST_BETWEEN)
    second = _SECOND.match(data, place, place + 2 * MOST_BETWEEN) if between["call"] else None
    if second is not None and promised < Worth.PASSWORD:
        quoted, promised = second, Worth.PASSWORD
    first, last = _span(data, place, quoted, tag=between["tag"] is not None)
    default = _DEFAULT.match(data, first, last)
    if default is not None:
        closing = data.find(b"}", default.end(), last)
        first, last = default.end(), closing if closing >= 0 else last
    if first >= last:
        return None
    return Assigned(
        start=first,
        end=last,
        worth=promised,
        quoted=quoted is not None or between["tag"] is not None,
        blank=between["blank"] is not None and quoted is None,
        indirect=between["call"] is not None
        or between["comma"] is not None
        or (quoted is not None and quoted["wrap"] is not None),
    )


def _span(data: bytes, place: int, quoted: re.Match[bytes] | None, *, tag: bool) -> tuple[int, int]:
    """Return where the value at a place begins and ends, the same twice if there is none."""
    if quoted is not None:
        return quoted.end(), _closing(data, quoted.end(), quoted["quote"])
    if tag:
        tagged = _TAGGED.match(data, place, place + MOST_VALUE)
        return place, place if tagged is None else tagged.end()
    bare = _BARE.match(data, place, place + MOST_VALUE)
    if bare is None:
        return place, place
    first, last = bare.span("value")
    more = _MORE.search(data, first, last)
    return first, first + _trimmed(data[first : more.start() if more else last])


def _closing(data: bytes, start: int, quote: bytes) -> int:
    """Return where a quoted value ends, -1 if it does not end on its line."""
    stop = start + MOST_VALUE
    end = data.find(quote, start, stop)
    while end > start and quote in (b'"', b"'") and data[end - 1 : end] == b"\\":
        end = data.find(quote, end + 1, stop)
    return end if end < 0 or not _LINE_END.search(data, start, end) else -1


_OPENING = {b")": b"(", b"]": b"[", b"}": b"{"}
_TAIL = b",;:.)]}\\"


def _trimmed(value: bytes) -> int:
    """Return the length of a value without what closes or ends the sentence around it."""
    end = len(value)
    while end and value[end - 1] in _TAIL:
        last = value[end - 1 : end]
        opening = _OPENING.get(last)
        if opening is not None and opening in value[: end - 1]:
            break
        end -= 1
    return end
