# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools is a rule about?

Expands names, groups, globs and impacts once, at load. Whether they mean anything at all says
``rule_flaws``.
"""

from collections.abc import Callable, Iterable

from agentguard.policy.document import GROUP, PolicyDocument, RuleSpec
from agentguard.policy.globs import Glob, is_glob
from agentguard.vocabulary import Impact


def tools_named(names: Iterable[str], document: PolicyDocument) -> frozenset[str]:
    """Return the declared tools behind names, groups and globs."""
    declared = [tool.name for tool in document.tools]
    found: set[str] = set()
    for name in names:
        if name.startswith(GROUP):
            found.update(document.tool_groups.get(name.removeprefix(GROUP), ()))
        elif is_glob(name):
            found.update(filter(Glob(name).matches, declared))
        else:
            found.add(name)
    return frozenset(found.intersection(declared))


def finding_tools(document: PolicyDocument) -> Callable[[RuleSpec], tuple[str, ...]]:
    """Return what finds the tools that a rule of a document is about, in the document's order."""
    impacts = {tool.name: tool.impact for tool in document.tools}
    known: dict[tuple[tuple[str, ...], tuple[Impact, ...]], tuple[str, ...]] = {}

    def tools_of(rule: RuleSpec) -> tuple[str, ...]:
        key = rule.tools, rule.impacts
        if key not in known:
            named = tools_named(rule.tools, document) if rule.tools else impacts.keys()
            wanted = rule.impacts or (tuple(Impact) if rule.tools else ())
            known[key] = tuple(
                name for name, impact in impacts.items() if name in named and impact in wanted
            )
        return known[key]

    return tools_of
