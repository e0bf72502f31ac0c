# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The members that hold a request together are known by name."""

import ast
from collections.abc import Iterator
from pathlib import Path

from agentguard import integrations
from agentguard.redaction.protocol_words import SPOKEN, STRUCTURE

FOLDER = Path(next(iter(integrations.__path__)))
# Names of arguments, roles and types, which some tables have shapes for.
NO_FIELDS = {
    *("authored", "refused", "remedy"),
    *("assistant", "developer", "tool_addition", "tool_removal"),
}


def fields(tree: ast.AST) -> Iterator[str]:
    """Every name that a table of shapes has a shape for."""
    for node in ast.walk(tree):
        tables: list[ast.expr | None] = []
        if isinstance(node, ast.AnnAssign) and "Shape]" in ast.unparse(node.annotation):
            tables = [node.value]
        elif isinstance(node, ast.Call) and ast.unparse(node.func) == "members":
            tables = list(node.args)
            yield from (each.arg for each in node.keywords if each.arg)
        for table in tables:
            for key in table.keys if isinstance(table, ast.Dict) else ():
                if isinstance(key, ast.Constant) and str(key.value).isidentifier():
                    yield str(key.value)


def test_every_field_of_the_shape_tables_is_structure_or_speech() -> None:
    """A field of a provider's API that the tables know is known to hold text, or not to."""
    found = {
        name
        for path in FOLDER.rglob("*.py")
        for name in fields(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert len(found) > 150
    assert found - NO_FIELDS - STRUCTURE - SPOKEN == set()


def test_no_word_is_both() -> None:
    """A field either holds text or holds the request together."""
    assert STRUCTURE.isdisjoint(SPOKEN)
