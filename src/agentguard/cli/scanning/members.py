# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values of a JSON file belong to a class because of the name or path they stand at?

Looks at a text that is JSON, and at lines that are. Values below a place belong to the place's
class whatever they look like; JSON inside a string is not taken apart here.

INVARIANT: what is pointed at is what a reader of JSON finds at the place
(tests/cli/test_scan_members.py).
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from agentguard.redaction import Area, PlacedClasses
from agentguard.redaction.json_text import parsed
from agentguard.redaction.placed import Standing, names_a_part
from agentguard.vocabulary import Finding

DETECTOR = "member"
_TOKEN = re.compile(
    r'(?P<string>"[^"\\]*(?:\\.[^"\\]*)*")|(?P<mark>[{}\[\],])|(?P<plain>[-+.0-9A-Za-z]+)'
)


@dataclass(slots=True)
class _Holder:
    """An object or array that is being read, and how far."""

    standing: Standing
    is_object: bool
    name: str | None = field(default=None, repr=False)
    index: int = 0


def placed_findings(text: str, placed: PlacedClasses) -> list[Finding]:
    """Return the values, and names below a place, that belong to a class; sorted."""
    if _is_json(text):
        return list(_in_json(text, 0, placed))
    found: list[Finding] = []
    at = 0
    for line in text.split("\n"):
        if line.lstrip()[:1] == "{" and _is_json(line):
            found.extend(_in_json(line, at, placed))
        at += len(line) + 1
    return found


def is_cut_json(text: str) -> bool:
    """Say whether the beginning of a text looks like JSON that goes on behind it."""
    if text.lstrip()[:1] not in ("{", "["):
        return False
    return not _is_json(text.lstrip().split("\n", 1)[0])


def joined(found: Sequence[Finding], placed: Sequence[Finding]) -> list[Finding]:
    """Return both, sorted; where they overlap they are one of the place's class."""
    result: list[Finding] = []
    order = [*((each, True) for each in placed), *((each, False) for each in found)]
    by_place = False
    for each, mine in sorted(order, key=lambda pair: (pair[0].start, not pair[1])):
        if not result or each.start >= result[-1].end:
            result.append(each)
            by_place = mine
            continue
        last = result[-1]
        named = each if mine and not by_place else last
        by_place = by_place or mine
        result[-1] = Finding(
            start=last.start,
            end=max(last.end, each.end),
            data_class=named.data_class,
            detector=named.detector,
        )
    return result


def _is_json(text: str) -> bool:
    try:
        return parsed(text) is not None
    except ValueError:  # too deep to be read: the guard refuses it
        return False


def _in_json(text: str, shift: int, placed: PlacedClasses) -> Iterator[Finding]:
    holders: list[_Holder] = []
    for token in _TOKEN.finditer(text):
        holder = holders[-1] if holders else None
        mark = token["mark"]
        if mark is None:
            standing = _leaf(token, holder, placed)
            if standing is not None and standing.data_class:
                edge = 0 if token["string"] is None else 1
                start, end = token.start() + edge + shift, token.end() - edge + shift
                if start < end:
                    yield Finding(
                        start=start, end=end, data_class=standing.data_class, detector=DETECTOR
                    )
        elif mark in "{[":
            standing = placed.of(Area.CONTENT) if holder is None else _below(holder, placed)
            holders.append(_Holder(standing, mark == "{"))
        elif mark in "}]":
            holders.pop()
        elif holder is not None:
            holder.name, holder.index = None, holder.index + 1


def _leaf(token: "re.Match[str]", holder: _Holder | None, placed: PlacedClasses) -> Standing | None:
    """Return what is known of a string, number or word; None where nothing is to be said."""
    if holder is None or token["plain"] == "null":
        return None
    if not holder.is_object or holder.name is not None:
        return _below(holder, placed)
    holder.name = json.loads(token["string"])
    return None if names_a_part(holder.name, holder.standing) else holder.standing


def _below(holder: _Holder, placed: PlacedClasses) -> Standing:
    step = str(holder.index) if holder.name is None else holder.name
    return placed.below(holder.standing, step, None, named=holder.is_object)
