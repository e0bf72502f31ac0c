# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values does a tool get back?

Turns placeholders of one session back in the arguments of a tool that may receive the class.
Who may receive what is an argument; the answer to the user is ``answer_text``.

INVARIANT: only what this vault issued as reversible is ever turned back, and each value is put
in once, so that a value that looks like a placeholder stays text
(tests/redaction/test_hydration.py).
"""

import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from types import MappingProxyType

from agentguard.canonical import Frozen
from agentguard.redaction import json_text
from agentguard.redaction.json_text import DEEPEST_LEVEL, Members, Tree
from agentguard.redaction.placeholders import PLACEHOLDER, PLACEHOLDER_LIKE
from agentguard.redaction.vault import Vault

Fill = Callable[[re.Match[str]], str]


class PlaceholderProblem(StrEnum):
    """Why a placeholder cannot be turned back."""

    UNKNOWN = "unknown"
    ONE_WAY = "one_way"
    NOT_PERMITTED = "not_permitted"


class PlaceholderUnresolved(ValueError):
    """A tool's arguments hold a placeholder that is not turned back.

    Attributes:
        kind: why.
        data_class: the name of its class, None for one that was not issued here.
    """

    def __init__(self, kind: PlaceholderProblem, data_class: str | None = None) -> None:
        about = "a placeholder" if data_class is None else f"a placeholder of class {data_class!r}"
        super().__init__(f"{about} cannot be turned back: {kind.value}")
        self.kind = kind
        self.data_class = data_class


def resolve_arguments(
    arguments: Mapping[str, Frozen], vault: Vault, may_receive: Callable[[str], bool]
) -> tuple[Mapping[str, Frozen], frozenset[str]]:
    """Turn back every placeholder in a tool's arguments, keys and JSON inside strings included.

    Args:
        arguments: as they came.
        vault: the session's.
        may_receive: says by a class's name whether the tool may receive it.

    Returns:
        The arguments with the values in, and the names of the classes turned back.

    Raises:
        PlaceholderUnresolved: something looks like a placeholder and is not one of this vault,
            is one-way, or has a class that the tool may not receive.
        ValueError: two object keys become the same, or a JSON text is nested too deep.
    """
    classes: set[str] = set()

    def fill(match: re.Match[str]) -> str:
        issued = vault.issued(match.group()) if PLACEHOLDER.fullmatch(match.group()) else None
        if issued is None:
            raise PlaceholderUnresolved(PlaceholderProblem.UNKNOWN)
        if not issued.reversible or match.group() != issued.placeholder:
            raise PlaceholderUnresolved(PlaceholderProblem.ONE_WAY, issued.data_class)
        if not may_receive(issued.data_class):
            raise PlaceholderUnresolved(PlaceholderProblem.NOT_PERMITTED, issued.data_class)
        classes.add(issued.data_class)
        return issued.value

    resolved = _resolved_object(arguments, fill)
    return resolved, frozenset(classes)


def _resolved(node: Frozen, fill: Fill) -> Frozen:
    if isinstance(node, str):
        return _filled_text(node, fill)
    if isinstance(node, tuple):
        return tuple(_resolved(item, fill) for item in node)
    if isinstance(node, Mapping):
        return _resolved_object(node, fill)
    return node


def _resolved_object(node: Mapping[str, Frozen], fill: Fill) -> Mapping[str, Frozen]:
    result = {PLACEHOLDER_LIKE.sub(fill, key): _resolved(item, fill) for key, item in node.items()}
    if len(result) != len(node):
        raise ValueError("two keys of an object become the same")
    return MappingProxyType(result)


def _filled_text(text: str, fill: Fill, depth: int = 0) -> str:
    if "[[" not in text and "\\" not in text:
        return text
    tree = json_text.parsed(text)
    if tree is None:
        return PLACEHOLDER_LIKE.sub(fill, text)
    filled = _filled(tree, fill, depth)
    return text if filled == tree else json_text.written(filled)


def _filled(node: Tree, fill: Fill, depth: int) -> Tree:
    if depth > DEEPEST_LEVEL:
        raise ValueError(f"nested deeper than {DEEPEST_LEVEL} levels")
    if isinstance(node, str):
        return _filled_text(node, fill, depth + 1)
    if isinstance(node, list):
        return [_filled(item, fill, depth + 1) for item in node]
    if isinstance(node, Members):
        return Members(
            tuple(
                (PLACEHOLDER_LIKE.sub(fill, key), _filled(item, fill, depth + 1))
                for key, item in node.pairs
            )
        )
    return node
