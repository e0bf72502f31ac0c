# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a policy declare that nothing in it uses?"""

from collections.abc import Iterable, Iterator

from agentguard.policy.document import GROUP, PolicyDocument, ToolSpec
from agentguard.policy.flaws import Flaw
from agentguard.policy.rules import expand
from agentguard.policy.targets import finding_tools


def unused_doubts(document: PolicyDocument) -> tuple[Flaw, ...]:
    """Return the doubts about what a document without flaws declares and does not use.

    A policy without rules allows nothing, and nothing in it is doubted for that.
    """
    if not document.rules:
        return ()
    checks = (_tools, _identities, _providers, _groups, _measures, _environments)
    return tuple(flaw for check in checks for flaw in check(document))


def _tools(document: PolicyDocument) -> Iterator[Flaw]:
    """Find tools that nobody may run, though it is said how they run.

    One of which only the impact is said is declared to be refused by its name.
    """
    find = finding_tools(document)
    named = {name for rule in document.rules for name in find(rule)}
    for index, tool in enumerate(document.tools):
        plain = ToolSpec(name=tool.name, impact=tool.impact)
        if tool.name not in named and tool != plain:
            yield Flaw(("tool", index, "name"), f"no rule names {tool.name!r}: nobody may run it")


def _identities(document: PolicyDocument) -> Iterator[Flaw]:
    acting = expand((name for rule in document.rules for name in rule.who), document)
    for index, identity in enumerate(document.identities):
        if identity.id not in acting and not identity.id.startswith("user:"):
            message = f"no rule names {identity.id!r}: it may do nothing"
            yield Flaw(("identity", index, "id"), message)


def _providers(document: PolicyDocument) -> Iterator[Flaw]:
    reached = {name for rule in document.rules for name in rule.providers}
    for index, provider in enumerate(document.providers):
        if provider.id not in reached:
            message = f"no rule names {provider.id!r}: nobody may call it"
            yield Flaw(("provider", index, "id"), message)


def _groups(document: PolicyDocument) -> Iterator[Flaw]:
    people = _groups_in(name for rule in document.rules for name in (*rule.who, *rule.persons))
    people |= _groups_in(name for flow in document.flows for name in flow.who)
    for name in document.groups:
        if name not in people:
            yield Flaw(("groups", name), f"no rule names 'group:{name}'")
    of_rules = _groups_in(name for rule in document.rules for name in rule.tools)
    of_flows = _groups_in(name for flow in document.flows for name in flow.tools)
    of_deciders = _groups_in(name for decider in document.deciders for name in decider.tools)
    for name in document.tool_groups:
        if name not in of_rules | of_deciders | of_flows:
            yield Flaw(("tool_groups", name), f"no rule names 'group:{name}'")


def _measures(document: PolicyDocument) -> Iterator[Flaw]:
    """Find limits and approval profiles that no rule names."""
    counted = {name for rule in document.rules for name in rule.limits}
    for limit in document.limits:
        if limit.name not in counted:
            yield Flaw(("limit", limit.name), "limits nothing: no rule names it in 'limits'")
    asked = {rule.approval for rule in document.rules}
    asked.update(decider.approval for decider in document.deciders)
    asked.update(flow.approval for flow in document.flows)
    for profile in document.profiles:
        if profile.name not in asked:
            message = "nobody is asked: no rule names it in 'approval'"
            yield Flaw(("approval", profile.name), message)


def _environments(document: PolicyDocument) -> Iterator[Flaw]:
    tied: set[str] = set()
    tied.update(*(each.environments for each in document.identities))
    tied.update(*(each.environments for each in document.tools))
    tied.update(*(each.environments for each in document.rules))
    tied.update(*(each.environments for each in document.classes))
    tied.update(*(each.environments for each in document.providers))
    for index, name in enumerate(document.environments):
        if name not in tied:
            yield Flaw(("environments", index), f"nothing is tied to {name!r}")


def _groups_in(names: Iterable[str]) -> set[str]:
    return {name.removeprefix(GROUP) for name in names if name.startswith(GROUP)}
