# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Did people agree to a call in advance?

Finds the step of a plan that foresees a call, has it used up with the call, and puts a plan into
force once the call that proposed it was approved. What a plan answers says ``policy.plans``.

INVARIANT: a plan that nobody approved is never in force, and one in force holds in its session,
under its policy and until it ends (tests/attacks/test_approved_plans.py).
"""

from datetime import timedelta

from agentguard.errors import DeniedByPolicy
from agentguard.pipeline.steps import Progress, obligation
from agentguard.policy.duties import charged
from agentguard.policy.plans import answers, charge_of, foreseen, live_plans, with_plan
from agentguard.session import Session
from agentguard.vocabulary import (
    Answer,
    ApprovalRequest,
    AskApproval,
    Call,
    Caller,
    Circumstances,
    Effect,
    Plan,
    Reason,
    TaskScope,
    ToolCall,
)


def plans_of(progress: Progress, caller: Caller, session: Session) -> tuple[Plan, ...]:
    """Return the plans that hold for a caller."""
    if not session.plans:
        return ()
    return live_plans(
        tuple(session.plans),
        policy=progress.core.policy.digest,
        session_key=caller.session_key,
        now=progress.core.now(),
    )


def planned_call(
    progress: Progress, caller: Caller, call: Call, session: Session, found: Circumstances
) -> Circumstances:
    """Note which step of a plan foresees a call, and return what is known with it."""
    progress.planned = None
    plans = plans_of(progress, caller, session)
    if not plans or not isinstance(call, ToolCall):
        return found
    progress.planned = foreseen(plans, call, caller.chain, found)
    return found if progress.planned is None else with_plan(found, progress.planned)


def scopes_left(progress: Progress, caller: Caller) -> tuple[TaskScope, ...]:
    """Return the scopes of a caller but those beyond which people let this call go."""
    if progress.planned is None:
        return caller.scopes
    widened = progress.planned.plan.widens
    return tuple(each for each in caller.scopes if each.id not in widened)


def use_step(progress: Progress) -> None:
    """Have the step used up by the call, with everything else that it uses up."""
    planned, decision = progress.planned, progress.decision
    if planned is None or decision is None or decision.effect is Effect.DENY:
        return
    progress.decision = charged(decision, (charge_of(planned),))
    progress.notes["plan"] = planned.plan.id
    progress.notes["plan_approval"] = planned.plan.approval


def is_answered(progress: Progress) -> bool:
    """Say whether the plan answers what would be asked about the call."""
    planned, decision = progress.planned, progress.decision
    if planned is None or decision is None or obligation(progress, AskApproval) is None:
        return False
    return answers(planned, decision, progress.core.policy.profiles)


def read_plan(progress: Progress, call: Call, claim: ApprovalRequest | None) -> None:
    """Read the plan that a call proposes, before it is put into force.

    Raises:
        ContentRefused: it cannot be read.
        DeniedByPolicy: nobody was asked about it.
    """
    if progress.attempt.plan is None or not isinstance(call, ToolCall):
        return
    policy = progress.core.policy
    if claim is None or not policy.tools[call.tool].plan:
        progress.reason = Reason.NOT_ALLOWLISTED
        raise DeniedByPolicy(
            "nobody was asked about the plan, so that it says nothing",
            remedy="let the rule of the tool for plans ask: then = 'approve'",
        )
    progress.steps = progress.attempt.plan(call.resolved, policy)


def note_plan(progress: Progress, session: Session, claim: ApprovalRequest | None) -> None:
    """Put the plan into force that a call proposed and people approved."""
    caller, call = progress.attempt.caller, progress.call
    if not progress.steps or claim is None or caller is None or not isinstance(call, ToolCall):
        return
    seconds = call.resolved["seconds"]
    now = progress.core.now()
    plan = Plan(
        id=call.id,
        steps=progress.steps,
        approval=claim.id,
        approvers=frozenset(each.approver for each in claim.votes if each.answer is Answer.APPROVE),
        policy=progress.core.policy.digest,
        session_key=caller.session_key,
        expires_at=now + timedelta(seconds=seconds if isinstance(seconds, int) else 0),
        widens=frozenset(each.id for each in caller.scopes),
    )
    session.follow(plan, now)
