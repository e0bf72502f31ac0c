# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Under which schema are the exported policies valid?

Every tool has actions of its own, so that the arguments of each have their types.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agentguard.policy import PolicyDocument
from agentguard.review.cedar import syntax
from agentguard.review.cedar.claims import claim_attributes
from agentguard.review.cedar.places import Fact, attribute
from agentguard.review.cedar.selecting import ASKED, HOSTED, MODEL, UNATTENDED, action_for
from agentguard.review.cedar.views import TYPES, View

_STRING, _LONG, _STRINGS = "String", "Long", "Set<String>"
_ENTITIES = """\
entity Group;
entity Identity in [Group] {
  name?: String,
  environments?: Set<String>,
};
entity Person in [Group] {
  name?: String,
  environments?: Set<String>,
};
entity ToolGroup;
entity Tool in [ToolGroup] {
  name: String,
  impact: String,
  definition?: String,
  environments?: Set<String>,
  kind?: String,
};
entity Provider {
  environments?: Set<String>,
};
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolReading:
    """What policies read of the calls of one tool.

    Attributes:
        views: by the name of an argument its views.
        ids: the views of the ids of objects.
        facts: what has to be found out, by the name of the argument; about ids by None.
    """

    views: Mapping[str, frozenset[View]]
    ids: frozenset[View]
    facts: Mapping[str | None, tuple[Fact, ...]]


def schema_of(
    document: PolicyDocument,
    tools: Mapping[str, ToolReading],
    views: Mapping[str, frozenset[View]],
    claims: Iterable[str],
) -> str:
    """Return the schema.

    Args:
        document: the policy.
        tools: what policies read of each tool.
        views: by the name of an argument the views that any policy reads.
        claims: the claims that are compared with.
    """
    everywhere = {
        "person?": "Person",
        "environment?": _STRING,
        "assurance": _LONG,
        "now?": _LONG,
        "expires?": _LONG,
        "claims": _record(
            {_optional(key): _STRINGS for name in claims for key in claim_attributes(name)}
        ),
        "spent": _record(
            {_optional(each.name): _LONG for each in document.limits if each.calls is not None}
        ),
        "facts": _STRINGS,
    }
    actions = [f'action "{action}";' for action in (UNATTENDED, ASKED, HOSTED)]
    for tool in sorted(document.tools, key=lambda tool: tool.name):
        for action in (HOSTED,) if tool.hosted else (UNATTENDED, ASKED):
            context = {**everywhere, **_tool_context(tools[tool.name], views)}
            name = syntax.text(action_for(action, tool.name))
            actions.append(f'action {name} in ["{action}"] {_applies("Tool", context)}')
    model = dict.fromkeys(("pair", "kind", "operation", "model"), _STRING)
    asked = {**everywhere, **model, "references": _STRINGS}
    actions.append(f'action "{MODEL}" {_applies("Provider", asked)}')
    return "\n".join([_ENTITIES, *actions, ""])


def _tool_context(reading: ToolReading, views: Mapping[str, frozenset[View]]) -> dict[str, str]:
    given = {
        _optional(attribute(name, view, views[name])): TYPES[view]
        for name, read in reading.views.items()
        for view in read
    }
    ids = {_optional(attribute("ids", view, frozenset())): TYPES[view] for view in reading.ids}
    return {
        "definition": _STRING,
        "names": _STRINGS,
        "input": _record(given),
        "resource": _record(ids),
    }


def _optional(name: str) -> str:
    return syntax.key(name) + "?"


def _applies(resource: str, context: Mapping[str, str]) -> str:
    return (
        f"appliesTo {{\n  principal: [Identity],\n  resource: [{resource}],\n"
        f"  context: {_record(context)},\n}};"
    )


def _record(members: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{name}: {members[name]}" for name in sorted(members)) + "}"
