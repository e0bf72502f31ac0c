# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a call keep within the grants of its caller, and what does it use up of them?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.canonical import Frozen
from agentguard.policy import Anything, ArgumentSpec, Const, IntBetween, OneOf, ToolSpec
from agentguard.policy.constraints import EqualsClaim, Holder, PathBelow
from agentguard.policy.grants import (
    Covered,
    charges_of,
    covered_tools,
    grant_problem,
    roots_of,
)
from agentguard.vocabulary import (
    Chain,
    Circumstances,
    Grant,
    HostedTool,
    Impact,
    Kind,
    ModelCall,
    Nearest,
    Principal,
    PrincipalKind,
    ToolCall,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
CHAIN = Chain(
    principals=(
        Principal(id="user:alice", kind=PrincipalKind.USER, claims={"customer": "C-1"}),
        Principal(id="agent:helper", kind=PrincipalKind.AGENT),
    )
)
PAY = Covered(
    arguments=(
        ArgumentSpec(name="amount", constraint=IntBetween(low=1, high=100)),
        ArgumentSpec(name="to", constraint=Const(value="canary-iban")),
        ArgumentSpec(name="note", constraint=Anything(), optional=True),
    )
)
SEARCH = Covered(arguments=None)
HOSTED = {
    "web_search": ToolSpec(name="web", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"}))
}


def grant(**changes: Any) -> Grant:
    """Return a grant that covers payments and any search."""
    usual: dict[str, Any] = {
        "id": "g1",
        "holder": "agent:helper",
        "tools": {"pay": PAY, "search": SEARCH},
        "expires_at": NOW + timedelta(hours=1),
    }
    return Grant(**{**usual, **changes})


def paid(**arguments: Frozen) -> ToolCall:
    """Return a call of the payment tool."""
    return called("pay", {"amount": 5, "to": "canary-iban", **arguments})


def called(tool: str, arguments: Mapping[str, Frozen]) -> ToolCall:
    """Return a call of a tool."""
    return ToolCall(id="c", tool=tool, received=arguments, resolved=arguments, definition="d")


def asked(*hosted: HostedTool, inner: tuple[ModelCall, ...] = ()) -> ModelCall:
    """Return a call of a model, with tools that would run at the provider."""
    return ModelCall(
        id="c",
        origin="https://provider.example",
        verb="POST",
        path="/chat/completions",
        kind=Kind.INFERENCE,
        operation="chat",
        model="m",
        payload={},
        hosted_tools=hosted,
        inner=inner,
    )


def web(**arguments: Frozen) -> HostedTool:
    """Return a search that would run at the provider."""
    return HostedTool(type="web_search", pointer="/tools/0", arguments=arguments, removable=True)


def problem(call: ToolCall | ModelCall, *grants: Grant, **circumstances: Any) -> Nearest | None:
    """Return what a call does not keep within."""
    usual: dict[str, Any] = {"now": NOW, "grants": grants}
    return grant_problem(call, CHAIN, Circumstances(**{**usual, **circumstances}), HOSTED)


def test_what_a_grant_covers_is_no_problem() -> None:
    """Listed arguments that fit, with and without the optional one, and any other tool's."""
    assert problem(paid(), grant()) is None
    assert problem(paid(note="x"), grant()) is None
    assert problem(called("search", {"q": "anything"}), grant()) is None
    assert problem(paid()) is None


@pytest.mark.parametrize(
    "arguments",
    [
        {"amount": 101},
        {"amount": 0},
        {"amount": "5"},
        {"amount": True},
        {"amount": 5.0},
        {"amount": None},
        {"to": "canary-other"},
        {"canary": 1},
        {"canary more words": 1},
    ],
)
def test_what_a_grant_does_not_cover_is_told_without_what_it_holds(
    arguments: dict[str, Frozen],
) -> None:
    """Values, unlisted arguments and what the grant demands are not repeated."""
    found = problem(paid(**arguments), grant())
    assert found is not None
    assert found.rule == "grant for agent:helper"
    assert "canary" not in repr(found)


def test_a_missing_argument_and_an_unlisted_tool_are_not_covered() -> None:
    """What a grant does not speak of is not handed over."""
    missing = problem(called("pay", {"amount": 5}), grant())
    assert missing is not None
    assert missing.constraint == "args.to"
    unlisted = problem(called("delete", {}), grant())
    assert unlisted is not None
    assert "delete" not in repr(unlisted)


def test_a_mapping_without_arguments_covers_none() -> None:
    """An empty table lets the tool be called without arguments only."""
    empty = grant(tools={"search": Covered(arguments=())})
    assert problem(called("search", {}), empty) is None
    assert problem(called("search", {"q": "x"}), empty) is not None


def test_every_grant_must_cover_the_call() -> None:
    """The narrower one decides, wherever it stands."""
    narrow = grant(id="g2", tools={"search": SEARCH})
    for grants in ((grant(), narrow), (narrow, grant())):
        assert problem(paid(), *grants) is not None
        assert problem(called("search", {}), *grants) is None


def test_a_grant_covers_nothing_when_it_ends_or_nobody_knows_the_time() -> None:
    """Tools and models alike; without a time zone a time is none."""
    for call in (paid(), asked()):
        for now in (None, NOW + timedelta(hours=1), NOW.replace(tzinfo=None)):
            assert problem(call, grant(), now=now) is not None
        assert problem(call, grant(), now=NOW + timedelta(minutes=59)) is None


def test_a_grant_that_cannot_be_asked_covers_nothing() -> None:
    """An error while a grant is asked refuses, and its text is not repeated."""

    def broken(*_: object) -> None:
        raise ValueError("canary")

    found = problem(paid(), grant(tools={"pay": broken}))
    assert found is not None
    assert "canary" not in repr(found)


def test_constraints_of_a_grant_know_the_caller_and_the_files() -> None:
    """Claims are those of the chain, and paths count as they were resolved."""
    own = grant(
        tools={
            "orders": Covered(
                arguments=(
                    ArgumentSpec(
                        name="customer",
                        constraint=EqualsClaim(holder=Holder.PERSON, claim="customer"),
                    ),
                )
            ),
            "open": Covered(
                arguments=(ArgumentSpec(name="file", constraint=PathBelow(roots=("/srv/a",))),)
            ),
        }
    )
    assert problem(called("orders", {"customer": "C-1"}), own) is None
    assert problem(called("orders", {"customer": "C-2"}), own) is not None
    opened = called("open", {"file": "/srv/a/x"})
    known = {"/srv/a": "/srv/a", "/srv/a/x": "/srv/a/x"}
    assert problem(opened, own, paths=known) is None
    assert problem(opened, own, paths={**known, "/srv/a/x": "/etc/x"}) is not None
    assert problem(opened, own) is not None
    assert roots_of([own, grant()], "open") == {"/srv/a"}
    assert roots_of([own, grant()], "orders") == frozenset()


def test_tools_at_the_provider_must_be_covered_too() -> None:
    """By their definitions, in requests inside a request as well; an unknown type is covered by none."""
    covering = grant(
        tools={
            "web": Covered(
                arguments=(
                    ArgumentSpec(name="size", constraint=OneOf(options=("low",)), optional=True),
                )
            )
        }
    )
    assert problem(asked(), grant()) is None
    assert problem(asked(web()), covering) is None
    assert problem(asked(inner=(asked(web()),)), covering) is None
    for refused in (
        asked(web(size="high")),
        asked(inner=(asked(), asked(web(size="high")))),
        asked(replace(web(), type="canary_type")),
    ):
        assert "canary" not in repr(problem(refused, covering))
        assert problem(refused, covering) is not None
    assert problem(asked(web()), grant()) is not None


def test_what_runs_at_the_provider_cannot_be_counted() -> None:
    """A grant for a number of calls, or for a sum, covers no tool that the guard does not see run."""
    for counted in ({"calls": 5}, {"sums": {"amount": Decimal(5)}}):
        covering = grant(tools={"web": SEARCH}, **counted)
        assert problem(asked(web()), covering) is not None
        assert problem(asked(), covering) is None


def test_a_call_uses_up_of_every_grant() -> None:
    """One call each, and what the argument says; a tool without the argument adds nothing."""
    first = grant(calls=3, sums={"amount": Decimal(100)})
    second = grant(id="g2", calls=2)
    charges = {each.key: (each.amount, each.most) for each in charges_of((first, second), paid())}
    assert charges == {
        "grant:g1:calls": (Decimal(1), Decimal(3)),
        "grant:g1:sum:amount": (Decimal(5), Decimal(100)),
        "grant:g2:calls": (Decimal(1), Decimal(2)),
    }
    assert charges_of((first, second), asked()) == ()


def test_a_tool_that_cannot_have_the_argument_adds_nothing() -> None:
    """A grant adds up an argument over the tools that it lists it for."""
    other = Covered(arguments=(ArgumentSpec(name="q", constraint=Anything()),))
    covering = grant(tools={"pay": PAY, "search": other}, sums={"amount": Decimal(100)})
    call = called("search", {"q": "x"})
    assert charges_of((covering,), call) == ()
    assert problem(call, covering) is None


def test_an_argument_that_no_rule_listed_is_added_up_where_it_is_there() -> None:
    """What rules that came later let a tool have is counted under a grant that was made before."""
    before = Covered(arguments=None, without=frozenset({"amount"}))
    covering = grant(tools={"pay": before}, sums={"amount": Decimal(100)})
    spent = {"grant:g1:sum:amount": Decimal(0)}
    assert problem(called("pay", {}), covering, spent=spent) is None
    assert problem(called("pay", {"amount": 100}), covering, spent=spent) is None
    assert problem(called("pay", {"amount": 101}), covering, spent=spent) is not None


@pytest.mark.parametrize("amount", [None, "five", True, -1, float("inf"), "1e3"])
def test_what_cannot_be_added_up_is_not_covered(amount: Frozen) -> None:
    """A missing argument counts as one that cannot be added up, since its default is not known."""
    free = grant(tools={"pay": SEARCH}, sums={"amount": Decimal(100)})
    spent = {"grant:g1:sum:amount": Decimal(0)}
    assert problem(called("pay", {"amount": amount}), free, spent=spent) is not None
    assert problem(called("pay", {}), free, spent=spent) is not None
    assert problem(called("pay", {"amount": 100}), free, spent=spent) is None


def test_a_grant_that_is_used_up_covers_nothing() -> None:
    """The last call and the last amount fit, one more does not; what is not known is used up."""
    covering = grant(calls=3, sums={"amount": Decimal(100)})
    calls, sums = "grant:g1:calls", "grant:g1:sum:amount"
    assert problem(paid(), covering, spent={calls: Decimal(2), sums: Decimal(95)}) is None
    for spent in (
        {calls: Decimal(3), sums: Decimal(0)},
        {calls: Decimal(0), sums: Decimal("95.01")},
        {calls: Decimal(0)},
        {},
    ):
        assert problem(paid(), covering, spent=spent) is not None


def test_only_what_every_grant_covers_is_offered() -> None:
    """Without grants everything stays."""
    tools = frozenset({"pay", "search", "delete"})
    assert covered_tools((), tools) == tools
    assert covered_tools((grant(),), tools) == {"pay", "search"}
    assert covered_tools((grant(), grant(tools={"search": SEARCH})), tools) == {"search"}


AMOUNTS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


@given(
    arguments=st.dictionaries(st.sampled_from(["amount", "to", "note", "x"]), AMOUNTS),
    highs=st.lists(st.integers(1, 200), min_size=1, max_size=4),
)
def test_another_grant_never_covers_more(arguments: dict[str, Frozen], highs: list[int]) -> None:
    """What is a problem under some grants is one under more of them."""
    grants = [
        grant(
            id=f"g{high}",
            tools={
                "pay": Covered(
                    arguments=(
                        ArgumentSpec(name="amount", constraint=IntBetween(low=1, high=high)),
                        ArgumentSpec(name="to", constraint=Anything(), optional=True),
                    )
                )
            },
        )
        for high in highs
    ]
    call = called("pay", arguments)
    covered = [problem(call, *grants[:count]) is None for count in range(len(grants) + 1)]
    assert covered == sorted(covered, reverse=True)
