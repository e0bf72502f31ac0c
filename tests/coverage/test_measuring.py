# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a guard say what it guards, what it refused, and what passes it by?"""

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from agentguard import CallRefused, Coverage, Guard
from agentguard.coverage import SurfaceCoverage
from agentguard.operations import Allowed, is_sent_by, table_of
from agentguard.testing import LoopbackProvider
from agentguard.vocabulary import Outcome, Reason

CANARY = "canary-4711"


@pytest.fixture
def client(guard: Guard, provider: LoopbackProvider) -> Iterator[OpenAI]:
    """A guarded client, bound to nobody."""
    with OpenAI(base_url=provider.base_url, api_key=CANARY, max_retries=0) as plain:
        yield guard.wrap(plain)


def openai_of(coverage: Coverage) -> SurfaceCoverage:
    """Return what is said of OpenAI's SDK."""
    return next(each for each in coverage.surfaces if each.surface == "openai")


def chat(client: OpenAI) -> None:
    """Make one call."""
    client.chat.completions.create(model="m", messages=[{"role": "user", "content": CANARY}])


def test_an_unguarded_client_in_the_process_is_reported(guard: Guard) -> None:
    """A client that nobody wrapped is counted by its class, and is a gap until it is wrapped."""
    free = OpenAI(api_key=CANARY)
    told = guard.coverage()
    surface = openai_of(told)
    assert surface.clients is not None
    assert surface.clients.unguarded["OpenAI"] >= 1
    assert told.unguarded >= 1
    assert not surface.covered
    assert "pass no guard: " in surface.gaps[-1]
    assert "NOT GUARDED" in str(told)
    guard.wrap(free)
    assert guard.coverage().unguarded == told.unguarded - 1


def test_a_refused_call_is_counted_as_refused_with_its_reason(guard: Guard, client: OpenAI) -> None:
    """A call that was let through and one that was refused stand apart, by operation."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        chat(client)
        with pytest.raises(CallRefused):
            client.files.delete(CANARY)
    calls = {each.operation: each for each in guard.coverage().calls}
    assert calls["chat"].outcomes == {Outcome.COMPLETED: 1}
    assert calls["chat"].refused == {}
    assert calls["DELETE /files/{}"].outcomes == {}
    assert calls["DELETE /files/{}"].refused == {Reason.NOT_ALLOWLISTED: 1}


def test_guarded_tools_are_counted_as_long_as_they_live(guard: Guard) -> None:
    """Tools are counted by the names of the policy; a function that is gone is not."""

    def lookup_order(order: str) -> str:
        return order

    first, second = guard.tool(lookup_order), guard.tool(lambda_named("refund"))
    told = guard.coverage().functions
    assert told.guarded == {"lookup_order": 1, "refund": 1}
    assert {"lookup_order", "refund"} <= set(told.declared)
    del second
    gc.collect()
    assert guard.coverage().functions.guarded == {"lookup_order": 1}
    del first


def lambda_named(name: str) -> Any:
    """Return a function of a name."""

    def plain(order: str, amount: int, to: str) -> str:
        return f"{order} {amount} {to}"

    plain.__name__ = name
    return plain


def test_every_operation_of_the_sdk_is_said_to_be_one_thing(guard: Guard) -> None:
    """What the installed SDK can send is allowed to somebody, refused, by pair only, or never."""
    surface = openai_of(guard.coverage())
    said = surface.operations
    pairs = [*said.allowed, *said.refused, *said.by_pair, *said.never]
    assert surface.version is not None
    known = [each for each in table_of("openai") if is_sent_by(each, surface.version)]
    assert sorted(pairs) == sorted(each.pair for each in known)
    assert "POST /chat/completions" in said.allowed
    assert "POST /files" in said.refused
    assert "WS /realtime" in said.by_pair
    assert set(said.never) == {each.pair for each in known if each.allowed is Allowed.NEVER}


def test_a_report_holds_nothing_of_a_call(guard: Guard, client: OpenAI) -> None:
    """Neither the text, nor the JSON, nor the repr of a report holds what was sent or asked."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        chat(client)
        with pytest.raises(CallRefused):
            client.post(f"/{CANARY}", cast_to=object)
        with pytest.raises(CallRefused):
            client.files.retrieve(CANARY)
        with pytest.raises(CallRefused):
            client.chat.completions.create(model=CANARY, messages=[], extra_body={CANARY: CANARY})
    told = guard.coverage()
    assert CANARY not in repr(told) + str(told) + json.dumps(told.as_json())
    assert "user:alice" not in str(told)


def test_a_report_is_read_as_json(guard: Guard, client: OpenAI) -> None:
    """As JSON a report has the calls, the clients and whether it is covered."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        chat(client)
    told = json.loads(json.dumps(guard.coverage().as_json()))
    assert told["calls"] == [
        {"surface": "openai", "operation": "chat", "outcomes": {"completed": 1}, "refused": {}}
    ]
    assert told["policy"] == "support"
    assert told["covered"] is True
    assert told["stream"] == guard._parts.journal.stream
    surface = next(each for each in told["surfaces"] if each["surface"] == "openai")
    assert surface["clients"]["guarded"]["OpenAI"] == 1
    assert "covered" in surface


def test_a_report_does_not_change(guard: Guard, client: OpenAI) -> None:
    """A report is of one moment: later calls are not in it, and nobody can write to it."""
    before = guard.coverage()
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        chat(client)
    assert before.calls == ()
    with pytest.raises(FrozenInstanceError):
        before.policy = "x"  # type: ignore[misc]  # it is refused


def test_coverage_is_taken_while_calls_and_clients_come_and_go(
    guard: Guard, client: OpenAI, provider: LoopbackProvider
) -> None:
    """Reports taken in other threads break nothing, and in the end every call was counted."""

    def work(number: int) -> None:
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            if number % 2:
                guard.coverage()
            else:
                with OpenAI(base_url=provider.base_url, api_key="x") as plain:
                    chat(guard.wrap(plain))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(12)))
    [count] = guard.coverage().calls
    assert count.outcomes == {Outcome.COMPLETED: 6}


def test_what_an_sdk_lacks_is_said_without_importing_it(policy_file: Path) -> None:
    """Asking for coverage imports no SDK that the program does not use."""
    code = """
import sys
from agentguard import Guard
with Guard.from_file(sys.argv[1]) as guard:
    told = guard.coverage()
    print([each.loaded for each in told.surfaces], "openai" in sys.modules)
    print(str(told).count("not imported in this process"), "_ModuleClient" in str(told))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(policy_file)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[False, False] False\n2 False\n"
