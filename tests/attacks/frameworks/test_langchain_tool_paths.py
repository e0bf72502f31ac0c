# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does any way to run a guarded tool of LangChain lead past the guard?"""

import asyncio
import copy
import functools
import inspect
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.runnables.config import run_in_executor
from langchain_core.tools import BaseTool, StructuredTool, Tool, ToolException, tool
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from pydantic import BaseModel

from agentguard import (
    AgentGuardError,
    CallRefused,
    ConfigError,
    DeniedByPolicy,
    Guard,
    IdentityRequired,
)

POLICY = """
version = 1
name = "paths"
deployment.store = "agentguard.db"
identity = [{ id = "agent:a" }]
tool = [{ name = "read", impact = "read_only" }, { name = "single", impact = "read_only" }]

[[rule]]
id = "reading"
who = "agent:a"
tool = "read"
args.path = { in = ["a.txt"] }
then = "allow"

[[rule]]
id = "single"
who = "agent:a"
tool = "single"
args.tool_input = { in = ["a.txt"] }
then = "allow"
"""
RAN: list[str] = []

pytestmark = pytest.mark.filterwarnings("ignore:This API is in beta")


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    """Forget what ran before."""
    RAN.clear()


@pytest.fixture(scope="module")
def paths_guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """A guard under which agent:a may read one file."""
    path = tmp_path_factory.mktemp("paths") / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as made:
        yield made


def read(path: str) -> str:
    """Read a file."""
    RAN.append(path)
    return f"text of {path}"


async def read_async(path: str) -> str:
    """Read a file."""
    return read(path)


class PathOnly(BaseModel):
    """A path."""

    path: str


class Reader(BaseTool):
    """A tool that is a class of its own."""

    name: str = "read"
    description: str = "Reads a file."

    def _run(self, path: str) -> str:
        return read(path)


class AsyncReader(Reader):
    """One with an asynchronous way of its own."""

    async def _arun(self, path: str) -> str:
        return read(path)


SCHEMA = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
KINDS: dict[str, Callable[[], BaseTool]] = {
    "structured": lambda: StructuredTool.from_function(read),
    "both": lambda: StructuredTool.from_function(read, read_async),
    "asynchronous": lambda: StructuredTool.from_function(coroutine=read_async, name="read"),
    "model": lambda: StructuredTool.from_function(read, args_schema=PathOnly),
    "json": lambda: StructuredTool.from_function(read, args_schema=SCHEMA),
    "class": Reader,
    "async class": AsyncReader,
    "single": lambda: Tool("single", read, "Reads a file.", coroutine=read_async),
    "runnable": lambda: RunnableLambda(lambda given: read(given["path"])).as_tool(
        args_schema=PathOnly, name="read", description="Reads a file."
    ),
    "forgiving": lambda: StructuredTool.from_function(
        read, handle_tool_error=True, handle_validation_error=True
    ),
}


def arguments(guarded: BaseTool) -> dict[str, str]:
    """Return arguments that no rule allows."""
    return {"tool_input" if guarded.name == "single" else "path": "b.txt"}


def as_called(guarded: BaseTool) -> Any:
    """Return a call as a model writes it."""
    return {"type": "tool_call", "name": guarded.name, "id": "1", "args": arguments(guarded)}


async def drained(pieces: Any) -> list[Any]:
    """Read a stream to its end."""
    return [each async for each in pieces]


WAYS: dict[str, Callable[[Any], Any]] = {
    "invoke": lambda t: t.invoke(arguments(t)),
    "invoke with a text": lambda t: t.invoke("b.txt"),
    "invoke with a call": lambda t: t.invoke(as_called(t)),
    "ainvoke": lambda t: t.ainvoke(arguments(t)),
    "ainvoke with a call": lambda t: t.ainvoke(as_called(t)),
    "run": lambda t: t.run(arguments(t)),
    "arun": lambda t: t.arun(arguments(t)),
    "_run": lambda t: t._run(**arguments(t), config={}),
    "_run with a text": lambda t: t._run("b.txt", config={}),
    "_arun": lambda t: t._arun(**arguments(t), config={}),
    "func": lambda t: (t.func or functools.partial(t._run, config={}))("b.txt"),
    "coroutine": lambda t: (t.coroutine or functools.partial(t._arun, config={}))("b.txt"),
    "batch": lambda t: t.batch([arguments(t)]),
    "abatch": lambda t: t.abatch([arguments(t)]),
    "stream": lambda t: list(t.stream(arguments(t))),
    "astream": lambda t: drained(t.astream(arguments(t))),
    "events": lambda t: drained(t.astream_events(arguments(t), version="v2")),
    "with_config": lambda t: t.with_config(tags=["x"]).invoke(arguments(t)),
    "bind": lambda t: t.bind(verbose=False).invoke(arguments(t)),
    "with_retry": lambda t: t.with_retry(stop_after_attempt=1).invoke(arguments(t)),
    "chain": lambda t: (RunnableLambda(lambda given: given) | t).invoke(arguments(t)),
    "copy": lambda t: copy.copy(t).invoke(arguments(t)),
    "deepcopy": lambda t: copy.deepcopy(t).invoke(arguments(t)),
    "model_copy": lambda t: t.model_copy(update={"name": "other"}).invoke(arguments(t)),
    "deep model_copy": lambda t: t.model_copy(deep=True).invoke(arguments(t)),
    "in a node": lambda t: node(t).invoke(call_of(t)),
    "in a node, awaited": lambda t: node(t).ainvoke(call_of(t)),
}


def calls(guard: Guard) -> int:
    """Return how many calls the guard has decided."""
    counts = guard.enforcer.counts
    return sum(sum(each.outcomes.values()) + sum(each.refused.values()) for each in counts)


def node(*tools: Any, **options: Any) -> Any:
    """Return a graph of one node of tools."""
    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode(list(tools), **options))
    graph.set_entry_point("tools")
    return graph.compile()


def call_of(guarded: BaseTool) -> dict[str, Any]:
    """Return the state in which a model asked for the tool."""
    return {"messages": [AIMessage("", tool_calls=[as_called(guarded)])]}


@pytest.mark.parametrize("kind", KINDS)
def test_no_way_leads_past_the_guard(paths_guard: Guard, kind: str) -> None:
    """A call that no rule allows raises the refusal, however it is made, and nothing runs."""
    guarded = paths_guard.wrap(KINDS[kind]())
    refusals = (CallRefused, NotImplementedError) if kind == "asynchronous" else CallRefused

    async def made(way: str) -> None:
        result = WAYS[way](guarded)
        if inspect.isawaitable(result):
            await result

    for way in WAYS:
        with paths_guard.identity("agent:a"), pytest.raises(refusals):
            asyncio.run(made(way))
        assert RAN == [], way


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_rule_allows_runs_once(paths_guard: Guard, kind: str) -> None:
    """A call that a rule allows runs once, synchronous or awaited, and returns the text."""
    guarded: Any = paths_guard.wrap(KINDS[kind]())
    with paths_guard.identity("agent:a"):
        given = dict.fromkeys(arguments(guarded), "a.txt")
        assert asyncio.run(guarded.ainvoke(given)) == "text of a.txt"
        if kind != "asynchronous":
            assert guarded.invoke(given) == "text of a.txt"
    assert set(RAN) == {"a.txt"}
    assert len(RAN) == (1 if kind == "asynchronous" else 2)


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_runs_nothing(paths_guard: Guard, kind: str) -> None:
    """Where nobody acts, or a thread does not know who, the tool does not run."""
    guarded: Any = paths_guard.wrap(KINDS[kind]())
    given = dict.fromkeys(arguments(guarded), "a.txt")

    async def in_a_pool() -> None:
        with ThreadPoolExecutor(1) as pool, paths_guard.identity("agent:a"):
            await run_in_executor(pool, lambda: asyncio.run(guarded.ainvoke(given)))

    with pytest.raises(IdentityRequired):
        asyncio.run(guarded.ainvoke(given))
    with pytest.raises(IdentityRequired):
        asyncio.run(in_a_pool())
    assert RAN == []


@pytest.mark.parametrize("kind", KINDS)
def test_no_attribute_leads_to_the_tool(paths_guard: Guard, kind: str) -> None:
    """The tool and its functions are not among what hangs on the guarded tool by name."""
    plain = KINDS[kind]()
    guarded = paths_guard.wrap(plain)
    hidden = [plain, getattr(plain, "func", None), getattr(plain, "coroutine", None)]
    bare = [each for each in hidden if each is not None]
    found: list[Any] = [guarded]
    for each in found:
        held = list(vars(each).values()) if hasattr(each, "__dict__") else []
        held += [getattr(each, name, None) for name in getattr(type(each), "__slots__", ())]
        found += (
            [value for value in held if isinstance(value, BaseTool | dict) or callable(value)]
            if len(found) < 500
            else []
        )
        if isinstance(each, dict):
            found += list(each.values()) if len(found) < 500 else []
    assert not [each for each in found if any(each is one for one in bare)]


def test_a_guarded_tool_cannot_be_taken_elsewhere(paths_guard: Guard) -> None:
    """A guarded tool is not pickled, so no copy of it lies about without its guard."""
    with pytest.raises((AttributeError, TypeError, pickle.PicklingError)):
        pickle.dumps(paths_guard.wrap(StructuredTool.from_function(read)))


def test_a_tool_is_guarded_once(paths_guard: Guard, tmp_path: Path) -> None:
    """Wrapping again changes nothing, and another guard does not take the tool over."""
    guarded = paths_guard.wrap(StructuredTool.from_function(read))
    assert paths_guard.wrap(guarded) is guarded
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as other, pytest.raises(ConfigError, match="another guard"):
        other.wrap(guarded)


@pytest.mark.parametrize("entrance", ["invoke", "ainvoke", "run", "arun"])
def test_a_tool_with_an_entrance_of_its_own_is_refused(paths_guard: Guard, entrance: str) -> None:
    """A tool that does its work in a method which LangChain calls from outside is refused."""
    kind = type("Odd", (Reader,), {entrance: lambda self, *_, **__: read("b.txt")})
    with pytest.raises(TypeError, match="of its own"):
        paths_guard.wrap(kind())


def test_an_undeclared_tool_is_refused(paths_guard: Guard) -> None:
    """A tool that the policy does not declare is not wrapped."""
    with pytest.raises(ConfigError, match="declare it"):
        paths_guard.wrap(StructuredTool.from_function(read, name="unknown"))


@pytest.mark.parametrize("handler", [True, "nothing to see", lambda _: "nothing to see"])
def test_no_setting_makes_a_result_of_a_refusal(paths_guard: Guard, handler: Any) -> None:
    """A tool that answers for its own errors does not answer for the guard's."""
    # A denial that is a ToolException became a normal result with handle_tool_error=True.
    guarded = paths_guard.wrap(
        StructuredTool.from_function(
            read, handle_tool_error=handler, handle_validation_error=handler
        )
    )
    guarded.handle_tool_error = handler
    with paths_guard.identity("agent:a"), pytest.raises(DeniedByPolicy):
        guarded.invoke({"path": "b.txt"})
    assert RAN == []


def test_a_node_that_handles_every_error_runs_nothing(paths_guard: Guard) -> None:
    """In a node with handle_tool_errors=True a refusal becomes a message, and nothing runs."""
    guarded = paths_guard.wrap(StructuredTool.from_function(read))
    with paths_guard.identity("agent:a"):
        result = node(guarded, handle_tool_errors=True).invoke(call_of(guarded))
    assert result["messages"][-1].status == "error"
    assert RAN == []


def test_an_error_of_the_tool_stays_its_own(paths_guard: Guard) -> None:
    """What a tool raises itself reaches the caller, or is what the tool makes of it."""

    def broken(path: str) -> str:
        """Read a file."""
        raise ToolException(f"no {path}")

    for handles in (False, True):
        guarded: Any = paths_guard.wrap(
            StructuredTool.from_function(broken, name="read", handle_tool_error=handles)
        )
        with paths_guard.identity("agent:a"):
            if not handles:
                with pytest.raises(ToolException, match=r"no a\.txt"):
                    guarded.invoke("a.txt")
                continue
            assert guarded.invoke("a.txt") == "no a.txt"
            told = guarded.invoke({**as_called(guarded), "args": {"path": "a.txt"}})
            assert (told.content, told.status) == ("no a.txt", "error")


def test_a_function_that_is_guarded_beneath_decides_once(paths_guard: Guard) -> None:
    """A tool over a guarded function takes each call through the guard once."""
    over = tool(paths_guard.tool(read))
    guarded: Any = paths_guard.wrap(over)
    before = calls(paths_guard)
    with paths_guard.identity("agent:a"):
        assert guarded.invoke("a.txt") == "text of a.txt"
        with pytest.raises(DeniedByPolicy):
            guarded.invoke("b.txt")
        with pytest.raises(DeniedByPolicy):
            guarded.func("b.txt")
    assert calls(paths_guard) == before + 3
    assert RAN == ["a.txt"]


def test_a_function_of_another_guard_is_refused(paths_guard: Guard, tmp_path: Path) -> None:
    """A tool over a function of another guard, or under another name, is not wrapped."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as other:
        over = tool(other.tool(read))
        with pytest.raises(ConfigError, match="another guard"):
            paths_guard.wrap(over)
        with pytest.raises(ConfigError, match="another name"):
            other.wrap(tool("single", description="Reads.")(other.tool(read)))


def test_one_bare_function_beside_a_guarded_one_is_refused(paths_guard: Guard) -> None:
    """A tool of which only the synchronous function is guarded is not wrapped."""
    half = StructuredTool.from_function(paths_guard.tool(read), read_async, name="read")
    with pytest.raises(ConfigError, match="guard both"):
        paths_guard.wrap(half)


class Fast(StructuredTool):
    """A tool that has an answer of its own."""

    def _run(self, *args: Any, **kwargs: Any) -> Any:
        RAN.append("fast")
        return super()._run(*args, **kwargs)


def test_a_way_of_its_own_over_a_guarded_function_is_refused(paths_guard: Guard) -> None:
    """A tool that does something else than run its guarded function is not taken for guarded."""
    over = Fast.from_function(paths_guard.tool(read))
    with pytest.raises(ConfigError, match="a way of its own"):
        paths_guard.wrap(over)
    guarded = paths_guard.wrap(Fast.from_function(read))
    with paths_guard.identity("agent:a"), pytest.raises(DeniedByPolicy):
        guarded.invoke({"path": "b.txt"})
    assert RAN == []


def test_another_function_does_not_slip_beneath_the_guard(paths_guard: Guard) -> None:
    """What is put into a tool after it was wrapped does not run unguarded."""
    over = StructuredTool.from_function(paths_guard.tool(read))
    guarded = paths_guard.wrap(over)
    over.func = RAN.append
    with paths_guard.identity("agent:a"), pytest.raises(DeniedByPolicy):
        guarded.invoke({"path": "b.txt"})
    assert RAN == []


def test_a_refusal_says_nothing_of_what_was_asked(paths_guard: Guard) -> None:
    """Neither the refusal nor the repr of the tool holds what the arguments were."""
    guarded = paths_guard.wrap(StructuredTool.from_function(read))
    with paths_guard.identity("agent:a"), pytest.raises(AgentGuardError) as caught:
        guarded.invoke({"path": "payroll-of-jane.txt"})
    assert "payroll" not in f"{caught.value} {caught.value!r} {guarded!r}"
