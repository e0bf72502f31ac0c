# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text make whoever shows it load an image from elsewhere?

Markdown images and the HTML tags that load without a click. What loads is found by what it is
not: an address that is surely local or holds its own content stays, every other one is found,
however it is written.
A finding covers the address. Where the address stands elsewhere, as in ``![alt][label]``, it
covers the exclamation mark, without which there is no image.

INVARIANT: an address that a browser would ask another host for is found
(tests/classification/test_remote_images.py).
"""

import re
from bisect import bisect_left
from collections.abc import Iterator

from agentguard.classification.classes import REMOTE_IMAGE
from agentguard.vocabulary import Finding

# A tag that is longer is found by its beginning, so that no end can be pushed out of sight.
LONGEST_TAG = 2048

_LOCAL = re.compile(
    r"(?i:data|cid|blob|attachment|sandbox):\S*|(?!//)[\w./~%@+,-]*(?:\?[\w./~%@+=,-]*)?(?:#[\w./~%@+=,-]*)?"
)
# Brackets decide what is an image; what is escaped is none, and a blank line ends all that is open.
_BRACKET = re.compile(r"\\[!-/:-@\[-`{-~]|!\[|\[|\]|\n[ \t]*\n")
_DEFINITION = re.compile(r"\[([^\[\]]{1,999})\]:")
_TARGET = re.compile(r"\(\s*(<[^<>\n]*>?|[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)")
# Inside these a bracket may be no bracket, so that the image could end elsewhere.
_OBSCURING = re.compile(r"[`<]")
# ``(?![a-z])`` in a regular expression, ``vec![1]`` and ``x![0]`` in programs.
_IN_PROGRAM = re.compile(r"[\w)\]?<]")

_TAG = re.compile(
    r"(?i)<(?:img|image|feimage|picture|source|input|video|audio|embed|iframe|object)[\s/]"
)
_STYLED = re.compile(r"(?i)url|image|\\|&")
_QUOTE_OR_END = re.compile(r"[\"'>]")
_ATTRIBUTE = re.compile(r"([^\s\"'<>/=]+)\s*=\s*(?:\"([^\"]*)\"?|'([^']*)'?|([^\s\"'>][^\s>]*))")
_LOADING = frozenset(
    ("src", "srcset", "poster", "data", "href", "xlink:href", "background", "lowsrc", "dynsrc")
)


def remote_images(text: str) -> Iterator[Finding]:
    """Yield the findings in a text; they do not overlap, and are not sorted."""
    spans: list[tuple[int, int]] = []
    if "![" in text:
        spans += _markdown(text)
    if "<" in text:
        spans += _html(text)
    end = 0
    for start, stop in sorted(spans):
        if start >= end:
            end = stop
            yield Finding(start=start, end=stop, data_class=REMOTE_IMAGE, detector=REMOTE_IMAGE)


def _markdown(text: str) -> Iterator[tuple[int, int]]:
    open_brackets: list[tuple[int, bool]] = []
    doubtful: list[tuple[int, str]] = []
    for token in _BRACKET.finditer(text):
        kind = token.group()
        if kind in ("![", "["):
            open_brackets.append((token.start(), kind == "!["))
        elif kind == "]" and open_brackets:
            start, is_image = open_brackets.pop()
            if is_image and _may_be_code(text, start, token.end()):
                doubtful.append((start, text[start + 2 : token.start()]))
            elif is_image:
                yield from _image(text, start, token.end())
        elif kind[0] == "\n":
            open_brackets.clear()
    if doubtful:
        defined = {_folded(definition[1]) for definition in _DEFINITION.finditer(text)}
        yield from ((at, at + 1) for at, label in doubtful if _folded(label) in defined)


def _may_be_code(text: str, start: int, end: int) -> bool:
    """Say whether brackets behind an exclamation mark are an image only if they are defined."""
    if text[end : end + 1] in ("(", "["):
        return False
    return _IN_PROGRAM.match(text[start - 1 : start]) is not None


def _folded(label: str) -> str:
    return " ".join(label.casefold().split())


def _image(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield what makes the image remote whose alternative text ends here."""
    if text[end : end + 1] != "(" or _OBSCURING.search(text, start, end):
        yield start, start + 1
    target = _TARGET.match(text, end)
    if target is not None and not _is_local(target[1].strip("<>")):
        yield target.span(1)


def _html(text: str) -> Iterator[tuple[int, int]]:
    tags = list(_TAG.finditer(text))
    if not tags:
        return
    ends = _TagEnds(text)
    for tag in tags:
        end = ends.behind(tag.end())
        if end - tag.end() > LONGEST_TAG:
            yield tag.start(), tag.start() + 1
            continue
        for attribute in _ATTRIBUTE.finditer(text, tag.end() - 1, end):
            group = attribute.lastindex or 0
            name, value = attribute[1].lower(), attribute[group]
            styled = name == "style" and _STYLED.search(value) is not None
            if styled or (name in _LOADING and not _is_local(value)):
                yield attribute.span(group)


class _TagEnds:
    """Where a tag ends, for any number of tags in one pass: a ``>`` in quotes ends none."""

    def __init__(self, text: str) -> None:
        marks = [(mark.start(), mark.group()) for mark in _QUOTE_OR_END.finditer(text)]
        self._places = [place for place, _ in marks]
        # For each mark, met outside quotes: the end of the tag.
        self._ends = [len(text)] * (len(marks) + 1)
        after_next = {"'": len(marks), '"': len(marks)}
        for index in range(len(marks) - 1, -1, -1):
            place, mark = marks[index]
            if mark == ">":
                self._ends[index] = place + 1
            else:
                self._ends[index] = self._ends[after_next[mark]]
                after_next[mark] = index + 1

    def behind(self, start: int) -> int:
        """Return the end of the tag whose name ends at *start*; the text's end if it has none."""
        return self._ends[bisect_left(self._places, start)]


def _is_local(address: str) -> bool:
    return _LOCAL.fullmatch(address) is not None
