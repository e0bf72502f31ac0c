# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is Cedar asked about a call?

Every agent of a chain must be permitted on its own, so Cedar is asked about each; and so is each
call inside a call, and each tool that would run at a provider. The strictest answer holds.

INVARIANT: what is not known is left out of a request, and no rule allows a call for want of it
(tests/review/test_cedar_oracle.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Any

from agentguard.canonical import LARGEST_INTEGER, Frozen
from agentguard.policy import HostedDenial, ToolSpec
from agentguard.policy.limits import Exceeded, charges_for, key_of_limit
from agentguard.policy.secret_stores import SecretStores
from agentguard.policy.specified import Situation
from agentguard.review.cedar.claims import claim_seen
from agentguard.review.cedar.exporting import NO_SECRETS, CedarPolicy
from agentguard.review.cedar.flowing import told_of
from agentguard.review.cedar.places import attribute
from agentguard.review.cedar.schema import ToolReading
from agentguard.review.cedar.selecting import (
    ASKED,
    HOSTED,
    MODEL,
    UNATTENDED,
    action_for,
    level,
    microseconds,
)
from agentguard.review.cedar.stated import IDS, has_room
from agentguard.review.cedar.views import seen
from agentguard.vocabulary import Call, Chain, Circumstances, ModelCall, ToolCall

Entity = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question to Cedar, about one agent of the chain.

    Attributes:
        principal: the agent.
        resource: the tool or the provider.
        unattended: the action that would be done without asking anybody.
        with_approval: the action that would be done once a person agreed; None where nobody can
            be asked.
        context: everything else, as Cedar's JSON.
    """

    principal: Entity
    resource: Entity
    unattended: Entity
    with_approval: Entity | None
    context: Mapping[str, Any]


def questions_about(
    policy: CedarPolicy,
    call: Call,
    chain: Chain,
    circumstances: Circumstances = Circumstances(),  # noqa: B008 - frozen: what is left out
) -> tuple[Question, ...] | None:
    """Return what Cedar is asked about a call, None for a call of what the policy does not name."""
    if isinstance(call, ToolCall):
        tool = next((each for each in policy.document.tools if each.name == call.tool), None)
        if tool is None or tool.hosted:
            return None
        given = _tool_context(policy, tool, call.resolved, call.definition)
        context = {**_everywhere(policy, chain, circumstances), **given}
        now = Situation(policy.document, call, chain, circumstances)
        context["facts"] = _facts(policy, tool, call.resolved, now)
        context["resource"] = _ids(policy.tools[tool.name], circumstances)
        return tuple(
            Question(
                principal=_entity("Identity", agent.id),
                resource=_entity("Tool", tool.name),
                unattended=_entity("Action", action_for(UNATTENDED, tool.name)),
                with_approval=_entity("Action", action_for(ASKED, tool.name)),
                context=context,
            )
            for agent in chain.agents
        )
    return _about_models(policy, call, chain, circumstances)


def _entity(kind: str, name: str) -> Entity:
    return {"type": kind, "id": name}


def _everywhere(policy: CedarPolicy, chain: Chain, circumstances: Circumstances) -> dict[str, Any]:
    context: dict[str, Any] = {
        "assurance": min(level(each.assurance) for each in chain.principals),
        "claims": {},
        "spent": {},
    }
    if chain.person is not None:
        context["person"] = {"__entity": _entity("Person", chain.person.id)}
    if circumstances.environment is not None:
        context["environment"] = circumstances.environment
    if circumstances.now is not None and circumstances.now.utcoffset() is not None:
        context["now"] = microseconds(circumstances.now)
    ends = [each.expires_at for each in chain.principals if each.expires_at is not None]
    if ends:
        context["expires"] = min(map(microseconds, ends))
    for name in policy.claims:
        context["claims"].update(claim_seen(name, chain))
    for limit in policy.document.limits:
        spent = circumstances.spent.get(key_of_limit(limit.name))
        if limit.calls is not None and spent is not None:
            context["spent"][limit.name] = _whole(spent)
    return context


def _whole(spent: Decimal) -> int:
    return min(int(spent.to_integral_value(rounding=ROUND_CEILING)), LARGEST_INTEGER)


def _tool_context(
    policy: CedarPolicy, tool: ToolSpec, arguments: Mapping[str, Frozen], definition: str
) -> dict[str, Any]:
    given = {}
    for name, views in policy.tools[tool.name].views.items():
        if name in arguments:
            for view in views:
                value = seen(view, arguments[name])
                if value is not None:
                    given[attribute(name, view, policy.views[name])] = value
    return {"definition": definition, "names": sorted(arguments), "input": given}


def _ids(reading: ToolReading, circumstances: Circumstances) -> dict[str, Any]:
    if circumstances.resources is None:
        return {}
    return {
        attribute(IDS, view, frozenset()): seen(view, circumstances.resources)
        for view in reading.ids
    }


def _facts(
    policy: CedarPolicy,
    tool: ToolSpec,
    arguments: Mapping[str, Frozen],
    now: Situation,
) -> list[str]:
    chain, circumstances = now.chain, now.circumstances
    told = list(told_of(now, tool, arguments, circumstances))
    for name, facts in policy.tools[tool.name].facts.items():
        value: Frozen
        if name is None and circumstances.resources is not None:
            value = circumstances.resources
        elif name is not None and name in arguments:
            value = arguments[name]
        else:
            continue
        told += [fact.text for fact in facts if fact.holds(value, chain, circumstances)]
    named = SecretStores(policy.document.secret_stores).named_in(arguments, circumstances.paths)
    return told + _general_facts(policy, arguments, circumstances, named)


def _general_facts(
    policy: CedarPolicy,
    arguments: Mapping[str, Frozen],
    circumstances: Circumstances,
    secrets: str | None,
) -> list[str]:
    document = policy.document
    told = [
        has_room(limit)
        for limit in document.limits
        if limit.calls is None
        and not isinstance(charges_for((limit,), arguments, circumstances.spent), Exceeded)
    ]
    if document.secret_stores and secrets is None:
        told.append(NO_SECRETS)
    return told


def _about_models(
    policy: CedarPolicy, call: ModelCall, chain: Chain, circumstances: Circumstances
) -> tuple[Question, ...] | None:
    made: list[Question] = []
    # What one of them refers to is asked of the rules of all, so that one rule must do.
    parts = (call, *(replace(inner, references=call.references) for inner in call.inner))
    secrets = SecretStores(policy.document.secret_stores).reached_by(call, circumstances.paths)
    for counted, part in enumerate(parts):
        provider = next((p for p in policy.document.providers if p.serves(part.origin)), None)
        if provider is None:
            return None
        context = _everywhere(policy, chain, circumstances)
        context["spent"] = {name: spent + counted for name, spent in context["spent"].items()}
        context |= {
            "pair": part.pair,
            "kind": part.kind.value,
            "operation": part.operation,
            "model": part.model,
            "references": sorted(part.references),
            "facts": _general_facts(policy, {}, circumstances, secrets),
        }
        made += [
            Question(
                principal=_entity("Identity", agent.id),
                resource=_entity("Provider", provider.id),
                unattended=_entity("Action", MODEL),
                with_approval=None,
                context=context,
            )
            for agent in chain.agents
        ]
        for hosted in _about_hosted(policy, part, chain, circumstances):
            if hosted is None:
                return None
            made.append(hosted)
    return tuple(made)


def _about_hosted(
    policy: CedarPolicy, call: ModelCall, chain: Chain, circumstances: Circumstances
) -> Iterator[Question | None]:
    """Yield a question for each tool that would run at the provider, None for an unknown one."""
    may_go = policy.document.hosted_denial is HostedDenial.REMOVE
    for hosted in call.hosted_tools:
        if hosted.removable and may_go:
            continue
        tool = next((each for each in policy.document.tools if hosted.type in each.hosted), None)
        if tool is None:
            yield None
            continue
        context = _everywhere(policy, chain, circumstances)
        context |= _tool_context(policy, tool, hosted.arguments, "")
        now = Situation(policy.document, call, chain, circumstances)
        context["facts"] = _facts(policy, tool, hosted.arguments, now)
        context["resource"] = _ids(policy.tools[tool.name], circumstances)
        for agent in chain.agents:
            yield Question(
                principal=_entity("Identity", agent.id),
                resource=_entity("Tool", tool.name),
                unattended=_entity("Action", action_for(HOSTED, tool.name)),
                with_approval=None,
                context=context,
            )
