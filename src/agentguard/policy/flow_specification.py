# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must become of a call for where its arguments come from, and for what was seen before?

The part of ``specification`` that is about origins and flows; it is read and compared with in the
same way.

INVARIANT: the compiled policy asks the same people about the same arguments
(tests/policy/test_specification.py).
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from agentguard.canonical import Frozen
from agentguard.policy.document import FlowSpec, PolicyDocument, RuleSpec, ToolSpec
from agentguard.policy.specified import SCALE, Situation, Specified, selects, stands_for
from agentguard.vocabulary import Effect, ToolCall

# --- where do the values of an argument come from?


def denied_elsewhere(rule: RuleSpec, now: Situation, arguments: Mapping[str, Frozen]) -> bool:
    """An argument must come from somewhere, comes from elsewhere, and nobody is asked for that."""
    return any(
        not _comes_from(each.name, each.origins, now, arguments)
        for each in rule.arguments
        if each.origins is not None and each.otherwise is Effect.DENY
    )


def in_doubt(rule: RuleSpec, now: Situation, arguments: Mapping[str, Frozen]) -> list[str]:
    """Return the arguments for which people are asked, since they come from elsewhere."""
    return [
        each.name
        for each in rule.arguments
        if each.origins is not None
        and each.otherwise is Effect.APPROVE
        and not _comes_from(each.name, each.origins, now, arguments)
    ]


def asking_if_in_doubt(rule: RuleSpec, now: Situation, arguments: Mapping[str, Frozen]) -> RuleSpec:
    """A rule that applies and allows asks instead where something is in doubt."""
    if rule.effect is Effect.ALLOW and in_doubt(rule, now, arguments):
        return replace(rule, effect=Effect.APPROVE)
    return rule


def _comes_from(
    name: str, accepted: Iterable[str], now: Situation, arguments: Mapping[str, Frozen]
) -> bool:
    """Of every value in the argument it is known, and one of its origins is accepted."""
    return name not in arguments or (
        _is_known(name, now, arguments)
        and all(
            set(accepted) & each.words or ("nowhere" in accepted and each.nowhere)
            for each in now.circumstances.origins.get(name, ())
        )
    )


def _is_known(name: str, now: Situation, arguments: Mapping[str, Frozen]) -> bool:
    """Of every text and number it is known where it comes from, and of names if there are any."""
    texts, names = _values_in(arguments[name])
    if name not in now.circumstances.origins:
        return texts + names == 0
    return texts <= len(now.circumstances.origins[name])


def is_elsewhere(
    name: str, accepted: Iterable[str], now: Situation, arguments: Mapping[str, Frozen]
) -> bool:
    """There are values, of each it is known, and none has or may have an accepted origin.

    Where a tool is accepted, what is untrusted or has no word may come from it. Where what stands
    nowhere is accepted, what is not untrusted and has no word but of consent may be that.
    """
    known = now.circumstances.origins.get(name, ())
    if name not in arguments or not known or not _is_known(name, now, arguments):
        return False
    doubted = any(each.untrusted or not each.words for each in known)
    if doubted and any(word.startswith("tool:") for word in accepted):
        return False
    unsure = any(not each.untrusted and each.words <= {"approved", "plan"} for each in known)
    if unsure and "nowhere" in accepted:
        return False
    return not any(set(accepted) & each.words for each in known)


def _values_in(value: Frozen) -> tuple[int, int]:
    """Count texts with something in them and numbers, at any depth, and names of members."""
    if isinstance(value, Mapping):
        members = [_values_in(member) for member in value.values()]
        return sum(each[0] for each in members), len(value) + sum(each[1] for each in members)
    if isinstance(value, tuple):
        items = [_values_in(item) for item in value]
        return sum(each[0] for each in items), sum(each[1] for each in items)
    if isinstance(value, str):
        return int(value != ""), 0
    return int(value is not None and not isinstance(value, bool)), 0


# --- flows: they are asked about what rules let happen, and only tighten


def after_flows(now: Situation, tool: ToolSpec, call: ToolCall, decided: Specified) -> Specified:
    """Return what the flows that apply make of what was decided about a call."""
    applying = [
        each
        for each in now.document.flows
        if flow_is_about(each, now, tool) and not meets(each, now, tool, call.resolved)
    ]
    strictest = min(applying, key=lambda each: _flow_mildness(each, now.document), default=None)
    if strictest is None:
        return decided
    if strictest.effect is Effect.DENY:
        return Specified(effect=Effect.DENY, rule=strictest.id)
    doubted = {name for each in applying for name in _doubted_by(each, now, tool, call.resolved)}
    decided = replace(decided, doubted=decided.doubted | doubted)
    asked = _mildness(Effect.APPROVE, decided.profile, now.document)
    if decided.effect is Effect.APPROVE and asked <= _flow_mildness(strictest, now.document)[:3]:
        return decided
    return replace(decided, effect=Effect.APPROVE, rule=strictest.id, profile=strictest.approval)


def _flow_mildness(flow: FlowSpec, document: PolicyDocument) -> tuple[int, int, str, str]:
    return (*_mildness(flow.effect, flow.approval, document), flow.id)


def _mildness(
    effect: Effect, profile: str | None, document: PolicyDocument
) -> tuple[int, int, str]:
    needs = {each.name: each.need for each in document.profiles}
    return -SCALE.index(effect), -needs.get(profile or "", 0), profile or ""


def flow_is_about(flow: FlowSpec, now: Situation, tool: ToolSpec) -> bool:
    """Say whether somebody who must be permitted, the tool and all that happened before fit."""
    if flow.who and not any(
        stands_for(name, agent.id, now.document) for name in flow.who for agent in now.chain.agents
    ):
        return False
    if flow.tools and not selects(flow.tools, tool, now.document):
        return False
    if flow.impacts and tool.impact not in flow.impacts:
        return False
    if flow.outward and not tool.outward:
        return False
    seen = now.circumstances.conversation
    return seen is None or set(flow.after) <= seen


def meets(
    flow: FlowSpec, now: Situation, tool: ToolSpec, arguments: Mapping[str, Frozen] | None
) -> bool:
    """Say whether a flow has conditions, and a call meets every one of them.

    Arguments that are not known come from nowhere.
    """
    met: list[bool] = []
    if (flow.targets_from, flow.addresses_from, flow.arguments_from) != (None, None, None):
        met.append(arguments is not None)
    given = arguments or {}
    if flow.targets_from is not None:
        met.append(bool(tool.targets))
        met += [_comes_from(each, flow.targets_from, now, given) for each in tool.targets]
    if flow.addresses_from is not None:
        met += [
            _carries_nothing(each, flow.addresses_from, now, given)
            for each in given
            if each not in tool.targets
        ]
    if flow.arguments_from is not None:
        met += [_comes_from(each, flow.arguments_from, now, given) for each in given]
    if flow.unless_asked:
        met.append(f"asked:{tool.name}" in (now.circumstances.conversation or ()))
    return bool(met) and all(met)


def _carries_nothing(
    name: str, accepted: Iterable[str], now: Situation, arguments: Mapping[str, Frozen]
) -> bool:
    known = now.circumstances.origins.get(name, ())
    return _is_known(name, now, arguments) and not any(
        each.carries or not all(set(accepted) & words for words in each.addresses) for each in known
    )


def _doubted_by(
    flow: FlowSpec, now: Situation, tool: ToolSpec, arguments: Mapping[str, Frozen]
) -> set[str]:
    """Return the arguments that do not meet a condition; without any, those of unknown origin."""
    found: set[str] = set()
    for accepted, names in (
        (flow.targets_from, tool.targets),
        (flow.arguments_from, tuple(arguments)),
    ):
        if accepted is not None:
            found |= {each for each in names if not _comes_from(each, accepted, now, arguments)}
    if flow.addresses_from is not None:
        found |= {
            each
            for each in arguments.keys() - set(tool.targets)
            if not _carries_nothing(each, flow.addresses_from, now, arguments)
        }
    if flow.unless_asked and f"asked:{tool.name}" not in (now.circumstances.conversation or ()):
        found.add("")
    conditions = (flow.targets_from, flow.addresses_from, flow.arguments_from)
    if conditions == (None, None, None) and not flow.unless_asked:
        told = set(tool.targets) & arguments.keys() if tool.targets else arguments.keys()
        anywhere = {
            word
            for origins in now.circumstances.origins.values()
            for each in origins
            for word in each.words
        }
        found |= {each for each in told if not _comes_from(each, anywhere, now, arguments)}
    return found


def hosted_after_flows(now: Situation, tool: ToolSpec) -> Specified | None:
    """What the model gives such a tool is never seen, and nobody can be asked about it."""
    applying = [
        each
        for each in now.document.flows
        if flow_is_about(each, now, tool) and not meets(each, now, tool, None)
    ]
    strictest = min(applying, key=lambda each: _flow_mildness(each, now.document), default=None)
    return None if strictest is None else Specified(effect=Effect.DENY, rule=strictest.id)
