# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A stop is about exactly the calls that it names."""

import pytest

from agentguard.budgets import stop_for
from agentguard.identity import Identities
from agentguard.vocabulary import (
    Call,
    Caller,
    Chain,
    HostedTool,
    ModelCall,
    Stop,
    StopScope,
    ToolCall,
)

ALICE = Identities(lambda: "run-1").narrowed(
    "agent:support", on_behalf_of="user:alice", tenant="acme"
)
REFUND = ToolCall(id="c", tool="refund", definition="d", received={}, resolved={})
CHAT = ModelCall(
    id="c",
    operation="chat",
    verb="POST",
    path="/chat/completions",
    origin="http://127.0.0.1:80",
    model="m",
    payload={},
    answers=(),
    hosted_tools=(HostedTool(type="web_search", arguments={}, pointer="/tools/0", removable=True),),
)


def stopped(scope: StopScope, key: str, call: Call = REFUND, caller: Caller = ALICE) -> bool:
    """Say whether a stop is about a call."""
    stop = Stop(scope=scope, key=key, by="user:olga", since=0, why="")
    return stop_for((stop,), call, caller) is stop


@pytest.mark.parametrize(
    ("scope", "key", "expected"),
    [
        (StopScope.ALL, "", True),
        (StopScope.WHO, "agent:support", True),
        (StopScope.WHO, "user:alice", True),
        (StopScope.WHO, "agent:other", False),
        (StopScope.PERSON, "user:alice", True),
        (StopScope.PERSON, "agent:support", False),
        (StopScope.TENANT, "acme", True),
        (StopScope.TENANT, "", False),
        (StopScope.SESSION, "run-1", True),
        (StopScope.SESSION, ALICE.session_key, True),
        (StopScope.SESSION, ALICE.account_key, True),
        (StopScope.SESSION, "run-2", False),
        (StopScope.TOOL, "refund", True),
        (StopScope.TOOL, "lookup_order", False),
    ],
)
def test_a_stop_is_about_what_it_names(scope: StopScope, key: str, expected: bool) -> None:  # noqa: FBT001 - a column
    """A call is about a stop by its chain, its person, its tenant, its session or its tool."""
    assert stopped(scope, key) is expected


def test_a_hosted_tool_is_stopped_with_the_request_that_runs_it() -> None:
    """A request that makes the provider run a stopped tool is about the stop."""
    assert stopped(StopScope.TOOL, "web_search", CHAT)
    assert not stopped(StopScope.TOOL, "refund", CHAT)


def test_a_stop_of_a_session_holds_for_everybody_behind() -> None:
    """Who was handed a stopped session on is stopped by the key of whoever handed it on."""
    one = ALICE.chain.principals
    behind = Caller(chain=Chain(principals=(*one, one[-1])), session="run-1", tenant="acme")
    assert behind.session_key != ALICE.session_key
    assert stopped(StopScope.SESSION, ALICE.session_key, caller=behind)
    assert not stopped(StopScope.SESSION, behind.session_key)
