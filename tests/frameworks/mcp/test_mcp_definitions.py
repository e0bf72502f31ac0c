# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does an MCP server say of its tools, and what of that is a model shown?"""

from agentguard.integrations.mcp.definitions import description_of, tools_in
from agentguard.testing.mcp_server import tool

READ = tool("read", "Reads.", path="string")


def test_a_definition_is_named_as_in_the_policy() -> None:
    """The name of a tool stands behind that of its server, where it has one."""
    for server, name in (("gh", "gh_read"), (None, "read")):
        found = description_of(READ, server)
        assert found is not None
        assert (found.tool, found.text, found.surface) == (name, "Reads.", "mcp")


def test_whatever_a_model_is_told_is_pinned() -> None:
    """Another title, annotation or schema of the result is another definition."""
    digests = set()
    for more in (
        {},
        {"title": "Read"},
        {"annotations": {"readOnlyHint": True}},
        {"outputSchema": {"type": "object"}},
        {"description": "Reads!"},
        {"inputSchema": {"type": "object"}},
    ):
        found = description_of({**READ, **more}, "gh")
        assert found is not None
        digests.add(found.digest)
    assert len(digests) == 6


def test_what_no_model_is_told_changes_nothing() -> None:
    """Icons and ``_meta`` are neither shown nor pinned."""
    plain = description_of(READ, "gh")
    more = description_of({**READ, "_meta": {"v": 2}, "icons": [{"src": "x"}]}, "gh")
    assert plain is not None
    assert more is not None
    assert plain.digest == more.digest


def test_what_is_no_definition_is_none() -> None:
    """Something without a name, a text or a schema is no tool."""
    for broken in ({}, {"name": 1, "inputSchema": {}}, {"name": "a"}, {**READ, "description": 1}):
        assert description_of(broken, None) is None
    assert list(tools_in({"tools": "all"})) == []
    assert list(tools_in({"tools": [READ, "other", None]})) == [READ]
