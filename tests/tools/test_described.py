# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a tool guarded of which a name, a text and a schema are known?"""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agentguard import ConfigError, ContentRefused, DeniedByPolicy, Guard, IdentityRequired
from agentguard.tools import DescribedTool, Description, arguments_of, guarded_tools

POLICY = """
version = 1
name = "tools"

[[identity]]
id = "agent:a"

[[identity]]
id = "agent:b"

[[tool]]
name = "read"
impact = "read_only"

[[rule]]
id = "reading"
who = "agent:a"
tool = "read"
args.path = { in = ["a.txt", "b.txt"] }
args.page = { int = [1, 9], optional = true }
then = "allow"
"""
SCHEMA = {
    "type": "object",
    "properties": {"path": {"type": "string"}, "page": {"type": "integer", "default": None}},
    "required": ["path"],
}


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    """A guard under which agent:a may read two files."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as made:
        yield made


def described(guard: Guard, **changes: Any) -> DescribedTool:
    """Return the tool ``read`` under a guard."""
    given = {"tool": "read", "text": "Reads a file.", "schema": SCHEMA, "surface": "test"}
    return DescribedTool(Description(**{**given, **changes}), guard.enforcer, asynchronous=False)


def test_what_was_decided_is_what_the_tool_gets(guard: Guard) -> None:
    """A tool gets fresh copies of the arguments, and the caller what it returned."""
    tool, given = described(guard), {"path": "a.txt", "page": None}
    with guard.identity("agent:a"):
        got = tool.call(given, lambda arguments: {"read": arguments})
    assert got == {"read": {"path": "a.txt"}}


def test_the_asynchronous_twin_does_the_same(guard: Guard) -> None:
    """An awaited tool gets the decided arguments."""

    async def run(arguments: dict[str, Any]) -> str:
        return str(arguments["path"])

    async def act() -> Any:
        with guard.identity("agent:a"):
            return await described(guard).call_async({"path": "b.txt"}, run)

    assert asyncio.run(act()) == "b.txt"


@pytest.mark.parametrize("arguments", [{"path": "c.txt"}, {"path": "a.txt", "page": 10}, {}])
def test_what_no_rule_allows_does_not_run(guard: Guard, arguments: dict[str, Any]) -> None:
    """A call that the policy denies never reaches the tool."""
    ran: list[object] = []
    with guard.identity("agent:a"), pytest.raises(DeniedByPolicy):
        described(guard).call(arguments, ran.append)
    assert ran == []


def test_without_an_identity_nothing_runs(guard: Guard) -> None:
    """A call that nobody stands behind never reaches the tool."""
    ran: list[object] = []
    with pytest.raises(IdentityRequired):
        described(guard).call({"path": "a.txt"}, ran.append)
    assert ran == []


@pytest.mark.parametrize("arguments", [None, "a.txt", ["a.txt"], {"path": object()}, {1: 2}])
def test_what_is_no_object_of_plain_values_is_refused(guard: Guard, arguments: object) -> None:
    """Arguments that cannot be inspected reach no decision and no tool."""
    ran: list[object] = []
    with guard.identity("agent:a"), pytest.raises(ContentRefused):
        described(guard).call(arguments, ran.append)
    assert ran == []


@pytest.mark.parametrize(
    "text", ["{", "[]", '"a"', '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": "\\ud800"}', "[" * 100_000]
)
def test_what_a_model_wrote_that_is_no_object_is_refused(text: str) -> None:
    """Arguments as text count only if they are one JSON object with canonical values."""
    with pytest.raises(ContentRefused):
        arguments_of(text, "read")


def test_what_a_model_wrote_is_read(guard: Guard) -> None:
    """An object is read, and no text at all is no argument."""
    assert arguments_of('{"path": "a.txt"}', "read") == {"path": "a.txt"}
    assert arguments_of("", "read") == {}


def test_a_tool_is_shown_to_those_who_may_use_it(guard: Guard) -> None:
    """A tool is offered to an identity that a rule names, and to nobody else."""
    tool = described(guard)
    assert not tool.is_offered()
    with guard.identity("agent:a"):
        assert tool.is_offered()
    with guard.identity("agent:b"):
        assert not tool.is_offered()


def test_a_tool_that_the_policy_does_not_know_is_refused(guard: Guard) -> None:
    """An undeclared tool, and one without an argument that rules demand, cannot be guarded."""
    with pytest.raises(ConfigError, match="no tool 'write'"):
        described(guard, tool="write")
    with pytest.raises(ConfigError, match=r"args\.path"):
        described(guard, schema={"type": "object", "properties": {}, "additionalProperties": False})


def test_guarded_tools_are_counted_while_they_live(guard: Guard) -> None:
    """Coverage counts each living tool once."""
    tool = described(guard)
    assert guarded_tools(guard.enforcer) == {tool.tool: 1}
    del tool
    assert guarded_tools(guard.enforcer) == {}
