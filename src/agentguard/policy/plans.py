# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a plan that people approved foresee a call, and need nobody be asked again?

A plan answers questions that rules and flows ask; it allows nothing that no rule allows. What it
leaves open and comes from nowhere that counts is asked about like before.

INVARIANT: no denial becomes milder by a plan (tests/policy/test_plans.py).
INVARIANT: nobody is left out who would have to agree: those who approved the plan could have
approved the call (same file).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal

from agentguard.canonical import Frozen
from agentguard.policy.constraints import roots_in
from agentguard.policy.document import ArgumentSpec
from agentguard.policy.grants import Covered, uncovered
from agentguard.policy.scopes import target_form
from agentguard.vocabulary import (
    ApprovalProfile,
    AskApproval,
    Chain,
    Charge,
    Circumstances,
    Decision,
    Origins,
    Plan,
    PlannedCall,
    TellDoubts,
    ToolCall,
)

PLAN = "plan"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Foreseen:
    """What a step of a plan says of arguments.

    Attributes:
        exact: the forms of those whose very value stands in the plan.
        others: those that are told in the words of rules.
    """

    exact: Mapping[str, bytes] = field(repr=False)
    others: tuple[ArgumentSpec, ...] = field(repr=False)

    def __call__(
        self, arguments: Mapping[str, Frozen], chain: Chain, paths: Mapping[str, str | None]
    ) -> tuple[str, str] | None:
        """Return what is not foreseen, without what it holds."""
        for name, form in self.exact.items():
            if name not in arguments or target_form(arguments[name]) != form:
                return "args", "is not as the plan says"
        rest = {name: value for name, value in arguments.items() if name not in self.exact}
        return Covered(arguments=self.others, by=PLAN)(rest, chain, paths)

    @property
    def roots(self) -> frozenset[str]:
        """The folders that arguments are compared with."""
        return frozenset(roots_in(self.others))


def live_plans(
    plans: Iterable[Plan], *, policy: str, session_key: str, now: datetime
) -> tuple[Plan, ...]:
    """Return the plans that hold here and now."""
    return tuple(
        each
        for each in plans
        if each.policy == policy and each.session_key == session_key and now < each.expires_at
    )


def keys_of_plans(plans: Iterable[Plan], tool: str) -> tuple[str, ...]:
    """Return the keys of the accounts of the steps that foresee calls of a tool."""
    return tuple(
        _key(plan, place)
        for plan in plans
        for place, step in enumerate(plan.steps)
        if step.tool == tool
    )


def roots_planned(plans: Iterable[Plan], tool: str) -> frozenset[str]:
    """Return the folders that plans compare a tool's arguments with."""
    steps = (step for plan in plans for step in plan.steps if step.tool == tool)
    return frozenset().union(*(step.roots for step in steps))


def foreseen(
    plans: Iterable[Plan], call: ToolCall, chain: Chain, circumstances: Circumstances
) -> PlannedCall | None:
    """Return the first step that foresees a call and is not used up, None if none does."""
    for plan in plans:
        for place, step in enumerate(plan.steps):
            if step.tool != call.tool:
                continue
            used = circumstances.spent.get(_key(plan, place))
            if used is None or used >= step.times:
                continue
            if uncovered(step.covers, call.resolved, chain, circumstances) is None:
                return PlannedCall(plan=plan, place=place)
    return None


def charge_of(planned: PlannedCall) -> Charge:
    """Return what a call uses up of the step that foresees it."""
    key = _key(planned.plan, planned.place)
    return Charge(key=key, amount=Decimal(1), most=Decimal(planned.step.times))


def with_plan(circumstances: Circumstances, planned: PlannedCall) -> Circumstances:
    """Return circumstances in which values that stand in the plan count as coming from it."""
    origins = {
        name: tuple(map(_planned, values)) if name in planned.step.fixed else values
        for name, values in circumstances.origins.items()
    }
    return replace(circumstances, origins=origins)


def _planned(origins: Origins) -> Origins:
    return replace(
        origins,
        words=origins.words | {PLAN},
        carries=False,
        addresses=tuple(each | {PLAN} for each in origins.addresses),
    )


def answers(
    planned: PlannedCall, decision: Decision, profiles: Mapping[str, ApprovalProfile]
) -> bool:
    """Say whether a plan answers what is asked about a call.

    Those who approved it must be enough of those who are asked, and what is in doubt must stand
    in the plan itself.
    """
    for duty in decision.obligations:
        if isinstance(duty, AskApproval):
            profile = profiles[duty.profile]
            agreed = planned.plan.approvers & {each.id for each in profile.approvers}
            if len(agreed) < profile.need:
                return False
        if isinstance(duty, TellDoubts):
            doubted = {each.argument for each in duty.doubts} - {""}
            if not doubted <= planned.step.fixed:
                return False
    return True


def account_scope(key: str) -> str | None:
    """Return what an account of a plan belongs to, None for the key of another."""
    kind, _, rest = key.partition(":")
    return rest.partition(":")[0] if kind == PLAN else None


def _key(plan: Plan, place: int) -> str:
    return f"{PLAN}:{plan.id}:{place}"
