# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do others say about a call that the policy lets happen?

The last part of step 3: the host's own predicate on the objects of a call, and the extra deciders
that the policy names. Both are asked only about calls that the policy allows or asks about, and
neither can make the answer milder.

INVARIANT: the strictest answer wins, and whatever is no answer denies
(tests/pipeline/test_consulting.py, tests/attacks/test_deciders.py).
INVARIANT: where a call is about objects, everybody in the chain is asked about, the person
included (tests/attacks/test_foreign_objects.py).
"""

from collections.abc import Generator, Iterable
from dataclasses import replace
from typing import Protocol, TypeAlias

from agentguard.errors import DeniedByPolicy
from agentguard.pipeline.steps import (
    AskDecider,
    CheckAccess,
    Flow,
    NoAnswer,
    Progress,
    obligation,
    perform,
)
from agentguard.policy import DeciderSpec
from agentguard.vocabulary import (
    AskApproval,
    Boundary,
    Call,
    CallAction,
    Caller,
    Circumstances,
    Decision,
    DecisionRequest,
    Effect,
    ModelCall,
    Obligation,
    Principal,
    Reason,
    RecordBeforeDispatch,
    ToolCall,
    Verdict,
    WithoutTools,
)

Questions: TypeAlias = Generator[DecisionRequest, object, Effect]


class Decider(Protocol):
    """An extra decider; it is asked from several threads at once."""

    def decide(self, request: DecisionRequest) -> Verdict:
        """Say whether what is asked may happen.

        The guard asks about ``call_unattended`` first, and about ``call_with_approval`` when that
        is denied; so an engine that only knows yes and no answers each question by itself.
        Whatever this raises denies the call, and so does an answer that comes too late or is no
        ``Verdict``. It is called in a thread of its own, which is left to itself when time is up.
        A decider that holds something open may have a method ``close``, called with the guard's.
        """


def check_access(
    progress: Progress, caller: Caller, call: Call, circumstances: Circumstances
) -> Flow[None]:
    """Refuse a call about an object that somebody in the chain may not reach.

    Raises:
        DeniedByPolicy: the host's predicate did not answer True for everybody.
    """
    resources = circumstances.resources
    if not progress.attempt.checks_access or not isinstance(call, ToolCall) or resources is None:
        return
    principals = caller.chain.principals
    try:
        without = yield from perform(CheckAccess(call, principals, resources))
    except Exception:  # noqa: BLE001 - the host's code may raise anything, and it may hold anything
        problem = "whether everybody behind the call may reach its objects cannot be said"
    else:
        if without is None:
            return
        problem = f"the call is about an object that {without.id!r} may not reach"
    progress.reason = Reason.RESOURCE_DENIED
    raise DeniedByPolicy(
        f"{problem}: tool {call.tool!r}",
        remedy="the function given as access= must return True for everybody in the chain",
    )


def consult(
    progress: Progress, caller: Caller, call: Call, circumstances: Circumstances
) -> Flow[None]:
    """Ask the extra deciders of a call, and take the strictest answer into its decision.

    Raises:
        DeniedByPolicy: one of them does not agree, or does not answer.
    """
    decision = progress.decision
    if decision is None:
        return
    for decider, requests in _questions(progress, caller, call, circumstances, decision):
        effect, problem = yield from _answered(decider, requests)
        if effect is Effect.APPROVE and isinstance(call, ToolCall):
            decision = _asking(progress, decider, decision)
        elif effect is Effect.APPROVE:
            effect, problem = Effect.DENY, "asks for approval, which model calls cannot"
        if effect is Effect.DENY:
            _refuse(progress, decider, problem)
        progress.decision = decision


def _answered(
    decider: DeciderSpec, requests: tuple[DecisionRequest, ...]
) -> Flow[tuple[Effect, str]]:
    try:
        effect = yield from perform(AskDecider(decider.name, requests))
    except NoAnswer as missing:
        return Effect.DENY, missing.problem
    except Exception as error:  # noqa: BLE001 - whatever failed, there is no answer
        return Effect.DENY, f"failed with {type(error).__name__}"
    return effect, "denies the call"


def _refuse(progress: Progress, decider: DeciderSpec, problem: str) -> None:
    progress.reason = Reason.DENIED_BY_DECIDER
    progress.notes["decider"] = decider.name
    raise DeniedByPolicy(f"decider {decider.name!r} {problem}")


def _asking(progress: Progress, decider: DeciderSpec, decision: Decision) -> Decision:
    """Return the decision as one that asks a person, by the profile of the decider's table.

    Where people are asked already, the profile with the larger need stays, as among rules.
    """
    profiles = progress.core.policy.profiles
    profile = None if decider.approval is None else profiles.get(decider.approval)
    asked = obligation(progress, AskApproval)
    if asked is not None and (profile is None or profile.need <= profiles[asked.profile].need):
        return decision
    if profile is None:
        progress.reason = Reason.DENIED_BY_DECIDER
        progress.notes["decider"] = decider.name
        raise DeniedByPolicy(
            f"decider {decider.name!r} asks for approval, and its table says of nobody whom to ask",
            remedy=f"name a profile: [[decider]] name = {decider.name!r}, approval = '...'",
        )
    kept = [each for each in decision.obligations if not isinstance(each, AskApproval)]
    duties: list[Obligation] = [*kept, AskApproval(profile=profile.name)]
    if not any(isinstance(each, RecordBeforeDispatch) for each in kept):
        duties.append(RecordBeforeDispatch())
    return replace(decision, effect=Effect.APPROVE, obligations=tuple(duties))


def _questions(
    progress: Progress,
    caller: Caller,
    call: Call,
    circumstances: Circumstances,
    decision: Decision,
) -> Iterable[tuple[DeciderSpec, tuple[DecisionRequest, ...]]]:
    """Yield each decider with what it is asked about a call."""
    needs = progress.core.needs
    if isinstance(call, ToolCall):
        deciders = needs.deciders.get(call.tool, ())
    else:
        deciders = needs.model_deciders
    hosted = _hosted(progress, call) if isinstance(call, ModelCall) else ()
    if not deciders and not hosted:
        return
    plain = _plain(progress, caller, call, circumstances, decision)
    requests = tuple(
        _about_model(progress, call, plain)
        if isinstance(call, ModelCall)
        else _about_tool(progress, caller, call, circumstances, plain)
    )
    for decider in deciders:
        yield decider, requests
    for tool in hosted:
        about = replace(
            plain,
            boundary=Boundary.TOOL,
            tool=tool,
            impact=progress.core.policy.tools[tool].impact,
            operation="execute_tool",
        )
        for decider in needs.deciders[tool]:
            yield decider, (about,)


def _hosted(progress: Progress, call: ModelCall) -> tuple[str, ...]:
    """Return the tools that stay in a request, would run at the provider, and have a decider.

    The guard does not see them run, so whoever is asked about their calls is asked now, without
    their definitions, which may hold keys of other services.
    """
    needs = progress.core.needs
    without = obligation(progress, WithoutTools)
    gone = frozenset[str]() if without is None else without.pointers
    kept = (each.type for each in call.hosted_tools if each.pointer not in gone)
    return tuple(dict.fromkeys(needs.hosted[name] for name in kept if name in needs.hosted))


def _plain(
    progress: Progress,
    caller: Caller,
    call: Call,
    circumstances: Circumstances,
    decision: Decision,
) -> DecisionRequest:
    """Return what every question about a call holds."""
    action = CallAction.CALL_UNATTENDED
    if obligation(progress, AskApproval) is not None:
        action = CallAction.CALL_WITH_APPROVAL
    return DecisionRequest(
        call_id=call.id,
        action=action,
        subject=caller.chain.actor,
        chain=caller.chain,
        boundary=call.boundary,
        environment=caller.environment,
        tenant=caller.tenant,
        session_key=caller.session_key,
        policy=decision.policy,
        now=progress.core.now() if circumstances.now is None else circumstances.now,
    )


def _about_tool(
    progress: Progress,
    caller: Caller,
    call: ToolCall,
    circumstances: Circumstances,
    plain: DecisionRequest,
) -> Iterable[DecisionRequest]:
    """Yield a question about the actor, or about everybody where a call is about objects."""
    spec = progress.core.policy.tools[call.tool]
    about = replace(
        plain,
        tool=call.tool,
        impact=spec.impact,
        arguments=call.resolved,
        resource_kind=spec.resource,
        resources=circumstances.resources or (),
        operation=call.operation,
    )
    subjects: tuple[Principal, ...] = (caller.chain.actor,)
    if about.resources:
        subjects = tuple(reversed(caller.chain.principals))
    for subject in subjects:
        yield replace(about, subject=subject)


def _about_model(
    progress: Progress, call: ModelCall, plain: DecisionRequest
) -> Iterable[DecisionRequest]:
    """Yield a question for each different call that a request holds."""
    asked: set[tuple[str, str]] = set()
    for each in (call, *call.inner):
        if (each.operation, each.model) in asked:
            continue
        asked.add((each.operation, each.model))
        provider = progress.core.policy.provider_of(each.origin)
        yield replace(
            plain,
            boundary=Boundary.MODEL,
            operation=each.operation,
            provider="" if provider is None else provider.id,
            model=each.model,
            references=call.references,
        )


def questions(requests: Iterable[DecisionRequest]) -> Questions:
    """Yield the questions to one decider; it is sent the answers, and returns the strictest.

    What may not happen unattended is asked again with a person's approval.

    Raises:
        NoAnswer: an answer is none.
    """
    strictest = Effect.ALLOW
    for request in requests:
        effect = _effect((yield request))
        if effect is Effect.DENY and request.action is CallAction.CALL_UNATTENDED:
            again = replace(request, action=CallAction.CALL_WITH_APPROVAL)
            effect = _effect((yield again))
            effect = Effect.APPROVE if effect is Effect.ALLOW else effect
        if effect is Effect.DENY:
            return effect
        if effect is Effect.APPROVE:
            strictest = effect
    return strictest


def _effect(answer: object) -> Effect:
    """Return what an answer says; nothing that merely looks like one counts."""
    if type(answer) is not Verdict or type(answer.effect) is not Effect:
        raise NoAnswer("gave an answer that is none")
    return answer.effect
