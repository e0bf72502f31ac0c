# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which pattern do these texts have in common?

Reads texts as runs of digits, small and capital letters with other characters between them. Where
all have the same runs, the pattern says how long each is and keeps what never changes.

INVARIANT: a pattern matches every text that it was made from (tests/review/test_text_shapes.py).
INVARIANT: without ``literal`` a pattern says of letters and digits only that they are there
(same file).
"""

import re
import string
from collections.abc import Sequence
from typing import TypeVar

MOST_RUNS = 24

T = TypeVar("T")

_FINE = re.compile(r"[0-9]+|[a-z]+|[A-Z]+|.", re.DOTALL)
_COARSE = re.compile(r"[0-9A-Za-z]+|.", re.DOTALL)
_PLAIN = re.compile(r"[!-~]+( [!-~]+)?")
_WORD = re.compile(r"[0-9A-Za-z_.:@+-]+")
_FILE = re.compile(r"(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
_MEANT_OTHERWISE = frozenset(".^$*+?()[]{}|\\")
_COMPONENT = "[A-Za-z0-9_-][A-Za-z0-9._-]*"
_KINDS = (("0-9", string.digits), ("A-Z", string.ascii_uppercase), ("a-z", string.ascii_lowercase))


def shape_of(texts: Sequence[str], *, literal: bool = True) -> str | None:
    """Return the pattern of texts that are made alike, None where they are not.

    Args:
        texts: the texts, each once.
        literal: whether letters and digits that are the same in all of them are kept.
    """
    if not all(_PLAIN.fullmatch(text) for text in texts):
        return None
    for runs in (_FINE, _COARSE):
        split = [runs.findall(text) for text in texts]
        if len(split[0]) <= MOST_RUNS and len({_outline(each) for each in split}) == 1:
            columns = list(zip(*split, strict=True))
            return "".join(_run(column, literal=literal) for column in columns)
    if all(_WORD.fullmatch(text) for text in texts):
        return _some(texts)
    return None


def _outline(runs: Sequence[str]) -> tuple[str, ...]:
    return tuple("+" if run.isalnum() else run for run in runs)


def _run(column: Sequence[str], *, literal: bool) -> str:
    """Return what stands in one place of all texts."""
    same = len(set(column)) == 1
    if not column[0].isalnum() or (same and literal and len(column) > 1):
        return _literally(column[0])
    return _some(column)


def _some(column: Sequence[str]) -> str:
    """Return characters of the kinds that occur, as many as occur."""
    found = set("".join(column))
    kinds = "".join(kind for kind, members in _KINDS if not found.isdisjoint(members))
    others = sorted(char for char in found if not char.isalnum())
    inside = kinds + "".join(_escaped(char) for char in others)
    low, high = min(map(len, column)), max(map(len, column))
    return f"[{inside}]{{{low}}}" if low == high else f"[{inside}]{{{low},{high}}}"


def _literally(text: str) -> str:
    """Return a pattern of exactly this text, outside of brackets."""
    return "".join(f"\\{char}" if char in _MEANT_OTHERWISE else char for char in text)


def _escaped(text: str) -> str:
    """Return the same for use inside brackets."""
    return "".join(char if char.isalnum() or char in " _/" else f"\\{char}" for char in text)


def file_shape(texts: Sequence[str]) -> tuple[str, str] | None:
    """Return the folder that all of these files lie in, and a pattern of them.

    None where they are no absolute paths of plain components, or share no folder.
    """
    if not all(_FILE.fullmatch(text) for text in texts):
        return None
    split = [text.split("/")[1:] for text in texts]
    folder = beginning([each[:-1] for each in split])
    if not folder:
        return None
    below = [len(each) - len(folder) for each in split]
    named = "/" + "/".join(folder)
    often = f"{{{min(below)},{max(below)}}}"
    return named, f"{_literally(named)}(/{_COMPONENT}){often}"


def beginning(sequences: Sequence[Sequence[T]]) -> Sequence[T]:
    """Return what all of these sequences begin with."""
    shortest = min(sequences, key=len)
    for place, each in enumerate(shortest):
        if any(other[place] != each for other in sequences):
            return shortest[:place]
    return shortest
