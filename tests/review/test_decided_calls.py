# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a decision rested on is written and read without a change."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import LARGEST_INTEGER, Frozen, freeze, tagged
from agentguard.review.fact_form import LARGEST, NotFacts, facts_bytes, parse_facts
from agentguard.review.facts import DecidedCall, HeldGrant, Ruling, stripped
from agentguard.vocabulary import (
    AskApproval,
    Assurance,
    Chain,
    Circumstances,
    Decision,
    Effect,
    Grant,
    HostedTool,
    Kind,
    ModelCall,
    OfferedTool,
    Origins,
    Principal,
    PrincipalKind,
    Reason,
    Reference,
    Shadow,
    ToolCall,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CANARY = "canary-of-the-facts"

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
).map(freeze)
arguments = st.dictionaries(words, values, max_size=4).map(MappingProxyType)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - the zone is drawn beside
amounts = st.decimals(0, 10**6, places=2)
budgets = st.dictionaries(words, amounts, max_size=2)
ids = st.lists(words, max_size=3).map(tuple)


@st.composite
def tool_calls(draw: st.DrawFn) -> ToolCall:
    """Draw a call of a tool."""
    given = draw(arguments)
    return ToolCall(
        id=draw(words), tool=draw(words), definition=draw(words), received=given, resolved=given
    )


hosted = st.builds(
    HostedTool, type=words, arguments=arguments, pointer=words, removable=st.booleans()
)


def model_calls(inner: st.SearchStrategy[tuple[ModelCall, ...]]) -> st.SearchStrategy[ModelCall]:
    """Draw calls of a model."""
    return st.builds(
        ModelCall,
        id=words,
        operation=words,
        kind=st.sampled_from(Kind),
        verb=words,
        path=words,
        origin=words,
        model=words,
        payload=st.none() | st.lists(words, max_size=2).map(tuple),
        function_tools=st.lists(st.builds(OfferedTool, name=words, pointer=words), max_size=2).map(
            tuple
        ),
        forced_tool=st.none() | words,
        hosted_tools=st.lists(hosted, max_size=2).map(tuple),
        references=st.frozensets(st.sampled_from(Reference)),
        inner=inner,
    )


calls = tool_calls() | model_calls(st.lists(model_calls(st.just(())), max_size=2).map(tuple))
principals = st.builds(
    Principal,
    id=words,
    kind=st.sampled_from(PrincipalKind),
    assurance=st.sampled_from(Assurance),
    claims=arguments,
    expires_at=st.none() | times,
    source=words,
)
grants = st.builds(
    HeldGrant,
    id=words,
    holder=words,
    tools=ids,
    problem=st.none() | st.tuples(words, words),
    calls=st.none() | st.integers(0, 100),
    sums=budgets,
    depth=st.integers(0, 5),
    expires_at=times,
    chain=ids,
    tenant=st.none() | words,
    environment=st.none() | words,
)
rulings = st.builds(
    Ruling,
    policy=words,
    effect=st.sampled_from(Effect),
    rule=st.none() | words,
    reason=st.none() | st.sampled_from(Reason),
    profile=st.none() | words,
    shadow=st.none() | st.builds(Shadow, effect=st.sampled_from(Effect), rule=st.none() | words),
)
origins = st.builds(
    Origins,
    words=st.frozensets(words, max_size=2),
    untrusted=st.booleans(),
    carries=st.booleans(),
    addresses=st.lists(st.frozensets(words, max_size=2), max_size=2).map(tuple),
)
facts = st.builds(
    DecidedCall,
    call=calls,
    chain=st.lists(principals, min_size=1, max_size=3).map(
        lambda many: Chain(principals=tuple(many))
    ),
    session=words,
    tenant=st.none() | words,
    at=times,
    environment=st.none() | words,
    grants=st.lists(grants, max_size=2).map(tuple),
    paths=st.dictionaries(words, st.none() | words, max_size=2),
    resources=st.none() | ids,
    spent=budgets,
    origins=st.dictionaries(words, st.lists(origins, max_size=2).map(tuple), max_size=2),
    conversation=st.none() | st.frozensets(words, max_size=2),
    counts=st.none() | st.dictionaries(words, st.integers(0, 9), max_size=2),
    marked=st.dictionaries(words, ids, max_size=2),
    ruling=rulings,
    stopped=st.none() | st.sampled_from(Reason),
    omitted=st.booleans(),
)


def resolved_of(decided: DecidedCall) -> Frozen:
    """Return the arguments with their types."""
    call = decided.call
    if isinstance(call, ToolCall):
        return tagged(call.resolved)
    return tuple(tagged(each.arguments) for each in call.hosted_tools)


def refund(**arguments: object) -> DecidedCall:
    """Return a call of a tool with these arguments."""
    frozen = MappingProxyType({name: freeze(value) for name, value in arguments.items()})
    return DecidedCall(
        call=ToolCall(
            id="call-1", tool="refund", definition="sha256:d", received=frozen, resolved=frozen
        ),
        chain=Chain(
            principals=(
                Principal(id="user:alice", kind=PrincipalKind.USER, claims={"customer": CANARY}),
                Principal(id="agent:support", kind=PrincipalKind.AGENT),
            )
        ),
        session="conv-1",
        at=NOW,
        ruling=Ruling(policy="sha256:p", effect=Effect.ALLOW, rule="refund"),
    )


@settings(deadline=None)
@given(facts)
def test_what_is_read_is_what_was_written(decided: DecidedCall) -> None:
    """Every fact comes back equal, numbers and claims with their types."""
    found = parse_facts(facts_bytes(decided))
    assert found == decided
    assert resolved_of(found) == resolved_of(decided)
    for before, after in zip(decided.chain.principals, found.chain.principals, strict=True):
        assert tagged(after.claims) == tagged(before.claims)
        assert (after.expires_at, after.source) == (before.expires_at, before.source)


def test_a_whole_number_and_the_same_with_a_point_stay_apart() -> None:
    """1, 1.0 and true are three values in a decision, and so they are in the facts."""
    call = parse_facts(facts_bytes(refund(a=1, b=1.0, c=True))).call
    assert isinstance(call, ToolCall)
    assert [type(call.resolved[name]) for name in "abc"] == [int, float, bool]


def test_large_arguments_are_left_out_and_that_is_said() -> None:
    """A call whose arguments are too large is kept without them."""
    decided = refund(text="x" * LARGEST)
    written = facts_bytes(decided)
    found = parse_facts(written)
    assert len(written) < LARGEST
    assert found == decided.without_arguments()
    assert found.omitted


def test_what_is_too_large_without_arguments_is_not_kept() -> None:
    """Claims beyond all bounds are no reason to keep half of the facts."""
    person = Principal(id="user:alice", kind=PrincipalKind.USER, claims={"c": CANARY * LARGEST})
    with pytest.raises(ValueError, match="too large") as caught:
        facts_bytes(replace(refund(), chain=Chain(principals=(person,))))
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"v":1}', b'{"v":2}', b"\xff", b"[" * 10**5, CANARY.encode()],
)
def test_other_bytes_are_refused_without_being_quoted(content: bytes) -> None:
    """What is no decided call of this version is not taken for one."""
    with pytest.raises(NotFacts) as caught:
        parse_facts(content)
    assert CANARY not in str(caught.value)
    assert caught.value.__context__ is None


def test_nothing_of_a_call_stands_in_a_repr() -> None:
    """Arguments, claims, paths and objects are shown to nobody who prints facts."""
    decided = replace(
        refund(order=CANARY),
        paths={CANARY: CANARY},
        resources=(CANARY,),
    )
    assert CANARY not in repr(decided)


def test_a_model_call_is_kept_without_its_content() -> None:
    """What a request says to the model is not among the facts, nor is its address."""
    inner = ModelCall(
        id="i",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="https://a:443",
        model="m",
        payload=CANARY,
        address=(CANARY,),
    )
    call = stripped(replace(inner, inner=(inner,)))
    chain = Chain(principals=(Principal(id="agent:support", kind=PrincipalKind.AGENT),))
    assert CANARY not in facts_bytes(replace(refund(), call=call, chain=chain)).decode()
    assert isinstance(call, ModelCall)
    assert (call.payload, call.address, call.inner[0].payload) == (None, (), None)


def test_of_content_only_addresses_are_kept_and_only_if_asked_for() -> None:
    """Where a policy asks for it, texts that are an address and nothing else are kept, cut short."""
    inner = ModelCall(
        id="i",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="https://a:443",
        model="m",
        payload=freeze(
            {"a": [f"see https://a.example/{CANARY}", " vault://x ", "data:" + "x" * 9999, CANARY]}
        ),
    )
    call = stripped(inner, addresses=True)
    assert isinstance(call, ModelCall)
    assert isinstance(call.payload, tuple)
    assert call.payload[1] == "vault://x"
    assert [len(str(each)) for each in call.payload] == [2048, 9]
    assert parse_facts(facts_bytes(replace(refund(), call=call))).call == call


def test_a_grant_says_again_what_it_said() -> None:
    """How far a grant covered the call is kept, since its constraints are the host's code."""
    refusing = {"refund": lambda *_: ("amount", "must be small"), "read": lambda *_: None}
    grant = Grant(
        id="g",
        holder="agent:support",
        tools=refusing,
        calls=3,
        sums={"amount": Decimal(5)},
        depth=1,
        expires_at=NOW + timedelta(hours=1),
    )
    decided = refund(amount=7)
    held = HeldGrant.of(grant, decided.call, decided.chain, Circumstances())
    again = held.again()
    assert (again.id, again.holder, again.calls, again.depth) == ("g", "agent:support", 3, 1)
    assert sorted(again.tools) == ["read", "refund"]
    assert again.tools["refund"]({}, decided.chain, {}) == ("amount", "must be small")


def test_a_ruling_names_the_profile_that_is_asked() -> None:
    """Which people are asked is a part of what a decision comes to."""
    decision = Decision(
        effect=Effect.APPROVE,
        policy="p",
        rule="r",
        obligations=(AskApproval(profile="leads"),),
    )
    ruling = Ruling.of(decision)
    assert ruling == Ruling(policy="p", effect=Effect.APPROVE, rule="r", profile="leads")
    assert ruling.refused(Reason.REFERENCE).effect is Effect.DENY
