# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do runs of guarded agents of openai-agents go, and who acts in them?"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from agents import (
    Agent,
    GuardrailFunctionOutput,
    OpenAIChatCompletionsModel,
    OpenAIConversationsSession,
    OpenAIResponsesCompactionSession,
    OpenAIResponsesModel,
    RunConfig,
    RunHooks,
    Runner,
    SQLiteSession,
    ToolGuardrailFunctionOutput,
    function_tool,
    handoff,
    input_guardrail,
    tool_input_guardrail,
)
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
from pydantic import BaseModel

from agentguard import ConfigError, Guard, IdentityRequired
from agentguard.audit.entries import entry_fields
from agentguard.errors import DeniedByPolicy
from agentguard.integrations.openai_agents import approval_request, guarded_agent
from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import ADDRESS, asks_for, says
from agentguard.tools import full_name
from agentguard.vocabulary import AuditEntry, EntryType

TEAM = """
[[identity]]
id = "agent:billing"

[[identity]]
id = "agent:clerk"

[[rule]]
id = "billing-talks"
who = ["agent:billing", "agent:clerk"]
for = ["user:alice"]
provider = ["loopback"]
model = ["*"]
operation = ["inference"]
then = "allow"

[[rule]]
id = "billing-refunds"
who = ["agent:billing"]
for = ["user:alice"]
tool = "refund"
args.order = { any = true }
args.amount = { int = [1, 50] }
then = "allow"
"""


@contextmanager
def team_of(ground: Ground) -> Iterator[Guard]:
    """Give a guard of a policy that knows two more agents."""
    path = ground.folder / "team.toml"
    path.write_text((ground.folder / "agentguard.toml").read_text() + TEAM)
    with Guard.from_file(path) as guard:
        yield guard


def client_of(ground: Ground) -> AsyncOpenAI:
    """Return a plain client, which leaves no connection open."""
    http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
    return AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)


def agent_of(ground: Ground, *tools: str, **fields: Any) -> Agent[Any]:
    """Return a plain agent with some of the tools."""
    functions = ground.functions(asynchronous=True)
    given: dict[str, Any] = {
        "name": "Desk",
        "tools": [function_tool(functions[name]) for name in tools],
        "model": OpenAIChatCompletionsModel(ground.model, client_of(ground)),
        **fields,
    }
    return Agent(**given)


def run(ground: Ground, agent: Agent[Any], guard: Guard | None = None, **options: Any) -> Any:
    """Run an agent as the desk for alice."""
    with ground.acting(guard=guard):
        return asyncio.run(Runner.run(agent, "hello", **options))


def chains(entries: list[AuditEntry]) -> list[tuple[str, tuple[str, ...]]]:
    """Return which operations came to pass, and on whose behalf."""
    return [
        (str(entry_fields(each)["operation"]), each.chain)
        for each in entries
        if each.type is EntryType.INTENT
    ]


def refund(amount: int) -> Any:
    """Let the model ask for a refund."""
    return asks_for("refund", order="ORD-0001", amount=amount)


DESK = ("user:alice", "agent:desk")
BILLING = (*DESK, "agent:billing")


def test_each_agent_of_a_team_acts_under_its_own_identity(
    ground: Ground, entries: list[AuditEntry]
) -> None:
    """Who is handed over to acts beside who began, for the model and for tools."""
    with team_of(ground) as guard:
        billing = agent_of(ground, "refund", name="Billing")
        desk = agent_of(ground, handoffs=[billing])
        agent = guarded_agent(guard, desk, identities={"Billing": "agent:billing"})
        ground.script(asks_for("transfer_to_billing"), refund(40), says("all done"))
        done = run(ground, agent, guard)
    assert done.final_output == "all done"
    assert done.last_agent.name == "Billing"
    assert len(ground.effects) == 1
    assert chains(entries) == [
        ("chat", DESK),
        ("chat", BILLING),
        ("execute_tool", BILLING),
        ("chat", BILLING),
    ]


def test_what_is_handed_over_is_narrowed(ground: Ground) -> None:
    """What the desk may do, and Billing may not, Billing does not do for the desk."""
    with team_of(ground) as guard:
        billing = agent_of(ground, "lookup", "refund", name="Billing")
        desk = agent_of(ground, handoffs=[handoff(billing)])
        agent = guarded_agent(guard, desk, identities={"Billing": "agent:billing"})
        ground.script(asks_for("transfer_to_billing"), refund(90), says("all done"))
        run(ground, agent, guard)
    assert ground.effects == []
    offered = ground.provider.journal[1].json["tools"]
    assert [each["function"]["name"] for each in offered] == ["refund"]


def test_an_agent_that_may_not_speak_to_a_model_does_not(ground: Ground) -> None:
    """Models are called as the agent that is current, streams included."""
    with team_of(ground) as guard:
        agent = guarded_agent(guard, agent_of(ground), identities={"Desk": "agent:billing"})
        with ground.acting("user:bob", guard=guard):
            with pytest.raises(DeniedByPolicy):
                asyncio.run(Runner.run(agent, "hello"))
            with pytest.raises(DeniedByPolicy):
                asyncio.run(streamed(agent))
    assert ground.provider.received_bytes() == b""


async def streamed(agent: Agent[Any], **options: Any) -> str:
    """Stream a run, and return what was streamed of its answer."""
    result = Runner.run_streamed(agent, "hello", **options)
    return "".join(
        [
            event.data.delta
            async for event in result.stream_events()
            if event.type == "raw_response_event"
            and event.data.type == "response.output_text.delta"
        ]
    )


def test_a_stream_is_read_as_nobody_else(ground: Ground) -> None:
    """Whoever reads the events of a run stays who they are between them."""
    with team_of(ground) as guard:
        agent = guarded_agent(guard, agent_of(ground), identities={"Desk": "agent:billing"})

        async def read() -> set[tuple[str, ...]]:
            seen = set()
            result = Runner.run_streamed(agent, "hello")
            async for _ in result.stream_events():
                caller = guard.enforcer.identities.ambient()
                seen.add(() if caller is None else caller.chain.ids)
            return seen

        with ground.acting(guard=guard):
            assert asyncio.run(read()) == {DESK}


def test_an_identity_alone_starts_no_chain(ground: Ground) -> None:
    """Where nobody is bound around the run, an agent's own identity lets nothing happen."""
    with team_of(ground) as guard:
        agent = guarded_agent(guard, agent_of(ground), identities={"Desk": "agent:billing"})
        with pytest.raises(IdentityRequired):
            asyncio.run(Runner.run(agent, "hello"))
    assert ground.provider.received_bytes() == b""


def test_a_pause_under_an_identity_of_its_own_is_answered(ground: Ground) -> None:
    """A call that waits for a person in a narrowed agent is asked about and made as that agent."""
    more = 'then = "approve"\napproval = "leads"'
    with team_of(ground):
        pass
    path = ground.folder / "team.toml"
    text = path.read_text().replace(
        'int = [1, 50] }\nthen = "allow"', f"int = [101, 500] }}\n{more}"
    )
    path.write_text(text)
    with Guard.from_file(path) as guard:
        billing = agent_of(ground, "refund", name="Billing")
        desk = agent_of(ground, handoffs=[billing])
        agent = guarded_agent(guard, desk, identities={"Billing": "agent:billing"})
        ground.script(asks_for("transfer_to_billing"), refund(400), says("all done"))
        waiting = run(ground, agent, guard)
        with ground.acting(guard=guard):
            request = asyncio.run(approval_request(waiting.interruptions[0]))
        assert request is not None
        assert ground.request(request).chain == BILLING
        ground.vote(request)
        state = waiting.to_state()
        state.approve(state.get_interruptions()[0])
        with ground.acting(guard=guard):
            done = asyncio.run(Runner.run(agent, state))
    assert done.final_output == "all done"
    assert len(ground.effects) == 1


def test_names_that_no_agent_has_are_told(ground: Ground) -> None:
    """An identity for an agent that is not in the team is a mistake."""
    with team_of(ground) as guard, pytest.raises(ConfigError, match="Biling"):
        guarded_agent(guard, agent_of(ground), identities={"Biling": "agent:billing"})


def test_agents_that_hand_over_to_each_other_are_guarded_once(ground: Ground) -> None:
    """A circle of handoffs comes to its end, and leads to guarded agents alone."""
    desk, billing = agent_of(ground), agent_of(ground, name="Billing")
    desk.handoffs, billing.handoffs = [billing], [handoff(desk)]
    agent = ground.guard.wrap(desk)
    ground.script(asks_for("transfer_to_billing"), asks_for("transfer_to_desk"), says("all done"))
    assert run(ground, agent).last_agent is agent


def test_a_guarded_agent_as_a_tool_is_a_tool_of_the_policy(
    ground: Ground, entries: list[AuditEntry]
) -> None:
    """The call is decided by the tool's name, and the agent in it acts as its own identity."""
    with team_of(ground) as guard:
        inner = agent_of(ground, "refund", name="Billing")
        guarded = guarded_agent(guard, inner, identities={"Billing": "agent:billing"})
        tool = guarded.as_tool("lookup", "Ask Billing.", parameters=Order)
        agent = guard.wrap(agent_of(ground, tools=[tool]))
        ground.script(
            asks_for("lookup", order="ORD-0001"), refund(40), says("refunded"), says("all done")
        )
        done = run(ground, agent, guard)
    assert done.final_output == "all done"
    assert [each.tool for each in ground.effects] == ["refund"]
    assert [chain for kind, chain in chains(entries) if kind == "execute_tool"] == [DESK, BILLING]


class Order(BaseModel):
    """What an agent is asked about."""

    order: str


def test_a_run_in_a_loop_and_out_of_it(ground: Ground) -> None:
    """A streamed answer is put together from what may be read."""
    agent = ground.guard.wrap(agent_of(ground))
    ground.script(says("about operation silver falcon, then"))
    with ground.acting():
        text = asyncio.run(streamed(agent))
    assert text.startswith("about [")
    assert "falcon" not in text


def test_structured_answers_are_read(ground: Ground) -> None:
    """An agent with a type of answer gives it, with values turned back."""
    agent = ground.guard.wrap(agent_of(ground, output_type=Order))
    ground.script(lambda request: says(json.dumps({"order": _mark(request)}))(request))
    with ground.acting():
        done = asyncio.run(Runner.run(agent, f"of {ADDRESS}"))
    assert done.final_output == Order(order=ADDRESS)
    assert not ground.provider.saw(ADDRESS)


def _mark(request: str) -> str:
    start = request.index("[[EMAIL:")
    return request[start : request.index("]]", start) + 2]


def test_guardrails_of_the_program_still_work(ground: Ground) -> None:
    """Guardrails of an agent and of a tool are asked, and a tool that they stop does not run."""
    asked: list[str] = []

    @input_guardrail
    async def at_first(*_: Any) -> GuardrailFunctionOutput:
        asked.append("agent")
        return GuardrailFunctionOutput(output_info=None, tripwire_triggered=False)

    @tool_input_guardrail
    async def before(_: Any) -> ToolGuardrailFunctionOutput:
        asked.append("tool")
        return ToolGuardrailFunctionOutput.reject_content("not this one")

    functions = ground.functions(asynchronous=True)
    tool = function_tool(functions["lookup"], tool_input_guardrails=[before])
    agent = ground.guard.wrap(agent_of(ground, tools=[tool], input_guardrails=[at_first]))
    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    run(ground, agent)
    assert asked == ["agent", "tool"]
    assert ground.effects == []
    assert ground.provider.saw("not this one")


def test_a_tools_result_can_be_the_answer(ground: Ground) -> None:
    """An agent that stops at its first tool answers with what the guard let through."""
    agent = ground.guard.wrap(agent_of(ground, "refund", tool_use_behavior="stop_on_first_tool"))
    ground.script(refund(40))
    assert run(ground, agent).final_output == "refunded 40"
    ground.script(refund(4000))
    assert run(ground, agent).final_output == "this call is not permitted"


def test_tools_in_threads_know_who_acts(ground: Ground) -> None:
    """The SDK runs tools that are not asynchronous in threads, where calls inside them count."""
    lookup = ground.guard.tool(ground.functions(asynchronous=False)["lookup"])

    def refund(order: str, amount: int) -> str:
        """Give money back, if the order is there."""
        return f"{lookup(order)[:8]} {amount}"

    agent = ground.guard.wrap(agent_of(ground, tools=[function_tool(refund)]))
    ground.script(asks_for("refund", order="ORD-0001", amount=40), says("all done"))
    run(ground, agent)
    assert [each.tool for each in ground.effects] == ["lookup"]


def test_a_tool_that_takes_too_long_is_told_of(ground: Ground) -> None:
    """The SDK's own limit of time ends the guarded call, and the log says so."""

    async def lookup(order: str) -> str:
        """Look an order up for ever."""
        await asyncio.Event().wait()
        return order

    tool = function_tool(lookup, timeout=0.05)
    agent = ground.guard.wrap(agent_of(ground, tools=[tool]))
    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    assert run(ground, agent).final_output == "all done"
    assert ground.provider.saw("timed out")


def test_memories_at_the_provider_are_guarded(ground: Ground) -> None:
    """A session that keeps a conversation at the provider speaks through a guarded client."""
    agent = ground.guard.wrap(agent_of(ground))
    client = client_of(ground)
    with pytest.raises(DeniedByPolicy):
        run(ground, agent, session=OpenAIConversationsSession(openai_client=client))
    kept = SQLiteSession("kept")
    compact = OpenAIResponsesCompactionSession("s", kept, client=client_of(ground))
    with ground.acting():
        asyncio.run(Runner.run(agent, "hello", session=compact))
    kept.close()
    with pytest.raises(IdentityRequired):
        asyncio.run(asks(compact.client))


async def asks(client: AsyncOpenAI) -> None:
    """Ask a model something."""
    await client.responses.create(model="m", input="hello")


def test_a_memory_of_this_machine_is_the_programs_own(ground: Ground) -> None:
    """A session in a file takes part as it did, and later runs read it."""
    agent = ground.guard.wrap(agent_of(ground))
    session = SQLiteSession("kept")
    for _ in range(2):
        assert run(ground, agent, session=session).final_output == "all done"
    session.close()
    assert len(ground.provider.journal[1].json["messages"]) == 3


def test_both_apis_are_spoken(ground: Ground) -> None:
    """An agent with a model of the Responses API is guarded as well."""
    model = OpenAIResponsesModel(ground.model, client_of(ground))
    agent = ground.guard.wrap(agent_of(ground, "lookup", model=model))
    ground.script(asks_for("lookup", order="ORD-0001"), says("all done"))
    assert run(ground, agent, run_config=RunConfig(workflow_name="w")).final_output == "all done"
    assert not ground.provider.saw(ADDRESS)


class Listening(RunHooks[Any]):
    """Somebody who is told of prompts."""


def test_callbacks_are_warned_about_where_the_policy_says_so(
    ground: Ground, caplog: pytest.LogCaptureFixture
) -> None:
    """Observers = "warn" lets hooks see prompts, and says so once for each class."""
    path = ground.folder / "warn.toml"
    text = (ground.folder / "agentguard.toml").read_text()
    path.write_text(text + '[coverage]\nobservers = "warn"\n')
    with Guard.from_file(path) as guard:
        agent = guard.wrap(agent_of(ground))
        done = [run(ground, agent, guard, hooks=Listening()).final_output for _ in range(2)]
        assert guard.coverage().observers == (full_name(Listening),)
    assert done == ["all done", "all done"]
    assert caplog.text.count("Listening sees prompts") == 1


def test_a_bare_function_is_told_what_it_lacks(ground: Ground) -> None:
    """Whoever hands an agent a plain function reads which decorator makes a tool of it."""
    agent: Agent[Any] = Agent(name="Desk", tools=[ground.functions(asynchronous=True)["lookup"]])  # type: ignore[list-item]  # what people do
    with pytest.raises(TypeError, match="put @function_tool above it"):
        ground.guard.wrap(agent)
