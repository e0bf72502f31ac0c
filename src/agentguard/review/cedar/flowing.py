# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does Cedar decide about where arguments come from, and about flows?

Cedar cannot find out either, so both are facts; one that is not told denies. A rule that allows
or else asks becomes two: one that allows where nothing is in doubt, and one that asks where
something is.

INVARIANT: Cedar decides as agentguard does (tests/review/test_cedar_oracle.py).
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from agentguard.canonical import Frozen
from agentguard.policy import ArgumentSpec, FlowSpec, PolicyDocument, RuleSpec, ToolSpec
from agentguard.policy.flow_specification import flow_is_about, meets
from agentguard.policy.flows import tools_of_flow
from agentguard.policy.sourcing import comes_from, is_elsewhere
from agentguard.policy.specified import Situation
from agentguard.review.cedar import syntax
from agentguard.review.cedar.selecting import ASKED, HOSTED, UNATTENDED
from agentguard.vocabulary import Circumstances, Effect


def in_parts(rules: Iterable[RuleSpec]) -> Iterator[RuleSpec]:
    """Yield rules as Cedar is told them.

    An origin with ``else = "approve"`` is left only in the part of a rule that asks for it.
    """
    for rule in rules:
        in_doubt = [each for each in rule.arguments if _asks(each)]
        if not in_doubt:
            yield rule
        elif rule.effect is Effect.ALLOW:
            certain = tuple(replace(each, otherwise=Effect.DENY) for each in rule.arguments)
            yield replace(rule, arguments=certain)
            if rule.shadow_until is None:  # one that allows in shadow is never in force
                yield replace(rule, effect=Effect.APPROVE)
        else:
            plain = (replace(e, origins=None) if _asks(e) else e for e in rule.arguments)
            yield replace(rule, arguments=tuple(plain))


def origin_conditions(rule: RuleSpec) -> list[str]:
    """Return the conditions that arguments come from where a rule, or its part, wants them."""
    wanted = [each for each in rule.arguments if each.origins is not None and not _asks(each)]
    found = [_told(_comes_from(each)) for each in wanted]
    in_doubt = [_told(_comes_from(each)) for each in rule.arguments if _asks(each)]
    return [*found, syntax.negated(syntax.all_of(in_doubt))] if in_doubt else found


def certainly_elsewhere(rule: RuleSpec) -> list[str]:
    """Return the conditions each of which keeps a rule from denying for an origin."""
    return [_told(_elsewhere(each)) for each in rule.arguments if each.origins is not None]


def flow_statements(document: PolicyDocument) -> list[str]:
    """Return the policies that deny, or hold, a call that a flow applies to."""
    made = []
    for flow in document.flows:
        condition = syntax.negated(_told(_is_met(flow)))
        actions = [UNATTENDED]
        if flow.effect is Effect.DENY:
            actions.append(ASKED)
        if any(tool.hosted for tool in _tools(flow, document)):
            actions.append(HOSTED)
        held = [each for each in actions if each == HOSTED or _runs_here(flow, document)]
        if held:
            every = syntax.set_of(syntax.entity("Action", each) for each in held)
            head = ("principal", f"action in {every}", "resource")
            made.append(syntax.statement("forbid", head, [condition], {"flow": flow.id}))
    return made


def flow_facts(document: PolicyDocument) -> set[str]:
    """Return the facts about origins and flows that Cedar must be told."""
    found = {_is_met(flow) for flow in document.flows}
    for rule in document.rules:
        for each in rule.arguments:
            if each.origins is not None:
                denies = rule.effect is Effect.DENY
                found.add(_elsewhere(each) if denies else _comes_from(each))
    return found


def told_of(
    now: Situation, tool: ToolSpec, arguments: Mapping[str, Frozen], circumstances: Circumstances
) -> Iterator[str]:
    """Yield the facts about origins and flows that hold for a call of a tool."""
    origins = circumstances.origins
    for rule in now.document.rules:
        for each in rule.arguments:
            if each.origins is None:
                continue
            if comes_from(each.origins, each.name, arguments, origins):
                yield _comes_from(each)
            if is_elsewhere(each.origins, each.name, arguments, origins):
                yield _elsewhere(each)
    for flow in now.document.flows:
        given = None if tool.hosted else arguments
        if not flow_is_about(flow, now, tool) or meets(flow, now, tool, given):
            yield _is_met(flow)


def _asks(argument: ArgumentSpec) -> bool:
    return argument.origins is not None and argument.otherwise is Effect.APPROVE


def _told(fact: str) -> str:
    return f"context.facts.contains({syntax.text(fact)})"


def _comes_from(argument: ArgumentSpec) -> str:
    return f"{argument.name} comes from {_listed(argument)}"


def _elsewhere(argument: ArgumentSpec) -> str:
    return f"{argument.name} certainly comes from none of {_listed(argument)}"


def _listed(argument: ArgumentSpec) -> str:
    return json.dumps(sorted(argument.origins or ()))


def _is_met(flow: FlowSpec) -> str:
    return f"flow {flow.id} does not apply"


def _tools(flow: FlowSpec, document: PolicyDocument) -> list[ToolSpec]:
    named = tools_of_flow(flow, document)
    return [tool for tool in document.tools if tool.name in named]


def _runs_here(flow: FlowSpec, document: PolicyDocument) -> bool:
    return any(not tool.hosted for tool in _tools(flow, document))
