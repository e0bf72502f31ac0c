# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which identities, tools and providers does Cedar know, and in which groups?"""

from collections.abc import Iterable
from typing import Any

from agentguard.policy import Glob, PolicyDocument, RuleSpec, ToolSpec
from agentguard.review.cedar.selecting import GROUP
from agentguard.vocabulary import PrincipalKind


def entities_of(document: PolicyDocument) -> list[dict[str, Any]]:
    """Return the entities of a policy as Cedar's JSON."""
    return [
        *_somebody(document),
        *(_entity("Group", name) for name in sorted(document.groups)),
        *(_entity("ToolGroup", name) for name in sorted(document.tool_groups)),
        *(_tool(tool, document) for tool in sorted(document.tools, key=lambda each: each.name)),
        *(
            _entity("Provider", each.id, attrs=_environments(each.environments))
            for each in sorted(document.providers, key=lambda each: each.id)
        ),
    ]


def _somebody(document: PolicyDocument) -> Iterable[dict[str, Any]]:
    """Return identities, and persons: those that are declared and those that are in groups."""
    declared = {identity.id: identity for identity in document.identities}
    members = {member for group in document.groups.values() for member in group}
    for name in sorted(declared.keys() | members):
        parents = [("Group", group) for group in document.groups if name in document.groups[group]]
        attrs: dict[str, Any] = {}
        if name in declared:
            attrs = {"name": name, **_environments(declared[name].environments)}
            yield _entity("Identity", name, parents, attrs)
        if name.startswith(f"{PrincipalKind.USER}:"):
            yield _entity("Person", name, parents, attrs)


def _tool(tool: ToolSpec, document: PolicyDocument) -> dict[str, Any]:
    groups = document.tool_groups
    parents = [("ToolGroup", group) for group in groups if tool.name in groups[group]]
    attrs = {"name": tool.name, "impact": tool.impact.value, **_environments(tool.environments)}
    if tool.definition is not None:
        attrs["definition"] = tool.definition
    if tool.resource is not None:
        attrs["kind"] = tool.resource
    return _entity("Tool", tool.name, parents, attrs)


def _environments(names: frozenset[str]) -> dict[str, Any]:
    return {"environments": sorted(names)} if names else {}


def _entity(
    kind: str,
    name: str,
    parents: Iterable[tuple[str, str]] = (),
    attrs: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "uid": {"type": kind, "id": name},
        "attrs": attrs or {},
        "parents": [{"type": parent, "id": each} for parent, each in sorted(parents)],
    }


def is_about(rule: RuleSpec, tool: ToolSpec, document: PolicyDocument) -> bool:
    """Say whether a rule may be about a tool, so that its arguments belong into the schema."""
    if rule.impacts and tool.impact not in rule.impacts:
        return False
    if not rule.tools:
        return bool(rule.impacts)
    return any(
        tool.name in document.tool_groups.get(name.removeprefix(GROUP), ())
        if name.startswith(GROUP)
        else Glob(name).matches(tool.name)
        for name in rule.tools
    )
