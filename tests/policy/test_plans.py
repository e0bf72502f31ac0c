# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""When does a plan foresee a call, and which questions does it answer?"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agentguard.canonical import Frozen
from agentguard.policy import ArgumentSpec, IntBetween
from agentguard.policy.constraints import PathBelow
from agentguard.policy.plans import (
    Foreseen,
    account_scope,
    answers,
    charge_of,
    foreseen,
    keys_of_plans,
    live_plans,
    roots_planned,
    with_plan,
)
from agentguard.policy.scopes import target_form
from agentguard.vocabulary import (
    ApprovalProfile,
    Approver,
    AskApproval,
    Chain,
    Circumstances,
    Decision,
    Doubt,
    Effect,
    Origins,
    Plan,
    PlanStep,
    Principal,
    PrincipalKind,
    TellDoubts,
    ToolCall,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
CHAIN = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))
TO_BOB = Foreseen(
    exact={"to": target_form("bob")},
    others=(ArgumentSpec(name="amount", constraint=IntBetween(low=1, high=9)),),
)
STEP = PlanStep(tool="pay", covers=TO_BOB, fixed=frozenset({"to"}), times=2)
PLAN = Plan(
    id="p1",
    steps=(replace(STEP, tool="look"), STEP),
    approval="r1",
    approvers=frozenset({"user:carol"}),
    policy="d",
    session_key="s",
    expires_at=NOW + HOUR,
)


def called(**arguments: Frozen) -> ToolCall:
    """Return a call that pays."""
    return ToolCall(id="c", tool="pay", definition="d", received=arguments, resolved=arguments)


def knowing(used: int | None = 0) -> Circumstances:
    """Return circumstances in which a step was used so often."""
    spent: Mapping[str, Decimal] = {} if used is None else {"plan:p1:1": Decimal(used)}
    return Circumstances(now=NOW, spent=spent)


def test_a_step_foresees_what_it_says_as_often_as_it_says() -> None:
    """The first step that fits is found, until it is used up or nobody knows whether it is."""
    found = foreseen([PLAN], called(to="bob", amount=5), CHAIN, knowing(1))
    assert found is not None
    assert (found.place, found.step) == (1, STEP)
    charge = charge_of(found)
    assert (charge.key, charge.amount, charge.most) == ("plan:p1:1", Decimal(1), Decimal(2))
    assert keys_of_plans([PLAN], "pay") == ("plan:p1:1",)
    for used in (2, 3, None):
        assert foreseen([PLAN], called(to="bob", amount=5), CHAIN, knowing(used)) is None


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": "bob"},
        {"amount": 5},
        {"to": "bob", "amount": 10},
        {"to": "bob", "amount": 5, "cc": "eve"},
        {"to": ("bob",), "amount": 5},
        {"to": "eve", "amount": 5},
    ],
)
def test_nothing_else_is_foreseen(arguments: dict[str, Any]) -> None:
    """A missing, another or a further argument is no part of the plan."""
    assert foreseen([PLAN], called(**arguments), CHAIN, knowing()) is None


def test_a_plan_holds_for_its_time_policy_and_session() -> None:
    """At its end, under another policy and in another session there is no plan."""
    here = {"policy": "d", "session_key": "s", "now": NOW}
    assert live_plans([PLAN], **here) == (PLAN,)  # type: ignore[arg-type]  # a dict of all three
    for elsewhere in ({"policy": "e"}, {"session_key": "t"}, {"now": NOW + HOUR}):
        assert live_plans([PLAN], **{**here, **elsewhere}) == ()  # type: ignore[arg-type]  # as above


def test_only_what_stands_in_the_plan_comes_from_it() -> None:
    """A value that the step leaves open does not come from the plan."""
    planned = foreseen([PLAN], called(to="bob", amount=5), CHAIN, knowing())
    assert planned is not None
    seen = Origins(untrusted=True, carries=True, addresses=(frozenset(),))
    known = replace(knowing(), origins={"to": (seen,), "amount": (seen,)})
    found = with_plan(known, planned).origins
    assert found["to"][0].words == {"plan"}
    assert found["to"][0].addresses == (frozenset({"plan"}),)
    assert not found["to"][0].carries
    assert found["amount"] == (seen,)


def profile(*approvers: str, need: int = 1) -> ApprovalProfile:
    """Return who is asked."""
    return ApprovalProfile(
        name="asked",
        approvers=tuple(Approver(id=each, key="k") for each in approvers),
        need=need,
        decide_within=HOUR,
        execute_within=HOUR,
        wait=timedelta(0),
    )


@pytest.mark.parametrize(
    ("asked", "doubted", "answered"),
    [
        (profile("user:carol"), [], True),
        (profile("user:carol", "user:dora"), [], True),
        (profile("user:dora"), [], False),
        (profile("user:carol", "user:dora", need=2), [], False),
        (profile("user:carol"), ["to"], True),
        (profile("user:carol"), [""], True),
        (profile("user:carol"), ["to", "amount"], False),
    ],
)
def test_a_plan_answers_what_its_approvers_could_answer(
    asked: ApprovalProfile,
    doubted: list[str],
    answered: bool,  # noqa: FBT001 - what a row says
) -> None:
    """Others would have to agree, and what is in doubt and left open is still asked about."""
    planned = foreseen([PLAN], called(to="bob", amount=5), CHAIN, knowing())
    assert planned is not None
    duties = (
        AskApproval(profile="asked"),
        TellDoubts(doubts=tuple(Doubt(argument=each, told="x") for each in doubted)),
    )
    decision = Decision(effect=Effect.APPROVE, policy="d", rule="r", obligations=duties)
    assert answers(planned, decision, {"asked": asked}) is answered


def test_folders_of_a_plan_are_resolved() -> None:
    """Folders that a step names are among what must be looked up."""
    below = Foreseen(
        exact={}, others=(ArgumentSpec(name="file", constraint=PathBelow(roots=("/srv",))),)
    )
    step = replace(STEP, covers=below, roots=below.roots)
    assert roots_planned([replace(PLAN, steps=(step,))], "pay") == {"/srv"}
    assert roots_planned([PLAN], "pay") == frozenset()


def test_an_account_of_a_plan_is_the_plans_own() -> None:
    """Keys of other accounts belong to no plan."""
    assert account_scope("plan:p1:1") == "p1"
    assert account_scope("limit:plan:p1") is None
