# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a rule say of tools what cannot be said of them, or of something else than tools?"""

from collections.abc import Collection, Iterator

from agentguard.policy.constraints import EqualsClaim, Holder
from agentguard.policy.document import GROUP, PolicyDocument, RuleSpec, ToolSpec
from agentguard.policy.flaws import NAME, Flaw, Path
from agentguard.policy.globs import Glob, is_glob
from agentguard.policy.limit_flaws import counting_flaws
from agentguard.policy.targets import finding_tools
from agentguard.vocabulary import Effect, Impact


def tool_rule_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of rules as far as they are about tools, and of groups of tools."""
    yield from _groups(document)
    declared = {tool.name: tool for tool in document.tools}
    limits = {limit.name: limit for limit in document.limits}
    find = finding_tools(document)
    for index, rule in enumerate(document.rules):
        path: Path = ("rule", index)
        tools = tuple(declared[name] for name in find(rule))
        yield from selection_flaws((*path, "tool"), rule.tools, document.tool_groups, declared)
        if rule.impacts and not tools:
            yield Flaw((*path, "impact"), "no tool that the rule could be about has such an impact")
        yield from _belonging(path, rule)
        yield from _held(path, rule, tools)
        yield from _resources(path, rule, tools)
        yield from _shadow(path, rule, tools)
        yield from counting_flaws(path, rule, tools, limits)


def selection_flaws(
    path: Path, names: tuple[str, ...], groups: Collection[str], declared: Collection[str]
) -> Iterator[Flaw]:
    """Find names, groups and globs that stand for no declared tool."""
    for name in names:
        if name.startswith(GROUP):
            if name.removeprefix(GROUP) not in groups:
                yield Flaw(path, f"group {name!r} is not declared in [tool_groups]", name)
        elif is_glob(name):
            if not any(map(Glob(name).matches, declared)):
                yield Flaw(path, f"no declared tool fits {name!r}", name)
        elif name not in declared:
            yield Flaw(path, f"tool {name!r} is not declared: add a [[tool]]", name)


def _groups(document: PolicyDocument) -> Iterator[Flaw]:
    declared = {tool.name for tool in document.tools}
    for name, members in document.tool_groups.items():
        if not NAME.fullmatch(name):
            yield Flaw(("tool_groups", name), f"must be a name, not {name!r}")
        if not members:
            yield Flaw(("tool_groups", name), "must have a member")
        for index, member in enumerate(members):
            if member not in declared:
                yield Flaw(
                    ("tool_groups", name, index), f"tool {member!r} is not declared: add a [[tool]]"
                )


def _belonging(path: Path, rule: RuleSpec) -> Iterator[Flaw]:
    """Find keys of rules about tools in a rule about providers, and of others in one that denies."""
    if not rule.tools and not rule.impacts:
        for key, given in (("args", rule.arguments), ("resource", rule.resource)):
            if given:
                yield Flaw((*path, key), "belong to a rule that names a tool")
    if rule.effect is Effect.DENY and rule.assurance is not None:
        message = "belongs to 'allow' and 'approve': demand more there instead of denying the rest"
        yield Flaw((*path, "assurance"), message)
    if rule.effect is not Effect.DENY and not rule.persons:
        for each in rule.arguments:
            if isinstance(each.constraint, EqualsClaim) and each.constraint.holder is Holder.PERSON:
                message = "there is no person in a call that is made for nobody: add 'for'"
                yield Flaw((*path, "args", each.name), message)


def _held(path: Path, rule: RuleSpec, tools: tuple[ToolSpec, ...]) -> Iterator[Flaw]:
    """Find rules that would hold what cannot be held."""
    if rule.effect is not Effect.APPROVE:
        return
    for tool in tools:
        if tool.hosted:
            message = (
                f"tool {tool.name!r} runs at the provider and cannot be held: use 'allow' or 'deny'"
            )
            if "mcp" in tool.hosted:
                message += "; demand args.require_approval = { const = 'always' }"
            if tool.name not in rule.tools:
                message += "; name the other tools here one by one"
            yield Flaw((*path, "then"), message)


def _resources(path: Path, rule: RuleSpec, tools: tuple[ToolSpec, ...]) -> Iterator[Flaw]:
    if rule.resource is None:
        return
    for tool in tools:
        if tool.resource is None:
            message = f"tool {tool.name!r} is about no object: add resource = '...' to its [[tool]]"
            yield Flaw((*path, "resource"), message)


def _shadow(path: Path, rule: RuleSpec, tools: tuple[ToolSpec, ...]) -> Iterator[Flaw]:
    if rule.shadow_until is None:
        if rule.shadow_irreversible:
            yield Flaw((*path, "shadow_irreversible"), "belongs to 'shadow_until'")
        return
    if rule.shadow_irreversible:
        return
    for tool in tools:
        if tool.impact is Impact.IRREVERSIBLE:
            message = (
                f"tool {tool.name!r} is irreversible, and the rule is not carried out until then:"
                " say shadow_irreversible = true if that is meant"
            )
            yield Flaw((*path, "shadow_until"), message)
