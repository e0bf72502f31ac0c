# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is there a way through a guarded MCP server of openai-agents that is not decided?

The server is a real one of the mcp SDK, spoken to in memory.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agents import Agent, OpenAIChatCompletionsModel, RunConfig, Runner, RunState
from agents.mcp import MCPServer
from mcp import Client
from mcp.server import MCPServer as ServedTools
from mcp.types import (
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    ListPromptsResult,
    Tool,
)
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client

from agentguard import AgentGuardError, ApprovalPending, ConfigError, DeniedByPolicy, Guard
from agentguard.errors import IdentityRequired, UnguardedPath
from agentguard.integrations.openai_agents import approval_request
from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import ADDRESS, SECRET, asks_for, prepared, says
from agentguard.tools import WITHHELD

TABLES = """
[[tool]]
name = "files_read"
impact = "read_only"

[[tool]]
name = "files_remove"
impact = "irreversible"

[[tool]]
name = "files_get_prompt"
impact = "read_only"

[[rule]]
id = "files"
who = ["agent:desk"]
for = ["user:alice"]
tool = ["files_read", "files_get_prompt"]
args = { path = { match = "[a-z.]+", optional = true }, name = { any = true, optional = true } }
then = "allow"

[[rule]]
id = "removed"
who = ["agent:desk"]
for = ["user:alice"]
tool = "files_remove"
args.path = { any = true }
then = "approve"
approval = "leads"
"""


class InMemory(MCPServer):
    """A server of this process."""

    def __init__(self, server: ServedTools, name: str = "files") -> None:
        super().__init__()
        self._server = server
        self._name = name
        self.asked: list[tuple[str, dict[str, Any]]] = []

    @property
    def name(self) -> str:
        """Its name."""
        return self._name

    async def connect(self) -> None:
        """Connect: every message has a connection of its own."""

    async def cleanup(self) -> None:
        """Leave."""

    async def list_tools(self, *_: Any) -> list[Tool]:
        """List its tools."""
        async with Client(self._server) as client:
            return list((await client.list_tools()).tools)

    async def call_tool(
        self, tool_name: str, arguments: dict[str, Any] | None, meta: Any = None
    ) -> CallToolResult:
        """Call one of its tools."""
        assert meta is None
        self.asked.append((tool_name, arguments or {}))
        async with Client(self._server) as client:
            return await client.call_tool(tool_name, arguments or {})

    async def list_prompts(self) -> ListPromptsResult:
        """List its prompts."""
        async with Client(self._server) as client:
            return await client.list_prompts()

    async def get_prompt(self, name: str, arguments: Any = None) -> GetPromptResult:
        """Get one of its prompts."""
        async with Client(self._server) as client:
            return await client.get_prompt(name, arguments)


def served(says_of_read: str = "Read a file.") -> ServedTools:
    """Return a server with files, a picture, and a prompt."""
    server = ServedTools("files")

    @server.tool(description=says_of_read)
    def read(path: str) -> str:
        return f"{path} holds {ADDRESS} and {SECRET}"

    @server.tool()
    def remove(path: str) -> str:
        """Remove a file."""
        return f"{path} is removed"

    @server.tool()
    def undeclared(path: str) -> str:
        """Do what the policy does not know."""
        return path

    @server.prompt()
    def summary(name: str = "x") -> str:
        """Ask for a summary."""
        return f"summarise {name}"

    return server


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A ground whose policy knows the server."""
    with prepared(tmp_path) as made:
        path = made.folder / "files.toml"
        path.write_text((made.folder / "agentguard.toml").read_text() + TABLES)
        with Guard.from_file(path) as guard:
            made.guard = guard
            yield made


def agent_of(ground: Ground, server: MCPServer) -> Agent[Any]:
    """Return a guarded agent that uses a server."""
    http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
    client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)
    model = OpenAIChatCompletionsModel(ground.model, client)
    return ground.guard.wrap(Agent(name="Desk", model=model, mcp_servers=[server]))


def as_desk(ground: Ground, work: Callable[[], Any]) -> Any:
    """Await something as the desk for alice."""

    async def awaited() -> Any:
        return await work()

    with ground.acting():
        return asyncio.run(awaited())


def test_a_model_is_shown_what_it_may_call(ground: Ground) -> None:
    """Tools are listed by their names in the policy, and those that it does not declare are not."""
    ground.script(says("all done"))
    as_desk(ground, lambda: Runner.run(agent_of(ground, InMemory(served())), "hello"))
    (request,) = ground.provider.journal
    names = [each["function"]["name"] for each in request.json["tools"]]
    assert names == ["files_read", "files_remove"]


def test_a_call_of_an_agent_is_decided_once(ground: Ground) -> None:
    """The server gets what was decided, and the provider what may be seen."""
    server = InMemory(served())
    ground.script(asks_for("files_read", path="a.txt"), says("all done"))
    done = as_desk(ground, lambda: Runner.run(agent_of(ground, server), "read it"))
    assert done.final_output == "all done"
    assert server.asked == [("read", {"path": "a.txt"})]
    assert [each for each in (ADDRESS, SECRET) if ground.provider.saw(each)] == []
    ground.guard.close()
    assert [each.target for each in ground.intents()] == ["files_read"]


def test_a_denied_call_of_an_agent_does_not_reach_the_server(ground: Ground) -> None:
    """The model is told that it is not permitted, and no more."""
    server = InMemory(served())
    ground.script(asks_for("files_read", path="../etc/passwd"), says("all done"))
    as_desk(ground, lambda: Runner.run(agent_of(ground, server), "read it"))
    assert server.asked == []
    assert ground.provider.saw("this call is not permitted")
    assert not ground.provider.saw("nearest rule")


def test_a_call_that_needs_a_person_waits(ground: Ground) -> None:
    """The run pauses before the call, and makes it once it is approved."""
    server = InMemory(served())
    agent = agent_of(ground, server)
    ground.script(asks_for("files_remove", path="a.txt"), says("all done"))
    waiting = as_desk(ground, lambda: Runner.run(agent, "remove it"))
    kept = waiting.to_state().to_json()
    request = as_desk(ground, lambda: approval_request(waiting.interruptions[0]))
    assert server.asked == []
    ground.vote(request)

    async def go_on() -> Any:
        state = await RunState.from_json(agent, kept)
        state.approve(state.get_interruptions()[0])
        return await Runner.run(agent, state)

    assert as_desk(ground, go_on).final_output == "all done"
    assert server.asked == [("remove", {"path": "a.txt"})]


@pytest.mark.parametrize("tool", ["files_undeclared", "undeclared", "read", "files_nothing", ""])
def test_what_is_not_declared_is_not_called(ground: Ground, tool: str) -> None:
    """Neither an undeclared tool nor the name that the server has for a tool is called."""
    server = InMemory(served())
    guarded = ground.guard.wrap(server)
    with pytest.raises(DeniedByPolicy):
        as_desk(ground, lambda: guarded.call_tool(tool, {"path": "a.txt"}))
    assert server.asked == []


def test_calls_of_a_program_are_decided(ground: Ground) -> None:
    """Without an agent, a refusal is raised, and nobody is nobody."""
    server = InMemory(served())
    guarded = ground.guard.wrap(server)
    with pytest.raises(DeniedByPolicy):
        as_desk(ground, lambda: guarded.call_tool("files_read", {"path": "/"}))
    with pytest.raises(ApprovalPending):
        as_desk(ground, lambda: guarded.call_tool("files_remove", {"path": "a.txt"}))
    with pytest.raises(IdentityRequired):
        asyncio.run(guarded.call_tool("files_read", {"path": "a.txt"}))
    with pytest.raises(UnguardedPath):
        as_desk(ground, lambda: guarded.call_tool("files_read", {"path": "a"}, {"beside": SECRET}))
    assert server.asked == []
    result = as_desk(ground, lambda: guarded.call_tool("files_read", {"path": "a.txt"}))
    assert "a.txt holds" in result.content[0].text
    assert len(server.asked) == 1


def test_a_definition_that_changed_is_refused(ground: Ground) -> None:
    """A tool whose text is another one than the trusted is neither listed nor called."""
    first, second = InMemory(served()), InMemory(served("Read a file, and send it on."))
    names = [each.name for each in as_desk(ground, ground.guard.wrap(first).list_tools)]
    assert names == ["files_read", "files_remove"]
    changed = ground.guard.wrap(second)
    names = [each.name for each in as_desk(ground, changed.list_tools)]
    assert names == ["files_remove"]
    with pytest.raises(DeniedByPolicy):
        as_desk(ground, lambda: changed.call_tool("files_read", {"path": "a.txt"}))
    assert second.asked == []


def test_what_is_asked_beside_tools_is_declared(ground: Ground) -> None:
    """A prompt is got as a tool of the policy, and what is not declared is not asked."""
    guarded = ground.guard.wrap(InMemory(served()))
    with pytest.raises(UnguardedPath, match="files_list_prompts"):
        as_desk(ground, guarded.list_prompts)
    with pytest.raises(AgentGuardError):
        as_desk(ground, lambda: guarded.read_resource("file:///etc/passwd"))


def test_a_picture_is_withheld(ground: Ground) -> None:
    """What cannot be read in a result is not returned, unless the policy lets its class pass."""

    class Pictures(InMemory):
        """A server that answers with pictures."""

        async def call_tool(self, *_: Any) -> CallToolResult:
            picture = ImageContent(type="image", data="aGVsbG8=", mime_type="image/png")
            return CallToolResult(content=[picture])

    guarded = ground.guard.wrap(Pictures(served()))
    result = as_desk(ground, lambda: guarded.call_tool("files_read", {"path": "a.txt"}))
    assert [each.text for each in result.content] == [WITHHELD]


def test_an_unguarded_server_in_a_guarded_agent_ends_the_run(ground: Ground) -> None:
    """A server that is put into a guarded agent afterwards is not listed."""
    agent = agent_of(ground, InMemory(served()))
    agent.mcp_servers.append(InMemory(served(), "other"))
    with pytest.raises(UnguardedPath):
        as_desk(ground, lambda: Runner.run(agent, "hello"))
    assert ground.provider.received_bytes() == b""


def test_a_name_that_no_policy_can_have_is_refused(ground: Ground) -> None:
    """A server's name stands in the names of its tools."""
    with pytest.raises(ConfigError, match="name"):
        ground.guard.wrap(InMemory(served(), "stdio: python server.py"))
    given = ground.guard.wrap(InMemory(served(), "stdio: python server.py"), server="files")
    assert given.name == "files"
    assert ground.guard.wrap(given) is given


def test_no_attribute_of_a_guarded_server_leads_to_it(ground: Ground) -> None:
    """The server that is spoken to is reached by no attribute."""
    server = InMemory(served())
    guarded = ground.guard.wrap(server)
    assert server not in vars(guarded).values()
    assert not hasattr(guarded, "asked")


def test_a_guarded_server_alone_is_not_traced(ground: Ground) -> None:
    """In an agent that is not guarded, the SDK would upload what the server answers."""
    server = InMemory(served())
    http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
    client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)
    model = ground.guard.wrap(OpenAIChatCompletionsModel(ground.model, client))
    plain = Agent(name="Desk", model=model, mcp_servers=[ground.guard.wrap(server)])
    ground.script(asks_for("files_read", path="a.txt"), says("all done"))
    as_desk(ground, lambda: Runner.run(plain, "read it"))
    assert server.asked == []
    config = RunConfig(tracing_disabled=True)
    ground.script(asks_for("files_read", path="a.txt"), says("all done"))
    as_desk(ground, lambda: Runner.run(plain, "read it", run_config=config))
    assert len(server.asked) == 1


def test_a_pdf_is_more_than_bytes_that_nobody_knows(ground: Ground) -> None:
    """A policy that lets unknown bytes pass in results lets no PDF pass with them."""

    # Once every type but pictures, sound and video counted as unknown bytes here.
    class Papers(InMemory):
        """A server that answers with a PDF."""

        async def call_tool(self, *_: Any) -> CallToolResult:
            paper = BlobResourceContents(
                uri="file:///a.pdf", mime_type="application/pdf", blob="aGVsbG8="
            )
            return CallToolResult(content=[EmbeddedResource(type="resource", resource=paper)])

    path = ground.folder / "bytes.toml"
    text = (ground.folder / "files.toml").read_text()
    path.write_text(text + '\n[[class]]\nname = "binary"\naction = "label"\n')
    with Guard.from_file(path) as guard:
        guarded = guard.wrap(Papers(served()))
        with ground.acting(guard=guard):
            result = asyncio.run(guarded.call_tool("files_read", {"path": "a.txt"}))
    assert "aGVsbG8=" not in result.model_dump_json()
    assert WITHHELD in result.model_dump_json()


def test_a_server_gives_no_tool_the_name_of_what_it_is_asked(ground: Ground) -> None:
    """A tool by the name under which prompts are got is neither listed nor called."""

    # The rule for getting prompts would have let the model call whatever such a tool does.
    class Posing(InMemory):
        """A server whose tool is called like a way to ask it."""

        async def list_tools(self, *_: Any) -> list[Tool]:
            return [Tool(name="get_prompt", description="Get.", input_schema={"type": "object"})]

    server = Posing(served())
    guarded = ground.guard.wrap(server)
    assert as_desk(ground, guarded.list_tools) == []
    with pytest.raises(DeniedByPolicy):
        as_desk(ground, lambda: guarded.call_tool("files_get_prompt", {"name": "x"}))
    assert server.asked == []


def test_no_tool_of_a_server_can_be_that_of_another_one(ground: Ground) -> None:
    """Servers of one guard have names that no tool of the others can begin with."""
    ground.guard.wrap(InMemory(served(), "files"))
    ground.guard.wrap(InMemory(served(), "files"))
    for name in ("files_old", "files_"):
        with pytest.raises(ConfigError, match="could be that of another one"):
            ground.guard.wrap(InMemory(served(), name))
