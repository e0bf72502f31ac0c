# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does an argument reach a tool of LangChain that nobody decided on, or a value somebody unseen?

The story: an argument that the program sets (who the user is, which account) is left out of what
the model is shown. Where a loop of one's own hands the model's call to the tool, the model could
set it all the same.
"""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import pytest
from langchain.tools import InjectedState, InjectedStore, ToolRuntime
from langchain_core.callbacks import BaseCallbackHandler, CallbackManagerForToolRun
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableConfig
from langchain_core.tools import (
    BaseTool,
    InjectedToolArg,
    InjectedToolCallId,
    StructuredTool,
    ToolException,
)
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.store.memory import InMemoryStore
from openai import OpenAI
from pydantic import BaseModel, Field, ValidationError, field_validator

from agentguard import ContentRefused, DeniedByPolicy, Guard, UnguardedPath
from agentguard.testing import LoopbackProvider

POLICY = """
version = 1
name = "arguments"
deployment.store = "agentguard.db"
identity = [{ id = "agent:a" }]
tool = [{ name = "write", impact = "reversible", receives = ["email"] }]
class = [{ name = "email", action = "tokenise" }]
provider = [{ id = "loopback", hosts = ["127.0.0.1:*"] }]
coverage.known_observers = ["*.Watcher"]

[[rule]]
id = "asking"
who = "agent:a"
provider = ["loopback"]
model = ["*"]
operation = ["chat"]
then = "allow"

[[rule]]
id = "writing"
who = "agent:a"
tool = "write"
args.to = { any = true }
then = "allow"
"""
ADDRESS = "jane.doe@customers.example"
GOT: list[dict[str, Any]] = []


class Watcher(BaseCallbackHandler):
    """Notes everything that it is told of."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def on_tool_start(self, serialized: Any, input_str: str, **kwargs: Any) -> None:
        """Note the beginning of a run."""
        self.told.append(f"{serialized} {input_str} {kwargs}")

    def on_tool_end(self, output: Any, **kwargs: Any) -> None:
        """Note its end."""
        self.told.append(f"{output} {kwargs}")


class Stranger(Watcher):
    """One whom the policy does not know."""


@pytest.fixture(autouse=True)
def nothing_got() -> None:
    """Forget what was written before."""
    GOT.clear()


@pytest.fixture(scope="module")
def letters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """A guard under which agent:a may write to anybody."""
    path = tmp_path_factory.mktemp("letters") / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as made:
        yield made


def write(
    to: str,
    account: Annotated[str, InjectedToolArg],
    call_id: Annotated[str, InjectedToolCallId],
) -> str:
    """Write a letter."""
    GOT.append({"to": to, "account": account, "call_id": call_id})
    return "done"


def called(**arguments: Any) -> Any:
    """Return a call as a model writes it."""
    return {"type": "tool_call", "name": "write", "id": "call-1", "args": arguments}


def in_graph(guarded: Any, call: Any, **options: Any) -> Any:
    """Run a call in a graph of one node of tools."""
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([guarded]))
    graph.set_entry_point("tools")
    compiled = graph.compile(**options)
    return compiled.invoke({"messages": [AIMessage("", tool_calls=[call])]})


def test_a_model_sets_no_argument_of_the_program(letters: Guard) -> None:
    """A call as a model writes it that sets what only the program sets is denied."""
    guarded = letters.wrap(StructuredTool.from_function(write))
    with letters.identity("agent:a"), pytest.raises(DeniedByPolicy, match=r"args\.account"):
        guarded.invoke(called(to="a", account="of-mallory"))
    assert GOT == []


def test_a_call_without_an_id_sets_none_either(letters: Guard) -> None:
    """A call as a model writes it is one, also where its provider gives calls no id."""
    guarded: Any = letters.wrap(StructuredTool.from_function(write))
    call = {**called(to="a", account="of-mallory"), "id": None}
    with letters.identity("agent:a"):
        with pytest.raises(ContentRefused):
            guarded.invoke(call)
        with pytest.raises(ContentRefused):
            asyncio.run(guarded.ainvoke(call))
    assert GOT == []


def test_a_model_sets_no_state_where_the_graph_sets_none(letters: Guard) -> None:
    """A tool that asks for the state where LangGraph does not look gets none from a model."""

    class Hidden(BaseTool):
        """A tool of which the schema does not name the state."""

        name: str = "write"
        description: str = "Writes."
        args_schema: Any = To

        def _run(self, to: str, state: Annotated[Any, InjectedState] = None) -> str:
            GOT.append({"to": to, "state": state})
            return "done"

    guarded = letters.wrap(Hidden())
    with letters.identity("agent:a"), pytest.raises(DeniedByPolicy):
        in_graph(guarded, called(to="a", state="forged"))
    assert GOT == []


def test_a_model_does_not_choose_the_id_of_its_call(letters: Guard) -> None:
    """A tool that asks for the call's id gets the real one."""

    def told(to: str, call_id: Annotated[str, InjectedToolCallId] = "") -> str:
        """Write a letter."""
        GOT.append({"to": to, "call_id": call_id})
        return "done"

    schema = {"type": "object", "properties": {"to": {"type": "string"}}}
    for options in ({}, {"args_schema": schema}):
        plain = StructuredTool.from_function(told, name="write", **options)  # type: ignore[arg-type]  # a schema, or none
        with letters.identity("agent:a"):
            letters.wrap(plain).invoke(called(to="a", call_id="forged"))
    assert GOT == [{"to": "a", "call_id": "call-1"}] * 2


def test_the_program_sets_its_arguments(letters: Guard) -> None:
    """What the program hands in beside the model's arguments is no argument of the policy."""

    def told(to: str, account: Annotated[str, InjectedToolArg]) -> str:
        """Write a letter."""
        GOT.append({"to": to, "account": account})
        return "done"

    guarded = letters.wrap(StructuredTool.from_function(told, name="write"))
    with letters.identity("agent:a"):
        assert guarded.invoke({"to": "a", "account": "of-alice"}) == "done"
    assert GOT == [{"to": "a", "account": "of-alice"}]


@pytest.mark.parametrize("name", ["callbacks", "run_manager", "config", "kwargs", "self"])
def test_no_name_is_overlooked(letters: Guard, name: str) -> None:
    """An argument that LangChain leaves out of what callbacks see is decided like any other."""

    def told(to: str, **kwargs: Any) -> str:
        """Write a letter."""
        GOT.append({"to": to, **kwargs})
        return "done"

    schema = {"type": "object", "properties": {"to": {"type": "string"}}}
    guarded = letters.wrap(StructuredTool.from_function(told, name="write", args_schema=schema))
    with letters.identity("agent:a"), pytest.raises(DeniedByPolicy):
        guarded.invoke(called(to="a", **{name: "forged"}))
    assert GOT == []


def test_what_a_graph_puts_in_arrives(letters: Guard) -> None:
    """State, store, runtime, config and the call's id reach the tool, and no rule lists them."""

    def told(
        to: str,
        asked: Annotated[list[Any], InjectedState("messages")],
        kept: Annotated[Any, InjectedStore()],
        runtime: ToolRuntime,
        config: RunnableConfig,
        call_id: Annotated[str, InjectedToolCallId] = "",
    ) -> str:
        """Write a letter."""
        GOT.append({"to": to, "asked": len(asked), "id": call_id, "same": runtime.store is kept})
        assert "configurable" in config
        return "done"

    schema = {"type": "object", "properties": {"to": {"type": "string"}}}
    for plain in (
        StructuredTool.from_function(told, name="write"),
        StructuredTool.from_function(told, name="write", args_schema=schema),
    ):
        with letters.identity("agent:a"):
            result = in_graph(letters.wrap(plain), called(to="a"), store=InMemoryStore())
        assert result["messages"][-1].content == "done"
    # LangChain puts the call's id in by the schema alone.
    assert [each.pop("id") for each in GOT] == ["call-1", ""]
    assert GOT == [{"to": "a", "asked": 1, "same": True}] * 2


def as_adapters_make_it() -> StructuredTool:
    """Return a tool as langchain-mcp-adapters makes one of a server's tool."""

    async def call_tool(
        runtime: Annotated[object | None, InjectedToolArg()] = None, **arguments: Any
    ) -> tuple[list[Any], Any]:
        GOT.append({"runtime": type(runtime).__name__, **arguments})
        if arguments["to"] == "nobody":
            raise ToolException([{"type": "text", "text": "no such person"}])
        return [{"type": "text", "text": "sent"}], {"structured_content": {"sent": True}}

    return StructuredTool(
        name="write",
        description="Writes.",
        args_schema={"type": "object", "properties": {"to": {"type": "string"}}},
        coroutine=call_tool,
        response_format="content_and_artifact",
        handle_tool_error=lambda error: error.args[0],
    )


def test_a_tool_of_a_server_gets_its_runtime_from_the_graph(letters: Guard) -> None:
    """A tool as the adapters of MCP make it runs under the guard, its errors and results whole."""
    guarded: Any = letters.wrap(as_adapters_make_it())

    async def act(**arguments: str) -> Any:
        graph = StateGraph(MessagesState)
        graph.add_node("tools", ToolNode([guarded]))
        graph.set_entry_point("tools")
        asked: Any = {"messages": [AIMessage("", tool_calls=[called(**arguments)])]}
        with letters.identity("agent:a"):
            return (await graph.compile().ainvoke(asked))["messages"][-1]

    done = asyncio.run(act(to="a", runtime="forged"))
    assert (done.text, done.artifact) == ("sent", {"structured_content": {"sent": True}})
    failed = asyncio.run(act(to="nobody"))
    assert (failed.text, failed.status) == ("no such person", "error")
    assert [{"runtime": "ToolRuntime", "to": each} for each in ("a", "nobody")] == GOT


def test_a_manager_of_callbacks_arrives(letters: Guard) -> None:
    """A tool that asks for the manager of its run gets that of the guarded run."""

    class Managed(BaseTool):
        """A tool with a way of its own."""

        name: str = "write"
        description: str = "Writes."

        def _run(self, to: str, run_manager: CallbackManagerForToolRun | None = None) -> str:
            return f"{to} {run_manager and run_manager.tags}"

    guarded = letters.wrap(Managed())
    with letters.identity("agent:a"):
        assert guarded.invoke({"to": "a"}, {"tags": ["x"]}) == "a ['x']"


class To(BaseModel):
    """To whom."""

    to: str = Field(max_length=40)

    @field_validator("to")
    @classmethod
    def known(cls, value: str) -> str:
        """Refuse who is not known."""
        if "mallory" in value:
            raise ValueError(f"{value} is not known")
        return value


@pytest.mark.parametrize("value", ["mallory@outsider.example", "jane" * 11 + "@customers.example"])
def test_what_does_not_fit_is_told_without_the_value(letters: Guard, value: str) -> None:
    """A value that a tool's schema does not take is in no error, and in no message to a model."""

    # The tool's schema sees the real value in place of its placeholder, and says it in its error.
    def told(to: str) -> str:
        """Write a letter."""
        GOT.append({"to": to})
        return to

    plain = StructuredTool.from_function(told, name="write", args_schema=To)
    guarded = letters.wrap(plain)
    with letters.identity("agent:a"):
        with pytest.raises(ValidationError) as caught:
            guarded.invoke({"to": value})
        seen = f"{caught.value} {caught.value!r} {caught.value.errors()}"
        result = in_graph(guarded, called(to=value))
    assert value not in seen
    assert "to" in seen
    # LangChain repeats what the model wrote, which is the placeholder where there is one.
    assert result["messages"][-1].content.count(value) == 1
    assert result["messages"][-1].status == "error"
    assert GOT == []


def test_who_watches_sees_no_value_behind_a_placeholder(
    letters: Guard, provider: LoopbackProvider
) -> None:
    """The tool gets the address, and those whom LangChain tells of its run the placeholder."""

    def told(to: str) -> str:
        """Write a letter."""
        GOT.append({"to": to})
        return "done"

    guarded = letters.wrap(StructuredTool.from_function(told, name="write"))
    watcher = Watcher()
    with (
        OpenAI(base_url=provider.base_url, api_key="not-a-key") as plain,
        letters.identity("agent:a"),
    ):
        said: Any = [{"role": "user", "content": ADDRESS}]
        letters.wrap(plain).chat.completions.create(model="m", messages=said)
        mark = provider.journal[0].json["messages"][0]["content"]
        guarded.invoke(called(to=mark), {"callbacks": [watcher]})
    assert GOT == [{"to": ADDRESS}]
    assert len(watcher.told) == 2
    assert mark in watcher.told[0]
    assert ADDRESS not in "".join(watcher.told)


def test_a_stranger_sees_nothing(letters: Guard) -> None:
    """A run that somebody would see whom the policy does not know does not begin."""
    guarded: Any = letters.wrap(StructuredTool.from_function(write))
    for given in ({"callbacks": [Stranger()]}, {}):
        watched = guarded if given else guarded.model_copy(update={"callbacks": [Stranger()]})
        with letters.identity("agent:a"), pytest.raises(UnguardedPath):
            watched.invoke(called(to="a"), given)
    assert GOT == []


def test_a_model_is_shown_the_same_as_before(letters: Guard) -> None:
    """What a model is told of a guarded tool is what it was told of the tool."""
    for plain in (
        StructuredTool.from_function(write),
        StructuredTool.from_function(write, args_schema=To, description="Writes."),
        StructuredTool.from_function(
            write, args_schema={"type": "object", "properties": {"to": {"type": "string"}}}
        ),
    ):
        guarded = letters.wrap(plain)
        assert convert_to_openai_tool(guarded) == convert_to_openai_tool(plain)
        assert guarded.args == plain.args
