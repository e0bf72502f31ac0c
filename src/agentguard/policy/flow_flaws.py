# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a flow apply, and can what it demands be met?

Finds flaws, and doubts about flows and about the tools that they should be about.
"""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from agentguard.policy.constraints import DecimalBetween, IntBetween, NumberBetween
from agentguard.policy.document import FlowSpec, PolicyDocument, ToolSpec
from agentguard.policy.flaws import (
    NAME,
    Flaw,
    Path,
    declared_identities,
    duplicates,
    undeclared,
)
from agentguard.policy.flows import ASKED, tools_of_flow
from agentguard.policy.origin_flaws import word_flaws
from agentguard.policy.rule_flaws import who_flaws
from agentguard.policy.schema_fit import shape_of
from agentguard.policy.sourcing import NOWHERE, TOOL
from agentguard.policy.targets import finding_tools
from agentguard.policy.tool_rule_flaws import selection_flaws
from agentguard.vocabulary import Effect, Impact, Remember

_UNTRUSTED = "untrusted"
_CLASS, _FAMILY = "class:", "family:"
_KINDS = (_UNTRUSTED, f"{_CLASS}NAME", f"{_FAMILY}NAME", f"{TOOL}NAME")
_MOST_SHOWN = 3
_NUMBERS = (IntBetween, NumberBetween, DecimalBetween)


def flow_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of a document's flows."""
    yield from duplicates("flow", "id", (each.id for each in document.flows))
    rules = {each.id for each in document.rules}
    declared = declared_identities(document)
    tools = {tool.name: tool for tool in document.tools}
    for index, flow in enumerate(document.flows):
        path: Path = ("flow", index)
        if not NAME.fullmatch(flow.id):
            yield Flaw((*path, "id"), f"must be a name, not {flow.id!r}")
        if flow.id in rules:
            yield Flaw((*path, "id"), f"{flow.id!r} is the id of a rule, too")
        if flow.who:
            yield from who_flaws((*path, "who"), flow.who, document.groups, declared)
        yield from selection_flaws((*path, "tool"), flow.tools, document.tool_groups, tools)
        about = [tools[name] for name in tools_of_flow(flow, document)]
        if not about and all(name in tools for name in flow.tools):
            yield Flaw(path, "is about no tool that is declared")
        yield from state_flaws((*path, "after"), flow.after, document)
        yield from _conditions(path, flow, about, document)
        yield from _effect(path, flow, {each.name for each in document.profiles})


def state_flaws(path: Path, words: Iterable[str], document: PolicyDocument) -> Iterator[Flaw]:
    """Find words for what a conversation has seen that none ever will be known to have.

    Args:
        path: the key that holds them.
        words: the words.
        document: the policy.
    """
    known = {
        _CLASS: {each.name for each in document.classes},
        _FAMILY: {each.family for each in document.classes},
        TOOL: {each.name for each in document.tools if not each.hosted},
    }
    possible = [_UNTRUSTED, *(f"{kind}{name}" for kind in known for name in sorted(known[kind]))]
    for word in words:
        if word in possible:
            continue
        if word.startswith(ASKED):
            message = "is no state to wait for: use unless_asked = true"
        else:
            near = get_close_matches(word, possible, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f": expected {', '.join(_KINDS)}"
            message = f"{word!r} is nothing that a conversation is known to have seen{hint}"
        yield Flaw(path, message, word)


def _conditions(
    path: Path, flow: FlowSpec, tools: list[ToolSpec], document: PolicyDocument
) -> Iterator[Flaw]:
    for key in ("targets_from", "addresses_from", "arguments_from"):
        words = getattr(flow, key)
        if words is not None:
            yield from word_flaws((*path, key), words, document)
    if NOWHERE in (flow.addresses_from or ()):
        message = "'nowhere' is about numbers and dates: an address always comes from somewhere"
        yield Flaw((*path, "addresses_from"), message, NOWHERE)
    for tool in tools if flow.unless_asked else ():
        if not tool.verbs:
            message = f"tool {tool.name!r} has no 'verbs': say with which words people ask for it"
            yield Flaw((*path, "unless_asked"), message)


def _effect(path: Path, flow: FlowSpec, profiles: set[str]) -> Iterator[Flaw]:
    asks = flow.effect is Effect.APPROVE
    if asks and flow.approval is None:
        yield Flaw((*path, "approval"), "is needed with then = 'approve'")
    if not asks and flow.approval is not None:
        yield Flaw((*path, "approval"), "belongs to then = 'approve' only")
    if not asks and flow.remember is not Remember.VALUE:
        yield Flaw((*path, "remember"), "belongs to then = 'approve' only")
    if flow.approval is not None and flow.approval not in profiles:
        yield Flaw((*path, "approval"), undeclared("approval profile", flow.approval, "approval"))


def _computed_targets(document: PolicyDocument) -> Iterator[Flaw]:
    """Find targets in texts that may stand nowhere."""
    tools = {tool.name: tool for tool in document.tools}
    find = finding_tools(document)
    for index, rule in enumerate(document.rules):
        for each in rule.arguments if rule.effect is not Effect.DENY else ():
            if NOWHERE not in (each.origins or ()) or isinstance(each.constraint, _NUMBERS):
                continue
            named = [name for name in find(rule) if each.name in _texts_among(tools[name])]
            if named:
                yield Flaw(("rule", index, "args", each.name, "from"), _pieces(named))
    for index, flow in enumerate(document.flows):
        if NOWHERE in (flow.targets_from or ()):
            named = [name for name in tools_of_flow(flow, document) if _texts_among(tools[name])]
            if named:
                yield Flaw(("flow", index, "targets_from"), _pieces(named))


def _pieces(tools: list[str]) -> str:
    return (
        f"takes what the model put together for where {_shown(tools)} has its effect, and who"
        " dictates the pieces dictates the whole: accept 'nowhere' for amounts, dates and counts"
    )


def _texts_among(tool: ToolSpec) -> list[str]:
    """Return the targets of a tool that its schema does not declare as numbers."""
    shape = None if tool.schema is None else shape_of(tool.schema)
    known = {} if shape is None else shape.properties
    found = []
    for name in tool.targets:
        schema = known.get(name)
        kind = schema.get("type") if isinstance(schema, Mapping) else None
        if kind not in {"number", "integer"}:
            found.append(name)
    return found


def flow_doubts(document: PolicyDocument) -> Iterator[Flaw]:
    """Find what is probably not meant about flows, and about tools that have effects."""
    tools = {tool.name: tool for tool in document.tools}
    find = finding_tools(document)
    lets = {n for rule in document.rules if rule.effect is not Effect.DENY for n in find(rule)}
    for index, flow in enumerate(document.flows):
        about = [tools[name] for name in tools_of_flow(flow, document)]
        yield from (Flaw(("flow", index, *path), message) for path, message in _odd(flow, about))
        if lets.isdisjoint(tool.name for tool in about):
            message = f"can never apply: no rule lets anybody run {_shown([t.name for t in about])}"
            yield Flaw(("flow", index), message)
    yield from _unwatched(document)
    yield from _computed_targets(document)


def _odd(flow: FlowSpec, tools: list[ToolSpec]) -> Iterator[tuple[tuple[str, ...], str]]:
    blank = [tool.name for tool in tools if not tool.targets]
    if flow.targets_from is not None and blank:
        yield (
            ("targets_from",),
            f"{_shown(blank)} has no 'targets': the flow applies to every such call",
        )
    at_provider = [tool.name for tool in tools if tool.hosted]
    if at_provider and flow.effect is Effect.APPROVE:
        yield (
            ("then",),
            f"{_shown(at_provider)} runs at the provider and cannot be held: it is denied instead",
        )


def _unwatched(document: PolicyDocument) -> Iterator[Flaw]:
    """Find tools with effects of which nothing asks where these land.

    Only where a policy speaks of origins at all; one that does not is of another kind.
    """
    watched = _watched(document)
    speaks = bool(document.flows) or any(
        each.origins is not None for rule in document.rules for each in rule.arguments
    )
    find = finding_tools(document)
    running = {n for each in document.rules if each.effect is not Effect.DENY for n in find(each)}
    for index, tool in enumerate(document.tools):
        path: Path = ("tool", index)
        if tool.targets and tool.name not in watched:
            message = "nothing asks where they come from: no 'from' of a rule, and no [[flow]]"
            yield Flaw((*path, "targets"), message)
        elif speaks and not tool.targets and not tool.hosted and tool.name in running - watched:
            kind = "is irreversible" if tool.impact is Impact.IRREVERSIBLE else ""
            kind = "sends something out" if tool.outward else kind
            if kind:
                message = f"{kind}, and no argument says where: add targets = [...]"
                yield Flaw((*path, "name"), message)


def _watched(document: PolicyDocument) -> set[str]:
    """Return the tools about whose targets, or about all of which, a rule or a flow asks."""
    found = {name for flow in document.flows for name in tools_of_flow(flow, document)}
    targets = {tool.name: set(tool.targets) for tool in document.tools}
    find = finding_tools(document)
    for rule in document.rules:
        asked = {each.name for each in rule.arguments if each.origins is not None}
        found.update(name for name in find(rule) if asked & targets[name])
    return found


def _shown(names: list[str]) -> str:
    more = len(names) - _MOST_SHOWN
    shown = ", ".join(map(repr, names[:_MOST_SHOWN])) + (f" and {more} more" if more > 0 else "")
    return f"tool {shown}"
