# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a policy in Cedar?

Policies, a schema that they are valid under, and the entities that they name. What Cedar cannot
find out by itself is a fact in its requests; one that is not told denies. What a policy file says
about content is no part of it.

INVARIANT: Cedar decides as agentguard does (tests/review/test_cedar_oracle.py).
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from agentguard.policy import PolicyDocument, RuleSpec
from agentguard.review.cedar import syntax
from agentguard.review.cedar.entities import entities_of, is_about
from agentguard.review.cedar.flowing import flow_facts, flow_statements, in_parts
from agentguard.review.cedar.places import Place
from agentguard.review.cedar.schema import ToolReading, schema_of
from agentguard.review.cedar.selecting import (
    ASKED,
    MODEL,
    UNATTENDED,
    tools_named,
    within_environments,
)
from agentguard.review.cedar.stated import (
    IDS,
    RESOURCE,
    Places,
    has_room,
    limiting,
    places_of,
    some_ids,
    statements,
)
from agentguard.review.cedar.views import View

NO_SECRETS = "names no place of secrets"


@dataclass(frozen=True, slots=True, kw_only=True)
class CedarPolicy:
    """A policy in Cedar.

    Attributes:
        document: the policy that it was made from.
        policies: Cedar's policies.
        schema: the schema that they are valid under.
        entities: the entities, as JSON.
        views: by the name of an argument the views that any policy reads.
        tools: what policies read of each tool.
        claims: the claims that are compared with.
    """

    document: PolicyDocument
    policies: str
    schema: str
    entities: str
    views: Mapping[str, frozenset[View]]
    tools: Mapping[str, ToolReading]
    claims: frozenset[str]

    @property
    def asked_for(self) -> tuple[str, ...]:
        """The facts that Cedar cannot find out, so that whoever asks it must; sorted."""
        document = self.document
        found = {
            fact.text
            for tool in self.tools.values()
            for facts in tool.facts.values()
            for fact in facts
        }
        found |= {has_room(limit) for limit in document.limits if limit.calls is None}
        found |= {
            agrees(e.name, action) for e in document.deciders for action in (UNATTENDED, ASKED)
        }
        found |= flow_facts(document)
        return tuple(sorted(found | ({NO_SECRETS} if document.secret_stores else set())))


def export_to_cedar(document: PolicyDocument) -> CedarPolicy:
    """Return a policy in Cedar."""
    rules = sorted(in_parts(document.rules), key=lambda rule: rule.id)
    hosted = frozenset(tool.name for tool in document.tools if tool.hosted)
    views = _views(rules, hosted)
    places = {rule.id: places_of(rule, views, hosted) for rule in rules}
    ids = Place(IDS, RESOURCE, holds_several=True)
    written = _always(document, ids)
    written += [text for rule in rules for text in statements(rule, places[rule.id])]
    parts = replace(document, rules=tuple(rules))
    written += [text for rule in rules for text in limiting(rule, parts, places)]
    written += flow_statements(document)
    tools = {
        tool.name: _reading(
            [places[rule.id] for rule in rules if is_about(rule, tool, document)], ids
        )
        for tool in document.tools
    }
    claims = frozenset(
        claim
        for each in places.values()
        for place in (*each.arguments.values(), each.ids)
        for claim in place.claims
    )
    return CedarPolicy(
        document=document,
        policies="\n".join(written),
        schema=schema_of(document, tools, views, claims),
        entities=json.dumps(entities_of(document), indent=1, ensure_ascii=True) + "\n",
        views=views,
        tools=tools,
        claims=claims,
    )


def _views(rules: Iterable[RuleSpec], hosted: frozenset[str]) -> dict[str, frozenset[View]]:
    """Return by the name of an argument the views that any policy reads."""
    views: dict[str, set[View]] = {}
    for rule in rules:
        places = places_of(rule, {}, hosted)
        statements(rule, places)
        for name, place in places.arguments.items():
            views.setdefault(name, set()).update(place.read)
    return {name: frozenset(read) for name, read in views.items()}


def _reading(about: list[Places], ids: Place) -> ToolReading:
    views: dict[str, set[View]] = {}
    facts: dict[str | None, dict[str, Any]] = {}
    of_ids = set(ids.read)
    for places in about:
        for name, place in places.arguments.items():
            views.setdefault(name, set()).update(place.read)
            facts.setdefault(name, {}).update(place.facts)
        of_ids |= places.ids.read
        facts.setdefault(None, {}).update(places.ids.facts)
    return ToolReading(
        views={name: frozenset(read) for name, read in views.items()},
        ids=frozenset(of_ids),
        facts={name: tuple(few.values()) for name, few in facts.items() if few},
    )


def _always(document: PolicyDocument, ids: Place) -> list[str]:
    """Return the policies that hold whatever the rules say."""
    everything = ("principal", "action", "resource")
    calls = ("principal", f'action in [Action::"{UNATTENDED}", Action::"{ASKED}"]', "resource")

    def forbidden(note: str, condition: str, head: tuple[str, str, str] = everything) -> str:
        return syntax.statement("forbid", head, [condition], {"always": note})

    here = "context has environment && {0}.environments.contains(context.environment)"
    elsewhere = "{0} has environments && !(" + here + ")"
    made = [
        forbidden("who is not declared may do nothing", "!(principal has name)"),
        forbidden(
            "nobody acts longer than it is known who they are",
            "context has expires && !(context has now && context.now < context.expires)",
        ),
    ]
    if document.environments:
        within = within_environments(document.environments)
        made += [
            forbidden("a call is made in an environment", f"!({within})"),
            forbidden("not in this environment", elsewhere.format("principal")),
            forbidden("not in this environment", elsewhere.format("resource")),
            forbidden(
                "not in this environment",
                "context has person && " + elsewhere.format("context.person"),
            ),
        ]
    if document.tools:
        made += [
            forbidden(
                "the definition is the pinned one",
                "resource has definition && resource.definition != context.definition",
                calls,
            ),
            forbidden(
                "it is known which objects a call is about",
                f"resource has kind && {syntax.negated(some_ids(ids))}",
                calls,
            ),
        ]
    if document.secret_stores:
        fact = f"context.facts.contains({syntax.text(NO_SECRETS)})"
        made.append(forbidden("places of secrets are out of reach", syntax.negated(fact)))
    return [*made, *_deciders(document)]


def _deciders(document: PolicyDocument) -> list[str]:
    """Return the policies that deny what an extra decider was not found to let happen."""
    made = []
    for each in document.deciders:
        unattended = f"context.facts.contains({syntax.text(agrees(each.name, UNATTENDED))})"
        asked = f"context.facts.contains({syntax.text(agrees(each.name, ASKED))})"
        for action, said in ((UNATTENDED, [unattended]), (ASKED, [unattended, asked])):
            head = ("principal", f"action in [{syntax.entity('Action', action)}]", "resource")
            conditions = [*tools_named(each.tools), syntax.negated(syntax.any_of(said))]
            made.append(syntax.statement("forbid", head, conditions, {"decider": each.name}))
        if each.models:
            head = ("principal", f"action == {syntax.entity('Action', MODEL)}", "resource")
            conditions = [syntax.negated(unattended)]
            made.append(syntax.statement("forbid", head, conditions, {"decider": each.name}))
    return made


def agrees(decider: str, action: str) -> str:
    """Return the fact that an extra decider lets a call happen; Cedar does not know its answer."""
    return f"decider {decider} allows {action}"
