# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does another middleware, or a part of the agent that nobody guarded, lead past the guard?

The stories: HumanInTheLoopMiddleware lets an edit rename a call, which then runs a tool that was
never gated (langchain-ai/langchain#40166); its predicate that says no the second time runs what was
rejected; PIIMiddleware looks at what the user says and not at what tools return; and whatever only
hangs on the middleware is lost where a tool is invoked without it.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import (
    AgentMiddleware,
    HumanInTheLoopMiddleware,
    LLMToolEmulator,
    ModelFallbackMiddleware,
    ModelRetryMiddleware,
    PIIMiddleware,
    SummarizationMiddleware,
    TodoListMiddleware,
    ToolRetryMiddleware,
)
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import StructuredTool, tool
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from agentguard import ConfigError, DeniedByPolicy, IdentityRequired, UnguardedPath
from agentguard.integrations.langchain import GuardMiddleware
from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import ADDRESS, asks_for, prepared, says

THREAD: Any = {"configurable": {"thread_id": "t"}}
REFUND = {"order": "ORD-0001", "amount": 400}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A guard, a provider, tools and an approver."""
    with prepared(tmp_path) as made:
        yield made


@pytest.fixture
def plain_model(ground: Ground) -> Iterator[Callable[[], ChatOpenAI]]:
    """Give the function that makes a model that is not guarded."""
    with httpx2.Client() as http:
        yield lambda: ChatOpenAI(
            model=ground.model,
            base_url=ground.base_url,
            api_key="not-a-key",  # type: ignore[arg-type]  # pydantic makes a secret of it
            http_client=http,
            max_retries=0,
        )


AgentOf = Callable[..., Any]


@pytest.fixture
def agent_of(ground: Ground, plain_model: Callable[[], ChatOpenAI]) -> AgentOf:
    """Give the function that makes an agent of guarded parts, but for what it is given."""

    def made(*before: Any, after: tuple[Any, ...] = (), **given: Any) -> Any:
        return create_agent(
            given.get("model") or ground.guard.wrap(plain_model()),
            given.get("tools", guarded_tools(ground)),
            middleware=[*before, GuardMiddleware(given.get("guard", ground.guard)), *after],
            checkpointer=InMemorySaver(),
        )

    return made


def guarded_tools(ground: Ground) -> list[Any]:
    """Return the ground's tools under its guard."""
    plain = ground.functions(asynchronous=False).values()
    return [ground.guard.wrap(StructuredTool.from_function(each)) for each in plain]


def ask(ground: Ground, agent: Any, given: Any = None) -> list[Any]:
    """Let the user ask an agent, or go on, and return its messages."""
    said = given or {"messages": [{"role": "user", "content": "go"}]}
    with ground.acting():
        messages: list[Any] = agent.invoke(said, THREAD)["messages"]
    return messages


def offered(ground: Ground) -> set[str]:
    """Return the names of the tools that the model was shown last."""
    return {each["function"]["name"] for each in ground.provider.journal[-1].json.get("tools", ())}


def test_a_model_that_is_not_guarded_is_refused(
    ground: Ground, agent_of: AgentOf, plain_model: Callable[[], ChatOpenAI], tmp_path: Path
) -> None:
    """An agent whose model is under no guard, or under another, asks it nothing."""
    other = ground.elsewhere().guard
    for model in (plain_model(), other.wrap(plain_model())):
        with pytest.raises(UnguardedPath, match="model is not under the guard"):
            ask(ground, agent_of(model=model))
    assert ground.provider.received_bytes() == b""


class Aside(RunnableBinding[Any, Any]):
    """A binding that answers by itself."""

    def invoke(self, *_: Any, **__: Any) -> AIMessage:
        """Answer."""
        return AIMessage("past the guard")


def test_a_way_of_its_own_to_a_guarded_model_is_refused(
    ground: Ground, agent_of: AgentOf, plain_model: Callable[[], ChatOpenAI]
) -> None:
    """Neither a binding of another kind nor a subclass of a guarded model counts as guarded."""
    model = ground.guard.wrap(plain_model())

    class Other(type(model)):  # type: ignore[misc]  # made on the fly
        """A model that may do anything."""

    heir = model.model_copy()
    object.__setattr__(heir, "__class__", Other)
    for each in (Aside(bound=model), heir):
        with pytest.raises(UnguardedPath, match="model is not under the guard"):
            ask(ground, agent_of(model=each))
    with pytest.raises(TypeError, match="cannot be guarded as a whole"):
        ground.guard.wrap(Aside(bound=model))
    with pytest.raises(ConfigError, match="cannot be guarded in full"):
        ground.guard.wrap(heir)
    assert ground.provider.received_bytes() == b""


@pytest.mark.parametrize("kind", ["bare", "function", "other guard"])
def test_a_tool_that_is_not_guarded_is_refused(
    ground: Ground, agent_of: AgentOf, kind: str
) -> None:
    """An agent with a tool that is under no guard, or under another, asks its model nothing."""
    lookup = ground.functions(asynchronous=False)["lookup"]
    found: Any = StructuredTool.from_function(lookup)
    if kind == "function":
        found = lookup
    elif kind == "other guard":
        found = ground.elsewhere().guard.wrap(found)
    with pytest.raises(UnguardedPath, match="tool 'lookup' of the agent is not under the guard"):
        ask(ground, agent_of(tools=[found]))
    assert ground.provider.received_bytes() == b""


def test_a_function_that_is_guarded_beneath_will_do(ground: Ground, agent_of: AgentOf) -> None:
    """A function that passes the guard is a tool of the agent as it stands, with the pause."""
    functions = [ground.guard.tool(each) for each in ground.functions(asynchronous=False).values()]
    ground.script(asks_for("refund", **REFUND), says("done"))
    agent = agent_of(tools=functions)
    ask(ground, agent)
    assert offered(ground) == {"lookup", "refund", "send_mail"}
    (waiting,) = agent.get_state(THREAD).interrupts
    ground.vote(waiting.value["request_id"])
    ask(ground, agent, Command(resume="go"))
    assert [each.tool for each in ground.effects] == ["refund"]
    assert len(ground.intents()) == 1


class Adds(AgentMiddleware[Any, Any, Any]):
    """Shows the model a tool of its own, and runs it."""

    def __init__(self, added: Any) -> None:
        super().__init__()
        self.added = added

    def wrap_model_call(self, request: Any, handler: Any) -> Any:
        """Add the tool."""
        return handler(request.override(tools=[*request.tools, self.added]))

    def wrap_tool_call(self, request: Any, handler: Any) -> Any:
        """Run it."""
        if request.tool_call["name"] == self.added.name:
            return handler(request.override(tool=self.added))
        return handler(request)


@pytest.mark.parametrize("inside", [False, True])
def test_a_tool_that_another_middleware_adds_does_not_run(
    ground: Ground, agent_of: AgentOf, *, inside: bool
) -> None:
    """A bare tool of a middleware does not run, whether that stands before or after the guard's."""
    ground.script(asks_for("extra", order="x"), says("done"))

    @tool
    def extra(order: str) -> str:
        """Do something."""
        ground.functions(asynchronous=False)["lookup"](order)
        return "ran"

    adds = Adds(extra)
    agent = agent_of(after=(adds,)) if inside else agent_of(adds)
    if inside:
        messages = ask(ground, agent)
        assert messages[-2].content == "this call is not permitted"
    else:
        with pytest.raises(UnguardedPath):
            ask(ground, agent)
    assert ground.effects == []


def test_a_guarded_tool_that_another_middleware_adds_runs(
    ground: Ground, agent_of: AgentOf
) -> None:
    """A guarded tool that comes in by a middleware is decided like any other."""
    lookup, *_ = guarded_tools(ground)
    ground.script(asks_for("lookup", order="ORD-0001"), asks_for("lookup", order="x"), says("done"))
    messages = ask(ground, agent_of(Adds(lookup), tools=[]))
    assert len(ground.effects) == 1
    assert messages[-2].content == "this call is not permitted"


def test_a_tool_that_nobody_has_is_refused_like_one_that_is_hidden(
    ground: Ground, agent_of: AgentOf
) -> None:
    """What a model is told of a name that it made up is what it is told of a hidden tool."""
    # LangGraph answers with the names of all tools, the hidden ones included.
    ground.script(asks_for("made_up"), asks_for("wipe", account="A"), says("done"))
    told = [each for each in ask(ground, agent_of()) if isinstance(each, ToolMessage)]
    assert [(each.content, each.status) for each in told] == [
        ("this call is not permitted", "error")
    ] * 2
    assert ground.effects == []
    assert not ground.provider.saw("made_up is not a valid tool")
    assert offered(ground) == {"lookup", "refund", "send_mail"}


def test_an_edit_to_another_tool_is_decided_as_that_tool(ground: Ground, agent_of: AgentOf) -> None:
    """A reviewer's edit that renames a call, or changes its arguments, approves nothing."""
    for edited in (
        {"name": "wipe", "args": {"account": "ACC-1"}},
        {"name": "lookup", "args": {"order": "everything"}},
    ):
        agent = agent_of(HumanInTheLoopMiddleware(interrupt_on={"lookup": True}))
        ground.script(asks_for("lookup", order="ORD-0001"), says("done"))
        ask(ground, agent)
        decision = {"decisions": [{"type": "edit", "edited_action": edited}]}
        messages = ask(ground, agent, Command(resume=decision))
        assert messages[-2].content.endswith("this call is not permitted")
    assert ground.effects == []


def test_a_reviewers_yes_is_not_an_approval(ground: Ground, agent_of: AgentOf) -> None:
    """What the reviewer of another middleware approves still waits for the guard's people."""
    agent = agent_of(HumanInTheLoopMiddleware(interrupt_on={"refund": True}))
    ground.script(asks_for("refund", **REFUND), says("done"))
    ask(ground, agent)
    ask(ground, agent, Command(resume={"decisions": [{"type": "approve"}]}))
    (waiting,) = agent.get_state(THREAD).interrupts
    assert ground.effects == []
    ground.vote(waiting.value["request_id"])
    ask(ground, agent, Command(resume="go"))
    assert len(ground.effects) == 1


def test_a_predicate_that_changes_its_mind_runs_nothing(ground: Ground, agent_of: AgentOf) -> None:
    """A call that slips through a reviewer whose predicate flipped waits for the guard's people."""
    asked: list[bool] = []

    def once(_: Any) -> bool:
        asked.append(True)
        return len(asked) == 1

    gate: Any = {"refund": {"allowed_decisions": ["approve", "reject"], "when": once}}
    agent = agent_of(HumanInTheLoopMiddleware(interrupt_on=gate))
    ground.script(asks_for("refund", **REFUND), says("done"))
    ask(ground, agent)
    ask(ground, agent, Command(resume={"decisions": [{"type": "reject"}]}))
    assert ground.effects == []


def test_a_tool_that_is_run_again_needs_another_approval(ground: Ground, agent_of: AgentOf) -> None:
    """A middleware that tries a failed tool again spends one approval for one execution."""

    def refund(order: str, amount: int) -> str:
        """Give money back."""
        ground.functions(asynchronous=False)["refund"](order, amount)
        raise ConnectionError("the bank is away")

    broken = ground.guard.wrap(StructuredTool.from_function(refund))
    agent = agent_of(ToolRetryMiddleware(max_retries=2, initial_delay=0.0), tools=[broken])
    ground.script(asks_for("refund", **REFUND), says("done"))
    ask(ground, agent)
    (first,) = agent.get_state(THREAD).interrupts
    ground.vote(first.value["request_id"])
    ask(ground, agent, Command(resume="go"))
    (second,) = agent.get_state(THREAD).interrupts
    assert second.value["request_id"] != first.value["request_id"]
    assert len(ground.effects) == 1


def test_a_refusal_is_not_tried_again(ground: Ground, agent_of: AgentOf) -> None:
    """A middleware that tries again sees a message of the refusal, and no error."""
    for retry in ({"after": (ToolRetryMiddleware(initial_delay=0.0),)}, {}):
        before = () if retry else (ToolRetryMiddleware(initial_delay=0.0),)
        ground.script(asks_for("lookup", order="everything"), says("done"))
        messages = ask(ground, agent_of(*before, **retry))
        assert messages[-2].content == "this call is not permitted"


def test_a_model_to_fall_back_to_is_guarded_or_refused(
    ground: Ground, agent_of: AgentOf, plain_model: Callable[[], ChatOpenAI]
) -> None:
    """The model that stands in for one that failed must be under the guard, too."""
    ground.script(says("done"))
    down = ChatOpenAI(
        model="m",
        base_url="http://127.0.0.1:9/v1",
        api_key="not-a-key",  # type: ignore[arg-type]  # pydantic makes a secret of it
        max_retries=0,
    )
    fallback = ModelFallbackMiddleware(plain_model())
    with pytest.raises(UnguardedPath):
        ask(ground, agent_of(fallback, model=ground.guard.wrap(down)))
    assert ground.provider.received_bytes() == b""


def test_a_model_that_is_tried_again_stays_refused(ground: Ground, agent_of: AgentOf) -> None:
    """A middleware that makes an answer of a failed model call sends nothing either."""
    retry = ModelRetryMiddleware(max_retries=1, initial_delay=0.0)
    ask_nobody = agent_of(retry)
    messages = ask_nobody.invoke({"messages": [{"role": "user", "content": "go"}]}, THREAD)
    assert "IdentityRequired" in messages["messages"][-1].text
    assert ground.provider.received_bytes() == b""


def test_an_emulator_runs_no_tool(
    ground: Ground, agent_of: AgentOf, plain_model: Callable[[], ChatOpenAI]
) -> None:
    """A model that plays the tools is asked through its own guard, and no tool runs."""
    player = ground.guard.wrap(plain_model())
    agent = agent_of(LLMToolEmulator(tools=["refund"], model=player))
    ground.script(asks_for("refund", **REFUND), says(f"refunded to {ADDRESS}"), says("done"))
    ask(ground, agent)
    assert ground.effects == []


def test_a_summary_is_made_by_a_guarded_model(
    ground: Ground, agent_of: AgentOf, plain_model: Callable[[], ChatOpenAI]
) -> None:
    """A middleware with a guarded model of its own sends placeholders, like the agent's."""
    ground.script(says("done"))
    summing = SummarizationMiddleware(
        ground.guard.wrap(plain_model()), trigger=("messages", 2), keep=("messages", 1)
    )
    said = [
        {"role": "user", "content": f"I am {ADDRESS}"},
        {"role": "assistant", "content": "good"},
        {"role": "user", "content": "go on"},
    ]
    ask(ground, agent_of(summing), {"messages": said})
    assert len(ground.provider.journal) == 2
    assert not ground.provider.saw(ADDRESS)


def test_what_another_middleware_does_not_look_at_is_looked_at(
    ground: Ground, agent_of: AgentOf
) -> None:
    """What a tool returns reaches the model without the address that PIIMiddleware lets pass."""
    ground.script(asks_for("lookup", order="ORD-0001"), says("done"))
    ask(ground, agent_of(PIIMiddleware("email", strategy="redact")))
    assert len(ground.provider.journal) == 2
    assert not ground.provider.saw(ADDRESS)


def test_a_tool_of_a_middleware_is_guarded_or_refused(ground: Ground, agent_of: AgentOf) -> None:
    """A middleware that brings tools is refused as long as these are not under the guard."""
    with pytest.raises(UnguardedPath, match="a tool of type StructuredTool"):
        ask(ground, agent_of(TodoListMiddleware()))
    with pytest.raises(ConfigError, match="declare it"):
        ground.guard.wrap(list(TodoListMiddleware().tools))


def test_without_the_middleware_the_tool_is_as_strict(ground: Ground) -> None:
    """A guarded tool that is invoked by itself, or in a node of its own, raises its refusals."""
    lookup, *_ = guarded_tools(ground)
    with ground.acting(), pytest.raises(DeniedByPolicy):
        lookup.invoke({"order": "everything"})
    assert ground.effects == []


def test_a_lost_identity_ends_the_run(ground: Ground, agent_of: AgentOf) -> None:
    """A run in which nobody acts ends with the error, and asks neither model nor tool."""
    agent = agent_of()
    asked = AIMessage("", tool_calls=[{"name": "lookup", "args": {"order": "ORD-0001"}, "id": "1"}])
    with pytest.raises(IdentityRequired):
        agent.invoke({"messages": [{"role": "user", "content": "go"}]}, THREAD)
    agent.update_state(THREAD, {"messages": [asked]}, as_node="model")
    with pytest.raises(IdentityRequired):
        agent.invoke(None, THREAD)
    assert ground.effects == []
    assert ground.provider.received_bytes() == b""
