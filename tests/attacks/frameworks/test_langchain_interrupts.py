# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a paused graph run a call that people have not approved, or one call twice?

The story: LangGraph begins a paused task anew when it is resumed, with whatever value somebody
sends. Frameworks ran an approved tool twice when they were resumed twice, and an edited call on the
approval of another.
"""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage
from langchain_core.tools import StructuredTool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import Command, Send, interrupt

from agentguard import ApprovalPending, IdentityRequired, UnguardedPath
from agentguard.integrations.langchain import GuardMiddleware
from agentguard.testing import Answer, ToolRequest
from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import prepared, says

LARGE = {"order": "ORD-0001", "amount": 400}
THREE = [ToolRequest("refund", {**LARGE, "amount": each}) for each in (7, 400, 900)]


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A guard, a provider, tools and an approver."""
    with prepared(tmp_path) as made:
        yield made


@pytest.fixture
def http() -> Iterator[httpx2.Client]:
    """A client for the model."""
    with httpx2.Client() as client:
        yield client


AgentOf = Callable[..., Any]


def agent_with(ground: Ground, tools: list[Any] | None = None, **options: Any) -> Any:
    """Return a guarded agent.

    Args:
        ground: gives the tools, where no others are given.
        tools: guarded ones.
        options: the checkpointer, and HTTP clients for the model.
    """
    saver = options.pop("saver", None)
    model = ChatOpenAI(
        model=ground.model,
        base_url=ground.base_url,
        api_key="not-a-key",  # type: ignore[arg-type]  # pydantic makes a secret of it
        **options,
    )
    return create_agent(
        ground.guard.wrap(model),
        tools or guarded_tools(ground),
        middleware=[GuardMiddleware(ground.guard)],
        checkpointer=saver,
    )


def guarded_tools(ground: Ground, *, asynchronous: bool = False) -> list[Any]:
    """Return the ground's tools under its guard."""
    kind = "coroutine" if asynchronous else "func"
    plain = [{kind: each} for each in ground.functions(asynchronous=asynchronous).values()]
    made: list[Any] = [StructuredTool.from_function(**each) for each in plain]  # type: ignore[arg-type]  # one of two
    return ground.guard.wrap(made)


@pytest.fixture
def agent_of(ground: Ground, http: httpx2.Client) -> AgentOf:
    """Give the function that makes a guarded agent."""
    return lambda saver=None, tools=None: agent_with(ground, tools, saver=saver, http_client=http)


def thread(name: str = "t") -> Any:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": name}}


def asking(*calls: ToolRequest) -> Any:
    """Return what lets a model ask for tools, all at once."""
    return lambda _: Answer(tool_calls=calls)


def user(text: str = "go") -> Any:
    """Return what a user says."""
    return {"messages": [{"role": "user", "content": text}]}


def pending_in(agent: Any, config: Any) -> list[Any]:
    """Return what a graph is interrupted with."""
    return [each.value for each in agent.get_state(config).interrupts]


def amounts(ground: Ground) -> list[Any]:
    """Return which tools ran, with their amounts."""
    return sorted((each.tool, each.arguments.get("amount", 0)) for each in ground.effects)


@pytest.fixture
def paused(ground: Ground, agent_of: AgentOf) -> tuple[Any, str]:
    """An agent that waits for people, and the id of the request."""
    ground.script(asking(ToolRequest("refund", LARGE)), says("all done"))
    agent = agent_of(InMemorySaver())
    with ground.acting():
        agent.invoke(user(), thread())
    (told,) = pending_in(agent, thread())
    return agent, told["request_id"]


def test_an_interruption_tells_what_the_call_is_known_by(ground: Ground, paused: Any) -> None:
    """It holds the request's id, the tool and a digest, and no argument."""
    (told,) = pending_in(paused[0], thread())
    assert told.keys() == {"type", "request_id", "tool", "digest"}
    assert (told["type"], told["tool"]) == ("agentguard.approval", "refund")
    assert ground.request(paused[1]).tool == "refund"
    assert "ORD-0001" not in str(told)


def test_no_value_approves(ground: Ground, paused: Any) -> None:
    """Whatever the graph is resumed with, it pauses at the same request, and nothing runs."""
    agent, request = paused
    for answer in (
        True,
        "approve",
        {"approve": True, "approver": "user:carol"},
        {"decisions": [{"type": "approve"}]},
        [{"type": "accept"}],
        {"type": "edit", "args": {"amount": 1}},
    ):
        with ground.acting():
            agent.invoke(Command(resume=answer), thread())
        (told,) = pending_in(agent, thread())
        assert told["request_id"] == request
    assert ground.effects == []
    ground.vote(request)
    with ground.acting():
        agent.invoke(Command(resume=False), thread())
    assert amounts(ground) == [("refund", 400)]


def test_a_value_is_needed_for_nothing(ground: Ground, paused: Any) -> None:
    """A graph that is simply run on makes its call again, too."""
    agent, request = paused
    ground.vote(request)
    with ground.acting():
        agent.invoke(None, thread())
    assert amounts(ground) == [("refund", 400)]


def test_going_back_to_an_old_checkpoint_asks_anew(ground: Ground, paused: Any) -> None:
    """A graph that is run once more from before its call waits for an approval of its own."""
    agent, request = paused
    before = agent.get_state(thread()).config
    ground.vote(request)
    with ground.acting():
        agent.invoke(Command(resume=True), thread())
        agent.invoke(None, before)
        agent.invoke(Command(resume=True), before)
    assert amounts(ground) == [("refund", 400)]


def test_a_call_that_was_edited_is_another(ground: Ground, paused: Any) -> None:
    """A state in which the call was changed after the approval does not run on it."""
    agent, request = paused
    ground.vote(request)
    asked = agent.get_state(thread()).values["messages"][-1]
    edited = [{**asked.tool_calls[0], "args": {"order": "ORD-0001", "amount": 900}}]
    changed = AIMessage("", id=asked.id, tool_calls=edited)
    with ground.acting():
        agent.update_state(thread(), {"messages": [changed]}, as_node="model")
        agent.invoke(None, thread())
    (told,) = pending_in(agent, thread())
    assert told["request_id"] != request
    assert ground.effects == []


def test_somebody_elses_resumption_runs_nothing(ground: Ground, paused: Any) -> None:
    """Nobody, another person and another session do not run what was approved."""
    agent, request = paused
    ground.vote(request)
    with pytest.raises(IdentityRequired):
        agent.invoke(Command(resume=True), thread())
    with ground.acting("user:bob"):
        agent.invoke(Command(resume=True), thread())
    with ground.guard.identity("agent:desk", on_behalf_of="user:alice", session="another"):
        agent.invoke(Command(resume=True), thread())
    assert ground.effects == []


def test_a_session_without_a_name_is_met_by_nobody(ground: Ground, agent_of: AgentOf) -> None:
    """A run that paused without a name for its session asks anew when it is taken up later."""
    ground.script(asking(ToolRequest("refund", LARGE)), says("all done"))
    agent = agent_of(InMemorySaver())
    with ground.guard.identity("agent:desk", on_behalf_of="user:alice"):
        agent.invoke(user(), thread())
    (told,) = pending_in(agent, thread())
    ground.vote(told["request_id"])
    with ground.guard.identity("agent:desk", on_behalf_of="user:alice"):
        agent.invoke(Command(resume=True), thread())
    assert ground.effects == []
    assert pending_in(agent, thread())[0]["request_id"] != told["request_id"]


def test_without_a_checkpointer_the_call_is_an_error(ground: Ground, agent_of: AgentOf) -> None:
    """A graph that cannot be resumed says so, and the call runs when it is made again."""
    ground.script(asking(ToolRequest("refund", LARGE)))
    with ground.acting(), pytest.raises(ApprovalPending, match="no checkpointer") as caught:
        agent_of().invoke(user())
    ground.vote(caught.value.request_id)
    ground.script(asking(ToolRequest("refund", LARGE)), says("all done"))
    with ground.acting():
        agent_of().invoke(user())
    assert amounts(ground) == [("refund", 400)]


def test_what_ran_beside_a_paused_call_does_not_run_again(
    ground: Ground, agent_of: AgentOf
) -> None:
    """Of three calls at once one ran and two wait: each runs once, when it is approved."""
    ground.script(asking(*THREE), says("all done"))
    agent = agent_of(InMemorySaver())
    with ground.acting():
        agent.invoke(user(), thread())
    assert amounts(ground) == [("refund", 7)]
    waiting = {each.value["request_id"]: each.id for each in agent.get_state(thread()).interrupts}
    assert len(waiting) == 2
    for ran, (request, interruption) in enumerate(waiting.items(), 2):
        ground.vote(request)
        with ground.acting():
            agent.invoke(Command(resume={interruption: "go"}), thread())
        assert len(ground.effects) == ran
    assert amounts(ground) == [("refund", 7), ("refund", 400), ("refund", 900)]
    assert agent.get_state(thread()).values["messages"][-1].text == "all done"


def test_awaited_calls_beside_a_paused_one_do_not_run_again(ground: Ground) -> None:
    """The same holds in an agent that is awaited, also if both are approved before it goes on."""
    ground.script(asking(*THREE), says("all done"))

    async def act() -> None:
        async with httpx2.AsyncClient() as http:
            tools = guarded_tools(ground, asynchronous=True)
            agent = agent_with(ground, tools, saver=InMemorySaver(), http_async_client=http)
            with ground.acting():
                await agent.ainvoke(user(), thread())
            assert amounts(ground) == [("refund", 7)]
            state = await agent.aget_state(thread())
            for each in state.interrupts:
                ground.vote(each.value["request_id"])
            with ground.acting():
                go = {each.id: "go" for each in state.interrupts}
                await agent.ainvoke(Command(resume=go), thread())

    asyncio.run(act())
    assert amounts(ground) == [("refund", 7), ("refund", 400), ("refund", 900)]


@pytest.mark.parametrize("mode", ["updates", "values", "messages", "debug"])
def test_a_stream_shows_the_pause(ground: Ground, agent_of: AgentOf, mode: str) -> None:
    """A graph that is streamed, in whatever mode, pauses, and goes on to one execution."""
    ground.script(asking(ToolRequest("refund", LARGE)), says("all done"))
    agent = agent_of(InMemorySaver())
    with ground.acting():
        list(agent.stream(user(), thread(), stream_mode=mode))
        (told,) = pending_in(agent, thread())
        ground.vote(told["request_id"])
        list(agent.stream(Command(resume="go"), thread(), stream_mode=mode))
    assert amounts(ground) == [("refund", 400)]


def by_hand(ground: Ground, **options: Any) -> Any:
    """Return a graph that was made by hand: one node of tools, in one task."""
    middleware = GuardMiddleware(ground.guard)
    node = ToolNode(
        guarded_tools(ground),
        wrap_tool_call=middleware.wrap_tool_call,
        awrap_tool_call=middleware.awrap_tool_call,
        **options,
    )
    graph = StateGraph(MessagesState)
    graph.add_node("tools", node)
    graph.set_entry_point("tools")
    return graph.compile(checkpointer=InMemorySaver())


def asked(*arguments: dict[str, Any]) -> Any:
    """Return a state in which a model asked for refunds."""
    calls: Any = [
        {"type": "tool_call", "name": "refund", "id": str(place), "args": each}
        for place, each in enumerate(arguments)
    ]
    return {"messages": [AIMessage("", tool_calls=calls)]}


@pytest.mark.parametrize("options", [{}, {"handle_tool_errors": True}])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_node_made_by_hand_pauses(
    ground: Ground, options: dict[str, Any], *, asynchronous: bool
) -> None:
    """A node of tools with the middleware's hooks pauses and goes on, however it handles errors."""
    # With handle_tool_errors=True the node makes a message of the pause before a hook sees it.
    graph = by_hand(ground, **options)

    def go(given: Any) -> None:
        if asynchronous:
            asyncio.run(graph.ainvoke(given, thread()))
        else:
            graph.invoke(given, thread())

    with ground.acting():
        go(asked(LARGE))
    (told,) = pending_in(graph, thread())
    assert ground.effects == []
    ground.vote(told["request_id"])
    with ground.acting():
        go(Command(resume="go"))
    assert amounts(ground) == [("refund", 400)]
    assert graph.get_state(thread()).values["messages"][-1].content == "refunded 400"


def test_several_calls_in_one_task_are_not_paused(ground: Ground) -> None:
    """Where resuming would make other calls again, too, the pause is an error that says so."""
    graph = by_hand(ground)
    with ground.acting(), pytest.raises(ApprovalPending, match="others of its task"):
        graph.invoke(asked({**LARGE, "amount": 7}, LARGE), thread())
    assert ("refund", 400) not in amounts(ground)


@pytest.mark.parametrize("most", [1, 4])
def test_several_calls_that_are_sent_together_are_not_paused(ground: Ground, most: int) -> None:
    """Where a graph sends several calls to one task, none is made that would be made again."""
    middleware = GuardMiddleware(ground.guard)
    tools = ToolNode(guarded_tools(ground), wrap_tool_call=middleware.wrap_tool_call)
    graph = StateGraph(MessagesState)
    graph.add_node("begin", lambda state: state)
    graph.add_node("tools", tools)
    graph.set_entry_point("begin")
    calls = [{**LARGE, "amount": 7}, LARGE, {**LARGE, "amount": 8}]
    state = asked(*calls)
    graph.add_conditional_edges("begin", lambda _: [Send("tools", state["messages"][0].tool_calls)])
    compiled: Any = graph.compile(checkpointer=InMemorySaver())
    with ground.acting(), pytest.raises((ApprovalPending, UnguardedPath)):
        compiled.invoke(state, {**thread(), "max_concurrency": most})
    assert pending_in(compiled, thread()) == []
    assert ("refund", 400) not in amounts(ground)


def test_a_tool_around_a_call_that_waits_is_not_run_again(
    ground: Ground, agent_of: AgentOf
) -> None:
    """A tool that ran, and called one that waits for people, ends the run instead of pausing it."""
    plain = ground.functions(asynchronous=False)
    inner = ground.guard.wrap(StructuredTool.from_function(plain["refund"]))

    def lookup(order: str) -> str:
        """Look an order up, and give the money back."""
        plain["lookup"](order)
        return str(inner.invoke({"order": order, "amount": 400}))

    ground.script(asking(ToolRequest("lookup", {"order": "ORD-0001"})), says("all done"))
    outer = ground.guard.wrap(StructuredTool.from_function(lookup))
    with ground.acting(), pytest.raises(ApprovalPending) as caught:
        agent_of(InMemorySaver(), [outer]).invoke(user(), thread())
    assert caught.value.dispatched
    assert amounts(ground) == [("lookup", 0)]


def test_a_tool_that_interrupts_by_itself_is_decided_each_time(
    ground: Ground, agent_of: AgentOf
) -> None:
    """A tool with a question of its own is a call of its own each time that it runs."""

    def lookup(order: str) -> str:
        """Look an order up."""
        ground.functions(asynchronous=False)["lookup"](order)
        return f"{order} {interrupt('really?')}"

    ground.script(asking(ToolRequest("lookup", {"order": "ORD-0001"})), says("all done"))
    agent = agent_of(InMemorySaver(), [ground.guard.wrap(StructuredTool.from_function(lookup))])
    with ground.acting():
        agent.invoke(user(), thread())
        assert pending_in(agent, thread()) == ["really?"]
    with pytest.raises(IdentityRequired):
        agent.invoke(Command(resume="yes"), thread())
    with ground.acting():
        agent.invoke(Command(resume="yes"), thread())
    assert len(ground.effects) == len(ground.intents()) == 2
