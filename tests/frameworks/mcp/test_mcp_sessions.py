# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is the session of an MCP client guarded?"""

import asyncio
import re
from typing import Any

import pytest
from mcp import Client, ClientSession, ClientSessionGroup
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolRequest, CallToolRequestParams, CallToolResult

from agentguard import (
    ConfigError,
    DeniedByPolicy,
    Guard,
    GuardFailure,
    IdentityRequired,
    UnguardedPath,
)
from agentguard.testing.mcp_server import ScriptedServer, texts, tool

READ = tool("read", "Reads a file.", path="string")
SEND = tool("send", "Sends a letter.", to="string")
WIPE = tool("wipe", "Wipes all.")
MARK = re.compile(r"\[\[EMAIL:[A-Z2-7]{8}\]\]")


@pytest.fixture(params=["auto", "legacy"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both eras of the protocol; a test with it runs for each."""
    return str(request.param)


def reading(path: str) -> Any:
    """Return work that reads a file."""
    return lambda client: client.call_tool("gh_read", {"path": path})


def test_an_allowed_call_reaches_the_server(wire: Any, mode: str) -> None:
    """A call that a rule allows is sent under the server's own name of the tool."""
    server = ScriptedServer(READ)
    result = wire.use(server, reading("a.txt"), mode=mode)
    assert result.content[0].text == "read ran"
    assert server.calls == [{"name": "read", "arguments": {"path": "a.txt"}}]


def test_a_denied_call_reaches_nothing(wire: Any, mode: str) -> None:
    """A call that no rule allows is not sent, and neither is one that nobody stands behind."""
    server = ScriptedServer(READ, WIPE)
    wire.refused(server, reading("c.txt"), DeniedByPolicy, mode=mode)
    wire.refused(server, reading("a.txt"), IdentityRequired, mode=mode, who=None)
    wire.refused(server, reading("a.txt"), DeniedByPolicy, mode=mode, who="agent:b")
    wire.refused(server, lambda c: c.call_tool("gh_wipe", {}), DeniedByPolicy, mode=mode)
    assert server.calls == []


def test_only_tools_that_may_be_used_are_listed(wire: Any, mode: str) -> None:
    """What is undeclared, allowed to nobody or to somebody else is not listed."""
    server = ScriptedServer(READ, SEND, WIPE, tool("other"))

    async def names(client: Client) -> list[str]:
        return [each.name for each in (await client.list_tools()).tools]

    assert wire.use(server, names, mode=mode) == ["gh_read", "gh_send"]
    assert wire.use(server, names, mode=mode, who="agent:b") == []
    assert wire.use(server, names, mode=mode, who=None) == []


@pytest.mark.parametrize("name", ["read", "gh_other", "other", "gh_", ""])
def test_a_tool_that_is_not_declared_is_refused(wire: Any, name: str) -> None:
    """A tool is called by its name in the policy, and no other."""
    server = ScriptedServer(READ, tool("other"))
    wire.refused(server, lambda c: c.call_tool(name, {}), DeniedByPolicy)
    assert server.calls == []


def test_what_a_tool_says_is_checked(wire: Any, mode: str) -> None:
    """Text and structured content of an answer are redacted as results of the tool."""
    server = ScriptedServer(READ)
    said = "see operation silver falcon"
    server.answers["tools/call"] = texts(said, structuredContent={"deep": [said]}, isError=True)
    result = wire.use(server, reading("a.txt"), mode=mode)
    assert result.is_error
    assert "falcon" not in result.model_dump_json()
    assert "see " in result.structured_content["deep"][0]


def test_a_placeholder_is_turned_back_for_a_tool_that_may_know(wire: Any) -> None:
    """What was hidden is sent in clear to a tool that receives its class, and to no other."""
    server = ScriptedServer(READ, SEND)
    server.answers["tools/call"] = lambda _: texts("write to jane@customers.example")

    async def work(client: Client) -> None:
        shown: Any = (await client.call_tool("gh_read", {"path": "a.txt"})).content[0]
        (mark,) = MARK.findall(shown.text)
        await client.call_tool("gh_send", {"to": mark})

    wire.use(server, work)
    assert server.calls[-1] == {"name": "send", "arguments": {"to": "jane@customers.example"}}


def test_what_a_server_says_of_an_error_is_checked(wire: Any, mode: str) -> None:
    """The message and the data of an error are content of the tool's answer."""
    server = ScriptedServer(READ)
    said = "no operation silver falcon"
    server.answers["tools/call"] = MCPError(code=-32602, message=said, data={"why": said})
    with pytest.raises(MCPError) as caught:
        wire.use(server, reading("a.txt"), mode=mode)
    assert caught.value.error.code == -32602
    assert "falcon" not in caught.value.error.model_dump_json()
    assert caught.value.error.message.startswith("no ")


def test_a_raw_request_is_guarded_too(wire: Any) -> None:
    """A request that is built by hand takes the same way."""
    server = ScriptedServer(READ)

    async def raw(client: Client) -> CallToolResult:
        params = CallToolRequestParams(name="gh_read", arguments={"path": "c.txt"})
        return await client.session.send_request(CallToolRequest(params=params), CallToolResult)

    wire.refused(server, raw, DeniedByPolicy)
    assert server.calls == []


def test_a_resource_is_read_as_a_tool(wire: Any, mode: str) -> None:
    """Reading a resource is a call of a tool of the policy, and its text a result."""
    server = ScriptedServer()
    contents = [{"uri": "docs://plan", "text": "operation silver falcon"}]
    server.answers["resources/read"] = {"contents": contents}
    result = wire.use(server, lambda c: c.read_resource("docs://plan"), mode=mode)
    assert "falcon" not in result.contents[0].text
    wire.refused(server, lambda c: c.read_resource("file:///etc"), DeniedByPolicy, mode=mode)
    assert len(server.sent("resources/read")) == 1


def test_a_prompt_is_got_as_a_tool(wire: Any, mode: str) -> None:
    """Getting a prompt is a call of a tool of the policy, with its arguments."""
    server = ScriptedServer()
    said = {"role": "user", "content": {"type": "text", "text": "operation silver falcon"}}
    server.answers["prompts/get"] = {"messages": [said]}
    result = wire.use(server, lambda c: c.get_prompt("review", {"of": "x"}), mode=mode)
    assert "falcon" not in result.messages[0].content.text
    wire.refused(server, lambda c: c.get_prompt("other"), DeniedByPolicy, mode=mode)
    assert server.sent("prompts/get")[0]["arguments"] == {"of": "x"}
    assert len(server.sent("prompts/get")) == 1


def test_what_a_server_lists_is_content(wire: Any, mode: str) -> None:
    """A list of resources is a result; one that the policy declares no tool for is refused."""
    server = ScriptedServer()
    listed = {"uri": "docs://plan", "name": "operation silver falcon", "icons": [{"src": "x"}]}
    server.answers["resources/list"] = {"resources": [listed]}
    result = wire.use(server, lambda c: c.list_resources(), mode=mode)
    assert (result.resources[0].uri, result.resources[0].icons) == ("docs://plan", None)
    assert "falcon" not in result.resources[0].name
    for refused in ("list_prompts", "list_resource_templates"):
        wire.refused(server, lambda c, r=refused: getattr(c, r)(), DeniedByPolicy, mode=mode)
    assert not server.sent("prompts/list")


def test_pages_go_on_by_cursors_of_the_guard(wire: Any, mode: str) -> None:
    """A cursor is handed out in the guard's words, and one that it did not hand out is refused."""
    server = ScriptedServer(READ)
    pages = {None: {"tools": [READ], "nextCursor": "theirs"}, "theirs": {"tools": [SEND]}}
    server.answers["tools/list"] = lambda params: pages[params.get("cursor")]

    async def work(client: Client) -> list[str]:
        first = await client.list_tools()
        assert first.next_cursor != "theirs"
        second = await client.list_tools(cursor=first.next_cursor)
        return [each.name for each in (*first.tools, *second.tools)]

    assert wire.use(server, work, mode=mode) == ["gh_read", "gh_send"]
    wire.refused(server, lambda c: c.list_tools(cursor="smuggled"), UnguardedPath, mode=mode)
    assert "smuggled" not in str(server.received)


def test_a_server_that_asks_before_it_answers_is_refused(wire: Any) -> None:
    """An answer that asks for more input is withheld, and nothing is sent for it."""
    server = ScriptedServer(READ)
    server.answers["tools/call"] = {"resultType": "input_required", "requestState": "s"}
    error = wire.refused(server, reading("a.txt"), GuardFailure)
    assert error.dispatched
    assert len(server.calls) == 1


def test_an_answer_is_kept_for_nobody(wire: Any) -> None:
    """What one caller was answered is not given to another out of a cache."""
    server = ScriptedServer(READ)
    server.answers["resources/read"] = {
        "contents": [{"uri": "docs://plan", "text": "plan"}],
        "ttlMs": 60_000,
        "cacheScope": "public",
    }

    async def twice(client: Client) -> None:
        with wire.guard.identity("agent:a"):
            await client.read_resource("docs://plan")
        with wire.guard.identity("agent:b"):
            await client.read_resource("docs://plan")

    wire.refused(server, twice, DeniedByPolicy, who=None)
    assert len(server.sent("resources/read")) == 1


def test_wrapping_again_changes_nothing(mcp_guard: Guard, tmp_path: Any, mcp_policy: Any) -> None:
    """The same guard wraps once; another guard, or another name of the server, is refused."""
    client = mcp_guard.wrap(Client(ScriptedServer().server), server="gh")
    assert mcp_guard.wrap(client, server="gh") is client
    with pytest.raises(ConfigError, match="as server 'gh'"):
        mcp_guard.wrap(client, server="other")
    with pytest.raises(ConfigError, match="bind it"):
        mcp_guard.wrap(client, server="gh", identity="agent:b")
    elsewhere = tmp_path / "other.toml"
    elsewhere.write_text(mcp_policy.read_text())
    with Guard.from_file(elsewhere) as other, pytest.raises(ConfigError, match="another guard"):
        other.wrap(client, server="gh")


def test_a_session_that_is_open_already_is_guarded(mcp_guard: Guard) -> None:
    """A client and a session that were entered before are guarded from then on."""
    server = ScriptedServer(READ, instructions="Read \U000e0041\U000e0042\U000e0043 first.")

    async def work() -> tuple[str | None, str | None]:
        async with Client(server.server) as client:
            before = client.instructions
            mcp_guard.wrap(client, server="gh")
            assert mcp_guard.wrap(client.session, server="gh") is client.session
            with pytest.raises(IdentityRequired):
                await client.call_tool("gh_read", {"path": "a.txt"})
            return before, client.instructions

    before, after = asyncio.run(work())
    assert before is not None
    assert after is None
    assert server.calls == []


def test_what_cannot_be_guarded_is_refused(mcp_guard: Guard) -> None:
    """A group, a class of one's own that sends otherwise, and extensions are refused."""

    class Louder(ClientSession):
        async def send_request(self, *arguments: Any, **options: Any) -> Any:
            return await self._dispatcher.send_raw_request(*arguments, **options)

    class Other(Client):
        pass

    nothing: Any = object()
    for plain in (
        ClientSessionGroup(),
        Louder(dispatcher=nothing),
        Other(ScriptedServer().server),
    ):
        with pytest.raises(TypeError):
            mcp_guard.wrap(plain, server="gh")
    with pytest.raises(TypeError, match="ServerGuard"):
        mcp_guard.wrap(ScriptedServer().server)
    extended = ClientSession(dispatcher=nothing, extensions={"x.example/y": {}})
    with pytest.raises(ConfigError):
        mcp_guard.wrap(extended, server="gh")
