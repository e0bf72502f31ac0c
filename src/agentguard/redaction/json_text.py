# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a string hold that is itself a JSON object or array?

Takes such a text apart and puts it together again without loss: numbers keep their digits, and
repeated keys, which a mapping would drop, are kept.
It does not judge what it reads.

INVARIANT: ``written(parsed(text))`` says the same as *text* to every JSON reader
(tests/redaction/test_json_text.py).
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

# Levels of a payload and of the JSON texts inside it, counted together. What is frozen has fewer.
DEEPEST_LEVEL = 128
# JSON in a string in JSON: agents pass on what tools returned, seldom more than three times.
DEEPEST_JSON_TEXT = 8
# Beyond this size a float's digits are no longer those that were meant.
_LARGEST_EXACT = 2**63


@dataclass(frozen=True, slots=True)
class NumberText:
    """A number as it was written."""

    literal: str = field(repr=False)

    @property
    def digits(self) -> str:
        """The number without an exponent or a zero fraction, where it has such a form."""
        return plain_digits(float(self.literal), self.literal)


@dataclass(frozen=True, slots=True)
class Members:
    """An object's keys and values, in order, repeated keys included."""

    pairs: "tuple[tuple[str, Tree], ...]" = field(repr=False)


Tree: TypeAlias = "str | bool | NumberText | Members | list[Tree] | None"


def plain_digits(number: float, written: str) -> str:
    """Return a float's integer digits if it is whole and exact, else how it is written."""
    if written.lstrip("-").isdigit():
        return written
    if math.isfinite(number) and number.is_integer() and abs(number) < _LARGEST_EXACT:
        return str(int(number))
    return written


def parsed(text: str) -> Members | list[Tree] | None:
    """Return the object or array that a text holds, None when it holds none.

    Raises:
        ValueError: it is nested too deep to be read; the message holds no text.
    """
    stripped = text.strip(" \t\r\n\ufeff")
    if stripped[:1] + stripped[-1:] not in ("{}", "[]"):
        return None
    too_deep = False
    tree: Members | list[Tree] | None = None
    try:
        tree = _DECODER.decode(stripped)
    except RecursionError:
        too_deep = True
    except json.JSONDecodeError:
        return None
    if too_deep:
        raise ValueError("a JSON text is nested too deep to be inspected")
    return tree


def strings_in(tree: Tree) -> Iterator[str]:
    """Yield the strings of a tree, keys included, in no order."""
    leaves = [tree]
    while leaves:
        node = leaves.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, list):
            leaves += node
        elif isinstance(node, Members):
            leaves += [part for pair in node.pairs for part in pair]


def _members(pairs: list[tuple[str, Tree]]) -> Members:
    return Members(tuple(pairs))


_DECODER = json.JSONDecoder(
    object_pairs_hook=_members,
    parse_int=NumberText,
    parse_float=NumberText,
    parse_constant=NumberText,
    strict=False,
)


def leaves_of(text: str) -> Iterator[str]:
    """Yield every string and number in the JSON that a text holds, JSON inside strings included.

    Raises:
        ValueError: it is nested too deep to be read; the message holds no text.
    """
    trees: list[tuple[Tree, int]] = [(parsed(text), 0)]
    while trees:
        node, texts = trees.pop()
        if isinstance(node, str):
            yield node
            inner = parsed(node)
            if inner is not None and texts >= DEEPEST_JSON_TEXT:
                raise ValueError(
                    f"JSON inside strings is nested deeper than {DEEPEST_JSON_TEXT} times"
                )
            trees.append((inner, texts + 1))
        elif isinstance(node, NumberText):
            yield node.digits
        elif isinstance(node, list):
            trees += [(item, texts) for item in node]
        elif isinstance(node, Members):
            trees += [(item, texts) for _, item in node.pairs]


def written(tree: Tree) -> str:
    """Return the compact JSON text of a tree."""
    if isinstance(tree, Members):
        return "{" + ",".join(f"{_quoted(key)}:{written(item)}" for key, item in tree.pairs) + "}"
    if isinstance(tree, list):
        return "[" + ",".join(map(written, tree)) + "]"
    if isinstance(tree, NumberText):
        return tree.literal
    return _quoted(tree) if isinstance(tree, str) else json.dumps(tree)


def _quoted(text: str) -> str:
    # A lone surrogate can only be written as an escape.
    whole = text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)
    return json.dumps(text, ensure_ascii=not whole)
