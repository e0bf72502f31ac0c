# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are values that belong to a class by their name or path found in JSON files?"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.cli.scanning.members import is_cut_json, joined, placed_findings
from agentguard.redaction import PlacedClasses
from agentguard.vocabulary import Finding

PLACED = PlacedClasses(
    names=((lambda name: name == "account" or name.startswith("internal_"), "customer"),),
    paths=(("/rows/*/total", "finance"),),
)

leaves = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
names = st.sampled_from(["account", "internal_id", "rows", "total", "name", 'q"\\', "\n", "ä"])
trees = st.recursive(
    leaves,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(names, below, max_size=4),
    max_leaves=12,
)


def expected(node: Any, path: tuple[str, ...] = (), by: str = "") -> Iterator[tuple[str, Any]]:
    """Return class and value of what belongs to a class, in order."""
    if not by and len(path) == 3 and path[0] == "rows" and path[2] == "total":
        by = "finance"
    if isinstance(node, dict):
        for name, below in node.items():
            # A name below a place that is no plain word belongs to it as well.
            if by and name in {'q"\\', "\n", "ä"}:
                yield by, name
            named = name == "account" or name.startswith("internal_")
            at_path = (*path, name)
            by_path = len(at_path) == 3 and at_path[0] == "rows" and name == "total"
            here = by or ("finance" if by_path else "customer" if named else "")
            yield from expected(below, at_path, here)
    elif isinstance(node, list):
        for index, below in enumerate(node):
            yield from expected(below, (*path, str(index)), by)
    elif by and node is not None and node != "":
        yield by, node


def found(text: str) -> list[tuple[str, Any]]:
    """Return class and value of what is pointed at, as a reader of JSON reads it."""
    told = []
    for each in placed_findings(text, PLACED):
        quoted = text[each.start - 1] == '"'
        value = text[each.start : each.end]
        told.append((each.data_class, json.loads(f'"{value}"' if quoted else value)))
    return told


@given(
    tree=st.dictionaries(names, trees, max_size=4) | st.lists(trees, max_size=3),
    indent=st.sampled_from([None, 0, 2]),
    plain=st.booleans(),
)
def test_values_are_found_by_their_place(tree: Any, indent: int | None, *, plain: bool) -> None:
    """What stands at a name or path, or below it, is found in every way to write the JSON."""
    text = json.dumps(tree, indent=indent, ensure_ascii=plain)
    assert found(f" \n{text}\n") == list(expected(tree))


@given(st.lists(st.dictionaries(names, trees, min_size=1, max_size=3), min_size=2, max_size=4))
def test_lines_of_json_are_looked_at_one_by_one(rows: list[Any]) -> None:
    """In lines that hold JSON each is a text of its own, whatever stands between them."""
    text = "\nno JSON\n".join(map(json.dumps, rows))
    assert found(text) == [each for row in rows for each in expected(row)]


@pytest.mark.parametrize("text", ["", "{", '{"account": "x"', "account: x", "[" * 300 + "]" * 300])
def test_what_is_no_json_has_no_members(text: str) -> None:
    """A text that is no JSON, or nested too deep to be read, has no members."""
    assert found(text) == []


def test_large_json_is_recognised_by_its_beginning() -> None:
    """The beginning of one JSON text is told from lines of JSON and from other text."""
    assert is_cut_json('{"a": [1,\n')
    assert is_cut_json(' [\n {"a": 1},')
    assert not is_cut_json('{"a": 1}\n{"a": 2}\n{"a"')
    assert not is_cut_json("a = [1,")


def test_what_overlaps_is_one_finding() -> None:
    """A value at a place covers what was found in it, and reaches as far as both do."""

    def finding(start: int, end: int, data_class: str) -> Finding:
        return Finding(start=start, end=end, data_class=data_class, detector="d")

    text = [finding(0, 2, "email"), finding(5, 12, "email"), finding(20, 22, "phone")]
    placed = [finding(8, 14, "customer"), finding(20, 25, "customer")]
    assert [(each.start, each.end, each.data_class) for each in joined(text, placed)] == [
        (0, 2, "email"),
        (5, 14, "customer"),
        (20, 25, "customer"),
    ]
