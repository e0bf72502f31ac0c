# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""An approval request stands for one exact call."""

from dataclasses import fields, replace
from datetime import datetime, timedelta

import pytest

from agentguard.approvals import binding, matches, new_request
from agentguard.vocabulary import (
    ApprovalProfile,
    ApprovalRequest,
    ApprovalState,
    Caller,
    Doubt,
    Impact,
    ToolCall,
)

UNBOUND = {"state", "version", "decided_at", "claimed_by", "lease_until", "votes", "salt"}


def test_the_request_says_who_asked_for_what(
    request_: ApprovalRequest, profile: ApprovalProfile, caller: Caller, now: datetime
) -> None:
    """A new request names the call, the people and both clocks, and holds no argument."""
    assert request_.requesters == ("agent:support", "user:alice", "user:zoe")
    assert request_.chain == ("user:alice", "agent:support")
    assert request_.session_key == caller.session_key
    assert request_.decide_by == now + profile.decide_within
    assert request_.execute_within == profile.execute_within
    assert (request_.need, request_.state, request_.version) == (2, ApprovalState.PENDING, 0)
    assert request_.received != request_.resolved
    assert "bob@" not in repr(request_)


UNSURE = Doubt(argument="to", told="only seen in the result of read_email (call 3)")
OTHER: dict[type, object] = {
    str: "else",
    tuple: ("user:else",),
    int: 1,
    Impact: Impact.READ_ONLY,
    timedelta: timedelta(days=1),
}


@pytest.mark.parametrize(
    "name", [item.name for item in fields(ApprovalRequest) if item.name not in UNBOUND]
)
def test_every_field_that_was_asked_changes_the_binding(
    request_: ApprovalRequest, name: str
) -> None:
    """Changing any field of the question changes what approvers sign."""
    value = getattr(request_, name)
    other = value + timedelta(seconds=1) if isinstance(value, datetime) else OTHER[type(value)]
    if name == "doubts":
        other = (UNSURE,)
    assert value != other
    assert binding(replace(request_, **{name: other})) != binding(request_)  # type: ignore[arg-type]  # fields by name


def test_what_happens_to_a_request_leaves_the_binding_alone(
    request_: ApprovalRequest, now: datetime
) -> None:
    """State, version, votes and the erased salt are not part of what approvers sign."""
    later = replace(
        request_,
        state=ApprovalState.EXECUTING,
        version=9,
        decided_at=now,
        claimed_by="s",
        lease_until=now,
        salt="",
    )
    assert binding(later) == binding(request_)


def _is_same(request_: ApprovalRequest, call: ToolCall, caller: Caller, **changes: object) -> bool:
    same: dict[str, object] = {
        "tool": call.tool,
        "definition": call.definition,
        "received": call.received,
        "resolved": call.resolved,
        "chain_ids": caller.chain.ids,
        "session_key": caller.session_key,
        "policy": "sha256:p",
    }
    return matches(request_, **{**same, **changes})  # type: ignore[arg-type]  # arguments by name


def test_the_same_call_matches(request_: ApprovalRequest, call: ToolCall, caller: Caller) -> None:
    """The call that asked matches its request, whatever the order of its arguments."""
    assert _is_same(request_, call, caller)
    turned = dict(reversed(list(call.resolved.items())))
    assert _is_same(request_, call, caller, resolved=turned)


@pytest.mark.parametrize(
    "other",
    [
        replace(UNSURE, told="only seen in the result of read_page (call 1)"),
        replace(UNSURE, argument="body"),
    ],
)
def test_each_word_of_a_doubt_is_signed(request_: ApprovalRequest, other: Doubt) -> None:
    """Another argument and other words about it are another question."""
    told = replace(request_, doubts=(UNSURE,))
    assert binding(told) != binding(replace(request_, doubts=(other,)))


def test_an_answer_counts_for_the_doubts_that_were_told(
    request_: ApprovalRequest, call: ToolCall, caller: Caller
) -> None:
    """A call with an argument in doubt of which approvers were not told is another question."""
    told = replace(request_, doubts=(UNSURE,))
    seen_again = replace(UNSURE, told="only seen in the results of two calls")
    assert _is_same(told, call, caller, doubts=(seen_again,))
    assert _is_same(told, call, caller, doubts=())
    assert not _is_same(told, call, caller, doubts=(UNSURE, replace(UNSURE, argument="body")))
    assert not _is_same(request_, call, caller, doubts=(UNSURE,))


@pytest.mark.parametrize(
    "change",
    [
        {"tool": "delete_account"},
        {"definition": "sha256:e"},
        {"received": {"to": "[[EMAIL:7KQ2M4XB]]", "amount": 500}},
        {"resolved": {"to": "bob@customers.example", "amount": 501}},
        {"resolved": {"to": "bob@customers.example", "amount": 500.5}},
        {"resolved": {"to": "bob@customers.example", "amount": "500"}},
        {"resolved": {"to": "bob@customers.example", "amount": 500.0}},
        {"received": {"to": "[[EMAIL:7KQ2M4XA]]", "amount": 500.0}},
        {"resolved": {"to": "bob@customers.example", "amount": 500, "more": None}},
        {"resolved": {}},
        {"chain_ids": ("user:alice",)},
        {"chain_ids": ("agent:support", "user:alice")},
        {"session_key": "sha256:other"},
        {"policy": "sha256:q"},
    ],
    ids=str,
)
def test_another_call_does_not_match(
    request_: ApprovalRequest, call: ToolCall, caller: Caller, change: dict[str, object]
) -> None:
    """A call that differs in tool, definition, argument, chain, session or policy is another."""
    assert not _is_same(request_, call, caller, **change)


def test_equal_arguments_of_two_requests_have_different_commitments(
    request_: ApprovalRequest,
    profile: ApprovalProfile,
    call: ToolCall,
    caller: Caller,
    now: datetime,
) -> None:
    """Two requests about the same arguments do not show that they are the same."""
    other = new_request(
        id="req-2",
        nonce=b"m" * 32,
        salt=b"t" * 32,
        call=call,
        caller=caller,
        requesters=(),
        impact=Impact.IRREVERSIBLE,
        rule="refund-large",
        policy="sha256:p",
        profile=profile,
        shown="{}",
        now=now,
    )
    assert other.resolved != request_.resolved
    assert other.received != request_.received


@pytest.mark.parametrize(
    "change", [{"rule": ""}, {"nonce": b"short"}, {"salt": b""}], ids=["rule", "nonce", "salt"]
)
def test_a_question_without_rule_or_randomness_is_refused(
    profile: ApprovalProfile,
    call: ToolCall,
    caller: Caller,
    now: datetime,
    change: dict[str, object],
) -> None:
    """A request names its rule, and its nonce and salt are 32 bytes."""
    parts: dict[str, object] = {
        "id": "req-3",
        "nonce": b"n" * 32,
        "salt": b"s" * 32,
        "call": call,
        "caller": caller,
        "requesters": (),
        "impact": Impact.IRREVERSIBLE,
        "rule": "r",
        "policy": "sha256:p",
        "profile": profile,
        "shown": "{}",
        "now": now,
    }
    with pytest.raises(ValueError, match=r"rule|random"):
        new_request(**{**parts, **change})  # type: ignore[arg-type]  # arguments by name
