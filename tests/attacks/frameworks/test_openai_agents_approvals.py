# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a paused run of openai-agents let anything happen that people did not agree to?"""

import asyncio
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from agents import Agent, OpenAIChatCompletionsModel, Runner, RunState, function_tool
from openai import AsyncOpenAI, DefaultAsyncHttpx2Client
from pydantic import BaseModel

from agentguard import ApprovalPending, Guard
from agentguard.integrations.openai_agents import approval_request
from agentguard.testing import Answer, ToolRequest
from agentguard.testing.contract import Ground
from agentguard.testing.contract.ground import asks_for, prepared, says

REFUND = {"order": "ORD-0001", "amount": 400}


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    """A guard, tools, and a model that asks for a refund that needs a person."""
    with prepared(tmp_path) as made:
        made.script(asks_for("refund", **REFUND), says("all done"))
        yield made


def agent_of(ground: Ground, **settings: Any) -> Agent[Any]:
    """Return a guarded agent that can refund."""
    http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
    client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)
    tool = function_tool(ground.functions(asynchronous=True)["refund"], **settings)
    model = OpenAIChatCompletionsModel(ground.model, client)
    return ground.guard.wrap(Agent(name="Desk", tools=[tool], model=model))


def run(ground: Ground, agent: Agent[Any], given: Any) -> Any:
    """Run an agent as the desk for alice."""
    with ground.acting():
        return asyncio.run(Runner.run(agent, given))


def paused(ground: Ground, agent: Agent[Any]) -> RunState[Any]:
    """Run an agent until it waits, and return its state."""
    result = run(ground, agent, "my money back")
    assert len(result.interruptions) == 1
    assert result.final_output is None
    assert ground.effects == []
    state: RunState[Any] = result.to_state()
    return state


def request_of(ground: Ground, state: RunState[Any]) -> str:
    """Return the approval request that a state waits for."""
    with ground.acting():
        found = asyncio.run(approval_request(state.get_interruptions()[0]))
    assert found is not None
    return found


def said_yes(state: RunState[Any], **how: Any) -> RunState[Any]:
    """Say the framework's own yes to everything that waits."""
    for each in state.get_interruptions():
        state.approve(each, **how)
    return state


@pytest.mark.parametrize("how", [{}, {"always_approve": True}])
def test_the_frameworks_yes_is_no_approval(ground: Ground, how: dict[str, Any]) -> None:
    """state.approve() without a signed answer ends the run as pending, and nothing runs."""
    agent = agent_of(ground)
    with pytest.raises(ApprovalPending):
        run(ground, agent, said_yes(paused(ground, agent), **how))
    assert ground.effects == []
    assert len(ground.provider.journal) == 1


def test_a_yes_that_was_put_into_a_state_is_no_approval(ground: Ground) -> None:
    """Whoever can write the state can say yes in it, and nothing runs for it."""
    agent = agent_of(ground)
    forged = said_yes(paused(ground, agent)).to_json()
    assert '"approved": ' in json.dumps(forged)
    state = asyncio.run(RunState.from_json(agent, forged))
    with pytest.raises(ApprovalPending):
        run(ground, agent, state)
    assert ground.effects == []


def test_a_run_that_goes_on_without_a_yes_waits_again(ground: Ground) -> None:
    """Resuming without the framework's yes pauses again, for the same request."""
    agent = agent_of(ground)
    state = paused(ground, agent)
    first = request_of(ground, state)
    again = run(ground, agent, state).to_state()
    assert request_of(ground, again) == first
    ground.vote(first)
    assert run(ground, agent, said_yes(again)).final_output == "all done"
    assert [each.arguments for each in ground.effects] == [REFUND]


def test_a_yes_that_came_too_early_can_be_said_again(ground: Ground) -> None:
    """The state whose yes came before the signed answer is taken up once that is there."""
    agent = agent_of(ground)
    state = paused(ground, agent)
    request, kept = request_of(ground, state), state.to_json()
    with pytest.raises(ApprovalPending) as caught:
        run(ground, agent, said_yes(state))
    assert caught.value.request_id == request
    ground.vote(request)
    taken = asyncio.run(RunState.from_json(agent, kept))
    assert run(ground, agent, said_yes(taken)).final_output == "all done"
    assert [each.arguments for each in ground.effects] == [REFUND]


def test_arguments_that_were_edited_in_a_state_are_another_call(ground: Ground) -> None:
    """An approval does not cover what somebody wrote into the state afterwards."""
    agent = agent_of(ground)
    state = paused(ground, agent)
    ground.vote(request_of(ground, state))
    edited = json.loads(json.dumps(state.to_json()).replace("400", "900"))
    edited["context"]["tool_invocations"] = {}  # by which the framework itself would notice
    taken = asyncio.run(RunState.from_json(agent, edited))
    with pytest.raises(ApprovalPending):
        run(ground, agent, said_yes(taken))
    assert ground.effects == []


def test_a_state_that_is_resumed_by_two_runs_once(ground: Ground) -> None:
    """Two runs that go on from one state at once make the call once."""
    agent = agent_of(ground)
    state = paused(ground, agent)
    ground.vote(request_of(ground, state))
    kept = state.to_json()

    async def both() -> list[Any]:
        states = [said_yes(await RunState.from_json(agent, kept)) for _ in range(2)]
        runs = [Runner.run(agent, each) for each in states]
        return await asyncio.gather(*runs, return_exceptions=True)

    with ground.acting():
        asyncio.run(both())
    assert len(ground.effects) == 1


def test_the_frameworks_no_is_a_no(ground: Ground) -> None:
    """state.reject() keeps a call from happening that people approved."""
    agent = agent_of(ground)
    state = paused(ground, agent)
    ground.vote(request_of(ground, state))
    state.reject(state.get_interruptions()[0])
    assert run(ground, agent, state).final_output == "all done"
    assert ground.effects == []


def test_a_pause_that_the_program_wants_stays(ground: Ground) -> None:
    """A tool that needs approval for the program pauses, though the policy asks nobody."""
    agent = agent_of(ground, needs_approval=True)
    ground.script(asks_for("refund", order="ORD-0001", amount=40), says("all done"))
    state = paused(ground, agent)
    with ground.acting():
        assert asyncio.run(approval_request(state.get_interruptions()[0])) is None
    assert run(ground, agent, said_yes(state)).final_output == "all done"
    assert len(ground.effects) == 1


def test_a_function_that_passes_the_guard_itself_is_asked_about_once(ground: Ground) -> None:
    """A tool over a guarded function pauses for the request of that function, and runs once."""
    function = ground.guard.tool(ground.functions(asynchronous=False)["refund"])
    http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
    client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)
    model = OpenAIChatCompletionsModel(ground.model, client)
    plain = Agent(name="Desk", tools=[function_tool(function)], model=model)
    agent = ground.guard.wrap(plain)
    state = paused(ground, agent)
    ground.vote(request_of(ground, state))
    assert run(ground, agent, said_yes(state)).final_output == "all done"
    assert [each.arguments for each in ground.effects] == [REFUND]
    assert [each.target for each in ground.intents()] == ["refund"]


def test_a_pause_holds_the_arguments_as_the_model_wrote_them(ground: Ground) -> None:
    """The state of a paused run holds placeholders, and no value that was turned back."""
    path = ground.folder / "asked.toml"
    text = (ground.folder / "agentguard.toml").read_text()
    text = text.replace('args.text = { any = true }\nthen = "allow"', ASKED)
    path.write_text(text)
    with Guard.from_file(path) as guard:
        ground.guard = guard
        http = DefaultAsyncHttpx2Client(limits=httpx2.Limits(max_keepalive_connections=0))
        client = AsyncOpenAI(base_url=ground.base_url, api_key="not-a-key", http_client=http)
        tool = function_tool(ground.functions(asynchronous=True)["send_mail"])
        model = OpenAIChatCompletionsModel(ground.model, client)
        agent = guard.wrap(Agent(name="Desk", tools=[tool], model=model))
        ground.script(lambda request: asks_for("send_mail", to=_mark(request), text="x")(request))
        result = run(ground, agent, "write to jane.doe@customers.example")
        items = json.dumps([each.raw_item.model_dump() for each in result.interruptions])
        assert "[[EMAIL:" in items
        assert "jane.doe" not in items


ASKED = """args.text = { any = true }
then = "approve"
approval = "leads"
"""


def _mark(request: str) -> str:
    start = request.index("[[EMAIL:")
    return request[start : request.index("]]", start) + 2]


def test_arguments_that_cannot_be_read_wait_for_nobody(ground: Ground) -> None:
    """The SDK pauses for them; nobody is asked, and they reach no tool after its yes."""
    agent = agent_of(ground)
    broken = Answer(tool_calls=(ToolRequest("refund", '{"amount": 400, '),))
    ground.script(lambda _: broken, says("all done"))
    state = paused(ground, agent)
    with ground.acting():
        assert asyncio.run(approval_request(state.get_interruptions()[0])) is None
    assert run(ground, agent, said_yes(state)).final_output == "all done"
    assert ground.effects == []


def test_where_nobody_is_asked_nothing_pauses(ground: Ground) -> None:
    """Without approvers in the policy, arguments that cannot be read are refused at once."""
    path = ground.folder / "nobody.toml"
    text = (ground.folder / "agentguard.toml").read_text()
    text = text.replace('then = "approve"\napproval = "leads"', 'then = "deny"')
    before, _, after = text.partition("[approval.leads]")
    path.write_text(before + after[after.index("[[class]]") :])
    broken = Answer(tool_calls=(ToolRequest("refund", '{"amount": 400, '),))
    ground.script(lambda _: broken, says("all done"))
    with Guard.from_file(path) as guard:
        ground.guard = guard
        assert run(ground, agent_of(ground), "hello").final_output == "all done"
    assert ground.effects == []


def test_a_call_that_expired_while_the_run_waited_is_told_of_once(ground: Ground) -> None:
    """Found out before the SDK's yes or after it, the model is told that the approval expired."""
    agent = agent_of(ground)
    state = paused(ground, agent)
    request_of(ground, state)
    ground.move_clock(timedelta(hours=5))
    assert run(ground, agent, said_yes(state)).final_output == "all done"
    assert ground.provider.saw("the approval for this call has expired")
    assert ground.effects == []


def test_a_session_without_a_name_is_not_met_again(ground: Ground) -> None:
    """A state that is taken up where the session has no name runs nothing, whatever was signed."""
    agent = agent_of(ground)
    with ground.guard.identity("agent:desk", on_behalf_of="user:alice"):
        result = asyncio.run(Runner.run(agent, "my money back"))
        request = asyncio.run(approval_request(result.interruptions[0]))
    ground.vote(str(request))
    state = said_yes(result.to_state())
    with (
        ground.guard.identity("agent:desk", on_behalf_of="user:alice"),
        pytest.raises(ApprovalPending) as caught,
    ):
        asyncio.run(Runner.run(agent, state))
    assert caught.value.request_id != request
    assert ground.effects == []


def test_calls_beside_one_that_waits_run_once(ground: Ground) -> None:
    """Of two calls of one answer, the one that is allowed runs, and not again afterwards."""
    agent = agent_of(ground)
    small = {"order": "ORD-0001", "amount": 40}
    calls = (ToolRequest("refund", small), ToolRequest("refund", REFUND))
    ground.script(lambda _: Answer(tool_calls=calls), says("all done"))
    result = run(ground, agent, "my money back, twice")
    assert [each.arguments for each in ground.effects] == [small]
    (waiting,) = result.interruptions
    with ground.acting():
        request = asyncio.run(approval_request(waiting))
    ground.vote(str(request))
    state = asyncio.run(RunState.from_json(agent, result.to_state().to_json()))
    assert run(ground, agent, said_yes(state)).final_output == "all done"
    assert [each.arguments for each in ground.effects] == [small, REFUND]


def test_a_pause_in_an_agent_that_is_a_tool_reaches_the_outer_run(ground: Ground) -> None:
    """A call that waits in a nested run waits for its own request, and runs once."""
    inner = agent_of(ground)
    tool = inner.as_tool("lookup", "Ask the desk.", parameters=Order)
    plain = Agent(name="Outer", tools=[tool], model=inner.model)
    agent = ground.guard.wrap(plain)
    ground.script(
        asks_for("lookup", order="ORD-0001"),
        asks_for("refund", **REFUND),
        says("refunded"),
        says("all done"),
    )
    state = paused(ground, agent)
    ground.vote(request_of(ground, state))
    assert run(ground, agent, said_yes(state)).final_output == "all done"
    assert [each.arguments for each in ground.effects] == [REFUND]


class Order(BaseModel):
    """What an agent is asked about."""

    order: str
