# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
r"""How is a pattern of RE2 written for ``re``?

Reads the syntax of RE2 and writes the same pattern in a part of ``re``'s that means the same in
every mode: sets of characters as runs, cases unfolded, flags resolved.

INVARIANT: what is not certain to mean the same is refused
(tests/classification/test_engine_translation.py).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from agentguard.matching import characters
from agentguard.matching.characters import Runs

_MOST_REPEATS = 1000
_CONTROL = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
# In an empty text ``re`` finds no B before Python 3.14.
_POSITIONS = {"A": r"\A", "z": r"\Z", "b": r"\b", "B": r"(?!\b)"}
_COUNT = re.compile(r"\{(\d{1,4})(?:(,)(\d{0,4}))?\}")
_GROUP = re.compile(r"\?(?:P?<([A-Za-z_]\w*)>|([a-zA-Z]*)(-[a-zA-Z]*)?([:)]))")
_POSIX = re.compile(r"\[:(\^?)([a-z]+):\]")
_HEXADECIMAL = re.compile(r"x(?:([0-9A-Fa-f]{2})|\{([0-9A-Fa-f]{1,6})\})")
_OCTAL = re.compile(r"0[0-7]{0,2}|[1-7][0-7]{1,2}")
_QUOTED = re.compile(r"(?s)\\(?:Q(.*?)(?:\\E|\Z)|.)")
_UNICODE = re.compile(r"([pP])(?:\{(\^?)(\w+)\}|(\w))")


@dataclass(frozen=True, slots=True)
class _Flags:
    i: bool = False
    s: bool = False
    m: bool = False
    U: bool = False


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a pattern that is written.

    Attributes:
        text: what stands in the pattern for ``re``.
        alphabet: every character that a match may hold, as a mask.
        head: the set of its first character, when a fixed number of characters begins it.
        tail: the set of its last character, likewise.
        repeats: whether something in it repeats without bound.
        atom: whether a repetition may follow without brackets.
    """

    text: str
    alphabet: int = 0
    head: int = 0
    tail: int = 0
    repeats: bool = False
    atom: bool = False


def python_pattern(source: str, *, any_case: bool = False) -> str:
    """Write a pattern of RE2 for ``re``, to be compiled over text with the flag for ASCII.

    Raises:
        ValueError: RE2 does not take it, it holds a lone surrogate, or this engine cannot run it in linear time.
    """
    source.encode("utf-8")  # RE2 gets no lone surrogate, either
    reader = _Reader(source)
    piece = reader.alternatives(_Flags(i=any_case))
    if reader.rest:
        raise ValueError("unexpected )")
    return piece.text


class _Reader:
    """Reads one pattern from its start to its end."""

    def __init__(self, source: str) -> None:
        self._source = _QUOTED.sub(_unquoted, source)
        self._place = 0

    @property
    def rest(self) -> bool:
        """Whether anything is left."""
        return self._place < len(self._source)

    def _next(self) -> str:
        return self._source[self._place : self._place + 1]

    def _take(self, expression: re.Pattern[str]) -> re.Match[str] | None:
        match = expression.match(self._source, self._place)
        if match is not None:
            self._place = match.end()
        return match

    def _skip(self, text: str) -> bool:
        found = self._source.startswith(text, self._place)
        if found:
            self._place += len(text)
        return found

    def alternatives(self, flags: _Flags) -> _Piece:
        """Read up to the end of a group; flags that are set in it hold to its end."""
        branches = [[]]  # type: list[list[_Piece]]
        while self.rest and self._next() != ")":
            if self._skip("|"):
                branches.append([])
                continue
            changed = self._flags_alone(flags)
            if changed is not None:
                flags = changed
                continue
            branches[-1].append(self._repeated(self._atom(flags), flags))
        written = [_sequence(branch) for branch in branches]
        if len(written) == 1:
            return written[0]
        return _Piece(
            text="|".join(piece.text for piece in written),
            alphabet=_union(piece.alphabet for piece in written),
            repeats=any(piece.repeats for piece in written),
        )

    def _flags_alone(self, flags: _Flags) -> _Flags | None:
        start = self._place
        if self._skip("("):
            group = self._take(_GROUP)
            if group is not None and group[4] == ")":
                return _changed(flags, group)
        self._place = start
        return None

    def _repeated(self, atom: _Piece, flags: _Flags) -> _Piece:
        count = self._count()
        if count is None:
            return atom
        least, most = count
        lazy = self._skip("?") != flags.U
        if self._count() is not None:
            raise ValueError("bad repetition operator")
        if most is None and atom.repeats and not _separated(atom):
            raise ValueError(
                "a repetition inside a repetition needs google-re2, which is not installed"
            )
        body = atom.text if atom.atom else f"(?:{atom.text})"
        bound = "" if most is None else most
        return _Piece(
            text=f"{body}{{{least},{bound}}}" + ("?" if lazy else ""),
            alphabet=atom.alphabet,
            repeats=atom.repeats or most is None,
        )

    def _count(self) -> tuple[int, int | None] | None:
        for sign, count in (("*", (0, None)), ("+", (1, None)), ("?", (0, 1))):
            if self._skip(sign):
                return count
        match = self._take(_COUNT)
        if match is None:
            return None
        least = int(match[1])
        most = least if match[2] is None else int(match[3]) if match[3] else None
        if max(least, most or 0) > _MOST_REPEATS or (most is not None and most < least):
            raise ValueError("bad repetition count")
        return least, most

    def _atom(self, flags: _Flags) -> _Piece:
        if _COUNT.match(self._source, self._place):
            raise ValueError("no argument for repetition operator")
        character = self._next()
        self._place += 1
        if character == "(":
            return self._group(flags)
        if character == "[":
            return _characters(self._class(flags))
        if character in "*+?":
            raise ValueError("no argument for repetition operator")
        if character == "\\":
            return self._escaped(flags)
        return _sign(character, flags) or _letter(ord(character), flags)

    def _group(self, flags: _Flags) -> _Piece:
        opening = "("
        if self._next() == "?":
            group = self._take(_GROUP)
            if group is None:
                raise ValueError("invalid or unsupported group")
            if group[1] is not None:
                opening = f"(?P<{group[1]}>"
            else:
                opening, flags = "(?:", _changed(flags, group)
        inside = self.alternatives(flags)
        if not self._skip(")"):
            raise ValueError("missing )")
        return replace(inside, text=f"{opening}{inside.text})", atom=True)

    def _escaped(self, flags: _Flags) -> _Piece:
        if self._next() in _POSITIONS and self._next():
            position = _Piece(text=_POSITIONS[self._next()])
            self._place += 1
            return position
        runs = self._class_escape(flags)
        if runs is None:
            return _letter(self._character_escape(), flags)
        return _characters(runs)

    def _class_escape(self, flags: _Flags) -> Runs | None:
        if self._next().lower() in characters.PERL and self._next():
            name = self._next()
            self._place += 1
            return _class_of(characters.PERL[name.lower()], flags, negated=name.isupper())
        match = self._take(_UNICODE)
        if match is None:
            return None
        named = characters.unicode_class(match[3] or match[4])
        return _class_of(named, flags, negated=(match[1] == "P") != bool(match[2]))

    def _character_escape(self) -> int:
        match = self._take(_HEXADECIMAL)
        if match is not None:
            return _in_unicode(int(match[1] or match[2], 16))
        match = self._take(_OCTAL)
        if match is not None:
            return int(match[0], 8)
        character = self._next()
        self._place += 1
        if character in _CONTROL and character:
            return _CONTROL[character]
        if not character or not character.isascii() or character.isalnum():
            raise ValueError("invalid escape sequence")
        return ord(character)

    def _class(self, flags: _Flags) -> Runs:
        """Read a class behind its bracket."""
        negated = self._skip("^")
        runs: list[tuple[int, int]] = []
        first = True
        while first or self._next() != "]":
            if not self.rest:
                raise ValueError("missing ]")
            first = False
            runs.extend(self._class_member(flags))
        self._place += 1
        found = characters.joined(runs)
        return characters.others(found) if negated else found

    def _class_member(self, flags: _Flags) -> Runs:
        posix = self._take(_POSIX)
        if posix is not None:
            if posix[2] not in characters.POSIX:
                raise ValueError("invalid character class range")
            return _class_of(characters.POSIX[posix[2]], flags, negated=bool(posix[1]))
        if self._next() == "\\" and self._source[self._place + 1 : self._place + 2] in "dDwWsSpP":
            self._place += 1
            named_class = self._class_escape(flags)
            if named_class is None:
                raise ValueError("invalid character class range")
            return named_class
        low = self._class_character()
        high = low
        following = self._source[self._place : self._place + 2]
        if following[:1] == "-" and following[1:] not in {"]", ""}:
            self._place += 1
            high = self._class_character()
            if high < low:
                raise ValueError("invalid character class range")
        return _class_of(((low, high),), flags)

    def _class_character(self) -> int:
        if not self.rest:
            raise ValueError("missing ]")
        character = self._next()
        self._place += 1
        return self._character_escape() if character == "\\" else ord(character)


def _unquoted(match: re.Match[str]) -> str:
    """Return what stands between the signs of a quotation with a backslash before each sign."""
    if match[1] is None:
        return match[0]
    return "".join(
        f"\\{character}" if character.isascii() and not character.isalnum() else character
        for character in match[1]
    )


def _in_unicode(character: int) -> int:
    if character > characters.EVERYTHING[-1][1]:
        raise ValueError("invalid escape sequence")
    return character


def _changed(flags: _Flags, group: re.Match[str]) -> _Flags:
    on, off = group[2] or "", (group[3] or "")[1:]
    unknown = set(on + off) - {"i", "s", "m", "U"}
    if unknown or (group[3] == "-"):
        raise ValueError("invalid or unsupported group")
    return replace(flags, **dict.fromkeys(on, True), **dict.fromkeys(off, False))


def _class_of(runs: Runs, flags: _Flags, *, negated: bool = False) -> Runs:
    """Return a class with the other cases of its letters; what is negated is folded before."""
    if flags.i:
        runs = characters.folded(runs)
    return characters.others(runs) if negated else runs


def _sign(character: str, flags: _Flags) -> _Piece | None:
    if character == ".":
        return _characters(characters.EVERYTHING if flags.s else characters.NO_LINE_FEED)
    if character == "^":
        return _Piece(text="(?m:^)" if flags.m else r"\A")
    if character == "$":
        return _Piece(text="(?m:$)" if flags.m else r"\Z")
    return None


def _letter(character: int, flags: _Flags) -> _Piece:
    return _characters(_class_of(characters.one(character), flags))


def _characters(runs: Runs) -> _Piece:
    bits = characters.mask(runs)
    return _Piece(text=characters.written(runs), alphabet=bits, head=bits, tail=bits, atom=True)


def _sequence(pieces: list[_Piece]) -> _Piece:
    if len(pieces) == 1:
        return pieces[0]
    consuming = [piece for piece in pieces if piece.alphabet]
    return _Piece(
        text="".join(
            f"(?:{piece.text})" if "|" in piece.text and not piece.atom else piece.text
            for piece in pieces
        ),
        alphabet=_union(piece.alphabet for piece in pieces),
        head=_alone(consuming, 0),
        tail=_alone(consuming, -1),
        repeats=any(piece.repeats for piece in pieces),
    )


def _alone(pieces: list[_Piece], end: int) -> int:
    """Return the characters at one end of a sequence when they stand nowhere else in it."""
    if not pieces:
        return 0
    edge = pieces[end]
    others = _union(piece.alphabet for piece in (pieces[1:] if end == 0 else pieces[:-1]))
    bits = edge.head if end == 0 else edge.tail
    fixed = edge.head == edge.alphabet == edge.tail
    return bits if fixed and not bits & others else 0


def _separated(piece: _Piece) -> bool:
    """Say whether each round of a repetition begins or ends where no other place is like it."""
    return bool(piece.head or piece.tail)


def _union(masks: Iterable[int]) -> int:
    result = 0
    for bits in masks:
        result |= bits
    return result
