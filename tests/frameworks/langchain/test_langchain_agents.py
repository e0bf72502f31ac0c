# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the middleware show a model, and where can it stand?"""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelRequest, TodoListMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.tools import BaseTool, BaseToolkit, StructuredTool, ToolException, tool
from langchain_openai import ChatOpenAI
from langgraph.types import omit_payload
from pydantic import create_model

from agentguard import ConfigError, Guard
from agentguard.integrations.langchain import GuardMiddleware
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

POLICY = """
version = 1
name = "agents"
deployment.store = "agentguard.db"
identity = [{ id = "agent:a" }, { id = "agent:b" }]
provider = [{ id = "loopback", hosts = ["127.0.0.1:*"] }]

[[tool]]
name = "read"
impact = "read_only"

[[tool]]
name = "write"
impact = "irreversible"

[[tool]]
name = "search"
impact = "read_only"
hosted = ["web_search"]

[[rule]]
id = "reading"
who = ["agent:a", "agent:b"]
tool = "read"
then = "allow"

[[rule]]
id = "writing"
who = "agent:a"
tool = "write"
then = "allow"

[[rule]]
id = "searching"
who = "agent:a"
tool = "search"
args.type = { const = "web_search" }
then = "allow"
"""
DESCRIBED: list[Any] = [
    {"type": "function", "function": {"name": "write", "parameters": {}}},
    {"type": "function", "name": "write", "parameters": {}},
    {"name": "write", "input_schema": {}},
]
AT_PROVIDER: list[Any] = [{"type": "web_search"}, {"type": "computer_use", "name": "search"}]


def read() -> str:
    """Read."""
    return "read"


def write() -> str:
    """Write."""
    return "written"


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """A guard under which agent:b may do less than agent:a."""
    path = tmp_path_factory.mktemp("two") / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as made:
        yield made


@pytest.fixture(scope="module")
def request_for(two: Guard) -> ModelRequest[Any]:
    """A request of a model with tools of every kind."""
    model = two.wrap(ChatOpenAI(base_url="http://127.0.0.1:9", api_key="not-a-key"))  # type: ignore[arg-type]  # pydantic makes a secret of it
    tools = [two.wrap(StructuredTool.from_function(each)) for each in (read, write)]
    return ModelRequest(model=model, messages=[], tools=[*tools, *DESCRIBED, *AT_PROVIDER])


def shown(guard: Guard, request: ModelRequest[Any], *, asynchronous: bool) -> list[Any]:
    """Return the tools that the model is shown."""

    async def awaited(narrowed: ModelRequest[Any]) -> Any:
        return narrowed.tools

    middleware = GuardMiddleware(guard)
    if asynchronous:
        found: list[Any] = asyncio.run(middleware.awrap_model_call(request, awaited))
        return found
    return middleware.wrap_model_call(request, lambda narrowed: narrowed.tools)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_model_is_shown_what_whoever_acts_may_use(
    two: Guard, request_for: ModelRequest[Any], *, asynchronous: bool
) -> None:
    """Tools of the program, and those that are described as they stand, are hidden alike."""
    with two.identity("agent:a"):
        assert shown(two, request_for, asynchronous=asynchronous) == request_for.tools
    with two.identity("agent:b"):
        left = shown(two, request_for, asynchronous=asynchronous)
    # What runs at the provider is for the guard of the client, which reads its definition.
    assert left == [request_for.tools[0], *AT_PROVIDER]
    assert shown(two, request_for, asynchronous=asynchronous) == AT_PROVIDER


def test_a_model_with_arguments_bound_is_under_the_guard(
    two: Guard, request_for: ModelRequest[Any]
) -> None:
    """A guarded model that is bound to arguments is recognised."""
    bound: Any = request_for.model.bind(temperature=0)
    with two.identity("agent:a"):
        assert shown(two, request_for.override(model=bound), asynchronous=False)


def test_the_hooks_are_traced_without_content() -> None:
    """The spans that LangChain makes of the middleware's hooks hold no message."""
    policy = GuardMiddleware.trace_policy
    assert (policy.process_inputs, policy.process_outputs) == (omit_payload, omit_payload)


class Kit(BaseToolkit):
    """Two tools."""

    def get_tools(self) -> list[BaseTool]:
        """Return them."""
        return [StructuredTool.from_function(each) for each in (read, write)]


def test_what_is_no_guard_makes_no_middleware(two: Guard) -> None:
    """Something else in place of the guard is refused by its type."""
    model: Any = "openai:any"
    with pytest.raises(TypeError, match="takes a guard, not a str"):
        GuardMiddleware(model)


def test_a_toolkit_gives_guarded_tools(two: Guard) -> None:
    """The tools of a guarded toolkit pass the guard, and wrapping it again changes nothing."""
    kit = two.wrap(Kit())
    names = [each.name for each in kit.get_tools()]
    assert names == ["read", "write"]
    assert [two.wrap(each) for each in kit.get_tools()] == kit.get_tools()
    assert two.wrap(kit) is kit
    with two.identity("agent:a"):
        assert [each.invoke({}) for each in kit.get_tools()] == ["read", "written"]


def test_settings_of_a_tool_are_kept(two: Guard) -> None:
    """What LangChain asks of a tool besides running it is the same of the guarded one."""
    plain = StructuredTool.from_function(
        read,
        return_direct=True,
        tags=["x"],
        metadata={"y": 1},
        extras={"cache_control": {"type": "ephemeral"}},
    )
    guarded: Any = two.wrap(plain)
    for name in ("name", "description", "return_direct", "tags", "metadata", "extras", "args"):
        assert getattr(guarded, name) == getattr(plain, name)
    assert guarded.func.__name__ == "read"
    assert guarded.coroutine is None


def test_a_tool_handles_its_own_error_awaited(two: Guard) -> None:
    """An awaited tool that answers for its own errors does so under the guard."""

    @tool
    async def read() -> str:
        """Read."""
        raise ToolException("not today")

    read.handle_tool_error = lambda error: [f"sorry: {error}"]
    guarded: Any = two.wrap(read)
    called: Any = {"type": "tool_call", "name": "read", "id": "1", "args": {}}
    with two.identity("agent:a"):
        told = asyncio.run(guarded.ainvoke(called))
    assert (told.content, told.status) == (["sorry: not today"], "error")


def test_a_pinned_definition_must_be_the_tools(tmp_path: Any) -> None:
    """A tool whose description is not the one that the policy pins is not wrapped."""
    path = tmp_path / "agentguard.toml"
    pinned = POLICY.replace('name = "read"\n', f'name = "read"\ndefinition = "sha256:{"0" * 64}"\n')
    path.write_text(pinned)
    with Guard.from_file(path) as guard, pytest.raises(ConfigError, match="pins"):
        guard.wrap(StructuredTool.from_function(read))


MORE = """
[[tool]]
name = "write_todos"
impact = "read_only"

[[tool]]
name = "ask_writer"
impact = "read_only"

[[rule]]
id = "todos"
who = "agent:a"
tool = "write_todos"
args.todos = { any = true }
then = "allow"

[[rule]]
id = "asking"
who = "agent:a"
tool = "ask_writer"
then = "allow"

[[rule]]
id = "chat"
who = "agent:a"
provider = ["loopback"]
model = ["*"]
operation = ["chat"]
then = "allow"
"""


@pytest.fixture
def team(tmp_path: Any, provider: LoopbackProvider) -> Iterator[tuple[Guard, Any]]:
    """A guard under which agent:a may plan and ask others, and a guarded model."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY + MORE)
    with Guard.from_file(path) as made, httpx2.Client() as http:
        model = ChatOpenAI(
            model="m",
            base_url=provider.base_url,
            api_key="not-a-key",  # type: ignore[arg-type]  # pydantic makes a secret of it
            http_client=http,
        )
        yield made, made.wrap(model)


def test_the_tool_of_a_middleware_runs_under_the_guard(
    team: tuple[Guard, Any], provider: LoopbackProvider
) -> None:
    """The tool that a middleware brings changes the state of the agent once it is guarded."""
    guard, model = team
    todo = TodoListMiddleware()
    todo.tools = guard.wrap(list(todo.tools))
    plan = [{"content": "read", "status": "pending"}]
    asked = ToolRequest("write_todos", {"todos": plan})
    provider.script([Answer(tool_calls=(asked,)), Answer(content="done")])
    agent: Any = create_agent(model, middleware=[todo, GuardMiddleware(guard)])
    with guard.identity("agent:a"):
        state = agent.invoke({"messages": [{"role": "user", "content": "go"}]})
    assert state["todos"] == plan
    assert state["messages"][-1].text == "done"


def test_an_agent_that_is_a_tool_is_guarded_within(
    team: tuple[Guard, Any], provider: LoopbackProvider
) -> None:
    """A tool that runs an agent acts as whoever runs it, and the inner refusals are told there."""
    guard, model = team
    inner: Any = create_agent(
        model,
        guard.wrap([StructuredTool.from_function(write)]),
        middleware=[GuardMiddleware(guard)],
    )

    @tool
    def ask_writer() -> str:
        """Ask the writer."""
        done = inner.invoke({"messages": [{"role": "user", "content": "write it"}]})
        return str(done["messages"][-2].text)

    outer: Any = create_agent(model, guard.wrap([ask_writer]), middleware=[GuardMiddleware(guard)])
    for asks, told in (({}, "written"), ({"more": 1}, "this call is not permitted")):
        provider.script(
            [
                Answer(tool_calls=(ToolRequest("ask_writer"),)),
                Answer(tool_calls=(ToolRequest("write", asks),)),
                Answer(content="inner done"),
                Answer(content="done"),
            ]
        )
        with guard.identity("agent:a"):
            state = outer.invoke({"messages": [{"role": "user", "content": "go"}]})
        assert [each.text for each in state["messages"][-2:]] == [told, "done"]


def test_the_form_of_an_answer_is_offered_like_a_tool(
    team: tuple[Guard, Any], provider: LoopbackProvider
) -> None:
    """A model is shown the schema of a ToolStrategy where a rule allows the tool of its name."""
    guard, model = team
    for name, offered in (("write", ["write"]), ("undeclared", [])):
        form: Any = create_model(name, said=(str, ...))
        provider.script([Answer(content="done")])
        agent: Any = create_agent(
            model, middleware=[GuardMiddleware(guard)], response_format=ToolStrategy(form)
        )
        with guard.identity("agent:a"):
            agent.invoke({"messages": [{"role": "user", "content": "go"}]})
        tools = provider.journal[-1].json.get("tools", [])
        assert [each["function"]["name"] for each in tools] == offered
