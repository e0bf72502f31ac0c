# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The arguments of a tool are read from the file that its maker publishes."""

import json
from pathlib import Path

import pytest

from agentguard.config import check, load
from agentguard.errors import ConfigError

SCHEMA = {
    "type": "object",
    "properties": {"order": {"type": "string"}, "amount": {"type": "integer"}},
    "required": ["order", "amount"],
}
POLICY = """
version = 1
name = "p"

[[identity]]
id = "agent:a"

[[tool]]
name = "refund"
impact = "irreversible"
schema_file = "refund.json"

[[rule]]
id = "r"
who = "agent:a"
tool = "refund"
args.order = { match = "ORD-[0-9]+" }
args.amount = { int = [1, 100] }
then = "allow"
"""
OTHER = {"name": "other", "inputSchema": {"type": "object"}}
FILES: dict[str, object] = {
    "a schema": SCHEMA,
    "an MCP tool": {"name": "refund", "inputSchema": SCHEMA},
    "an answer of an MCP server": {"tools": [OTHER, {"name": "refund", "inputSchema": SCHEMA}]},
    "a whole message of an MCP server": {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"tools": [{"name": "refund", "inputSchema": SCHEMA}]},
    },
    "a function of chat completions": {
        "type": "function",
        "function": {"name": "refund", "parameters": SCHEMA},
    },
    "a function of responses": {"type": "function", "name": "refund", "parameters": SCHEMA},
    "a list of functions": [
        OTHER,
        {"type": "function", "function": {"name": "refund", "parameters": SCHEMA}},
    ],
    "a tool of messages": {"name": "refund", "input_schema": SCHEMA},
}


def written(folder: Path, content: str | None, policy: str = POLICY) -> Path:
    """Write a policy and the file that it names."""
    if content is not None:
        (folder / "refund.json").write_text(content, encoding="utf-8")
    path = folder / "agentguard.toml"
    path.write_text(policy, encoding="utf-8")
    return path


def problems(path: Path) -> list[tuple[str, str]]:
    """Return key and message of each problem of a file."""
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    return [(each.key, each.message) for each in caught.value.problems]


@pytest.mark.parametrize("kind", FILES)
def test_every_kind_of_file_is_read(tmp_path: Path, kind: str) -> None:
    """The schema of the tool is found in whatever its maker publishes."""
    path = written(tmp_path, json.dumps(FILES[kind]))
    assert check(path, {}) == ()
    schema = load(path, {}).policy.tools["refund"].schema
    assert schema == load(written(tmp_path, json.dumps(SCHEMA)), {}).policy.tools["refund"].schema


def test_a_rule_is_checked_against_the_file(tmp_path: Path) -> None:
    """A rule that names an argument which the file does not know is told with its line."""
    path = written(tmp_path, json.dumps(SCHEMA), POLICY.replace("args.amount", "args.amuont"))
    assert ("rule[0].args.amuont", "is no argument of 'refund'; did you mean 'amount'?") in (
        problems(path)
    )


def test_the_file_is_part_of_the_policy(tmp_path: Path) -> None:
    """Another schema is another policy."""
    first = load(written(tmp_path, json.dumps(SCHEMA)), {}).policy.digest
    wider = {**SCHEMA, "properties": {**SCHEMA["properties"], "note": {}}}  # type: ignore[dict-item]  # a table, as above
    assert load(written(tmp_path, json.dumps(wider)), {}).policy.digest != first
    assert load(written(tmp_path, json.dumps(SCHEMA)), {}).policy.digest == first


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "does not exist"),
        ("", "is not JSON"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"type": "object", "type": "string"}', "names a key of an object twice"),
        ('{"type": "object", "minimum": NaN}', "has no canonical form"),
        ('{"type": "object", "minimum": 1e999}', "has no canonical form"),
        ('{"title": "refund"}', "holds neither a JSON Schema nor a definition of a tool"),
        ('"refund"', "holds neither a JSON Schema nor a definition of a tool"),
        ('{"tools": []}', "holds neither a JSON Schema nor a definition of a tool"),
        (json.dumps([OTHER]), "defines tool 'refund' nowhere"),
        (json.dumps([FILES["an MCP tool"]] * 2), "defines tool 'refund' more than once"),
    ],
)
def test_a_file_without_a_schema_refuses_the_policy(
    tmp_path: Path, content: str | None, problem: str
) -> None:
    """What cannot be read in one way is told with the file's name, and not with its content."""
    found = problems(written(tmp_path, content))
    assert found[0][0] == "tool[0].schema_file"
    assert found[0][1].startswith("file 'refund.json' ")
    assert problem in found[0][1]


def test_a_file_stands_beside_no_schema(tmp_path: Path) -> None:
    """Two descriptions of the same arguments are a mistake."""
    both = POLICY.replace("schema_file", 'schema = { type = "object" }\nschema_file')
    found = problems(written(tmp_path, json.dumps(SCHEMA), both))
    assert ("tool[0].schema_file", "stands beside 'schema': only one of them can count") in found


def test_bytes_that_are_no_text_refuse_the_policy(tmp_path: Path) -> None:
    """A file that is not UTF-8 is told as such."""
    path = written(tmp_path, None)
    (tmp_path / "refund.json").write_bytes(b"\xff\xfe{}")
    assert problems(path)[0] == ("tool[0].schema_file", "file 'refund.json' is not UTF-8 text")
