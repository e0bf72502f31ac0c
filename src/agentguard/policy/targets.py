# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools is a rule about?

Expands names, groups, globs and impacts once, at load. Whether they mean anything at all says
``rule_flaws``.
"""

from collections.abc import Callable, Iterable, Mapping

from agentguard.policy.document import GROUP, PolicyDocument, RuleSpec
from agentguard.policy.globs import Glob, is_glob
from agentguard.vocabulary import Impact


def finding_tools(document: PolicyDocument) -> Callable[[RuleSpec], tuple[str, ...]]:
    """Return what finds the tools that a rule of a document is about, in the document's order."""
    places = {tool.name: place for place, tool in enumerate(document.tools)}
    impacts = {tool.name: tool.impact for tool in document.tools}
    known: dict[tuple[tuple[str, ...], tuple[Impact, ...]], tuple[str, ...]] = {}

    def tools_of(rule: RuleSpec) -> tuple[str, ...]:
        key = rule.tools, rule.impacts
        if key not in known:
            found: Iterable[str] = ()
            if rule.tools:
                found = _named(rule.tools, document.tool_groups, places)
            elif rule.impacts:
                found = places
            wanted = [each for each in found if not rule.impacts or impacts[each] in rule.impacts]
            known[key] = tuple(sorted(wanted, key=places.__getitem__))
        return known[key]

    return tools_of


def tools_named(names: Iterable[str], document: PolicyDocument) -> frozenset[str]:
    """Return the declared tools behind names, groups and globs."""
    declared = {tool.name: place for place, tool in enumerate(document.tools)}
    return frozenset(_named(names, document.tool_groups, declared))


def _named(
    names: Iterable[str], groups: Mapping[str, tuple[str, ...]], declared: Mapping[str, int]
) -> set[str]:
    found: set[str] = set()
    for name in names:
        if name.startswith(GROUP):
            members = groups.get(name.removeprefix(GROUP), ())
            found.update(member for member in members if member in declared)
        elif is_glob(name):
            found.update(filter(Glob(name).matches, declared))
        elif name in declared:
            found.add(name)
    return found
