# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Rules that are probably not meant as written are doubted, and others are not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Constraint,
    IdentitySpec,
    IntBetween,
    Match,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
    doubts_about,
    key_of,
)
from agentguard.vocabulary import ApprovalProfile, Approver, Effect, Impact

DOCUMENT = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a"), IdentitySpec(id="agent:b")),
    groups={"team": ("user:a", "user:b")},
    tools=(
        ToolSpec(name="read", impact=Impact.READ_ONLY),
        ToolSpec(name="write", impact=Impact.REVERSIBLE),
        ToolSpec(name="pay", impact=Impact.IRREVERSIBLE),
    ),
    profiles=(
        ApprovalProfile(
            name="leads",
            approvers=(Approver(id="user:c", key="ed25519:x"),),
            need=1,
            decide_within=timedelta(hours=1),
            execute_within=timedelta(minutes=1),
            wait=timedelta(),
        ),
    ),
    providers=(ProviderSpec(id="p", hosts=("a.example",)),),
)


def rule(name: str, effect: Effect = Effect.ALLOW, **change: Any) -> RuleSpec:
    """A rule that lets agent:a write for anybody, unless changed."""
    shape = {"who": ("agent:a",), "persons": ("user:*",)}
    if "providers" not in change:
        shape["tools"] = ("write",)
    if effect is Effect.APPROVE:
        change.setdefault("approval", "leads")
    return RuleSpec(id=name, effect=effect, **(shape | change))


def args(**constraints: Constraint) -> tuple[ArgumentSpec, ...]:
    """The arguments of a rule."""
    return tuple(ArgumentSpec(name=name, constraint=each) for name, each in constraints.items())


def doubts(*rules: RuleSpec) -> list[tuple[str, str]]:
    """The doubts about a policy of these rules."""
    found = doubts_about(replace(DOCUMENT, rules=rules))
    return [(key_of(each.path), each.message) for each in found]


SMALL, LARGE = args(n=IntBetween(low=1, high=100)), args(n=IntBetween(low=101, high=900))
DENY = rule("d", Effect.DENY)


@pytest.mark.parametrize(
    ("rules", "place", "message"),
    [
        ((rule("1"), rule("2", Effect.APPROVE)), "rule[1]", "'2' decides"),
        ((rule("1"), rule("2", who=("agent:*",), tools=("write", "read"))), "rule[1]", "'write'"),
        ((rule("1", arguments=SMALL), rule("2", arguments=SMALL)), "rule[1]", "overlaps"),
        (
            (rule("1", persons=("group:team",)), rule("2", persons=("user:b",))),
            "rule[1]",
            "overlaps",
        ),
        (
            (
                rule("1", arguments=args(n=Match(pattern="a"))),
                rule("2", arguments=args(n=Match(pattern="b"))),
            ),
            "rule[1]",
            "overlaps",
        ),
        (
            (
                rule("1", arguments=tuple(replace(each, optional=True) for each in SMALL)),
                rule("2", arguments=tuple(replace(each, optional=True) for each in LARGE)),
            ),
            "rule[1]",
            "overlaps",
        ),
        ((rule("1", who=("agent:*",)),), "rule[0].who", "wildcard"),
        ((rule("1", tools=("pay",)),), "rule[0].then", "irreversible"),
        (
            (rule("1", tools=("pay",), arguments=args(x=Anything())),),
            "rule[0].then",
            "irreversible",
        ),
        ((rule("d", Effect.DENY, persons=()),), "rule[0].then", "autonomous calls only"),
        (
            (rule("1", persons=()), rule("d", Effect.DENY, persons=())),
            "rule[0].then",
            "can never apply",
        ),
        ((rule("1"), DENY), "rule[0].then", "can never apply: it is always denied by 'd'"),
        (
            (
                rule("1", who=("agent:*",), tools=("read",)),
                rule("d", Effect.DENY, tools=("read", "pay")),
                rule("e", Effect.DENY, who=("agent:b",), tools=("read",)),
            ),
            "rule[0].then",
            "always denied by 'd', 'e'",
        ),
        (
            (
                rule("1", providers=("p",), models=("m",)),
                rule("d", Effect.DENY, providers=("p",), models=("*",)),
            ),
            "rule[0].then",
            "can never apply",
        ),
        (
            (
                rule("1", providers=("p",), models=("m",), operations=("upload", "chat")),
                rule("d", Effect.DENY, providers=("p",)),
            ),
            "rule[0].then",
            "can never apply",
        ),
    ],
)
def test_what_is_probably_not_meant_is_doubted(
    rules: tuple[RuleSpec, ...], place: str, message: str
) -> None:
    """A doubt is told with the key of the rule that it is about."""
    found = doubts(*rules)
    assert any(key == place and message in text for key, text in found), found


@pytest.mark.parametrize(
    "rules",
    [
        (rule("1", arguments=SMALL), rule("2", Effect.APPROVE, arguments=LARGE)),
        (rule("1", arguments=SMALL), rule("2", arguments=args(m=Anything()))),
        (rule("1"), rule("2", who=("agent:b",))),
        (rule("1"), rule("2", tools=("read",))),
        (rule("1"), rule("2", persons=())),
        (rule("1", persons=("user:a",)), rule("2", persons=("user:b",))),
        (rule("1", who=("agent:*",), tools=("read",)),),
        (rule("1", tools=("pay",), arguments=SMALL),),
        (rule("1", Effect.APPROVE, tools=("pay",)),),
        (rule("1"), replace(DENY, arguments=SMALL)),
        (rule("1"), replace(DENY, persons=("user:a",))),
        (rule("1"), replace(DENY, who=("agent:b",))),
        (rule("1", persons=("user:a",)), replace(DENY, persons=("user:b",))),
        (rule("1", tools=("write", "read")), DENY),
        (
            rule("1", providers=("p",), models=("m",)),
            rule("d", Effect.DENY, providers=("p",), models=("gpt*",)),
        ),
        (
            rule("1", providers=("p",), models=("m",), operations=("chat", "embeddings")),
            rule("d", Effect.DENY, providers=("p",), models=("*",), operations=("chat",)),
        ),
    ],
)
def test_what_can_be_meant_is_not_doubted(rules: tuple[RuleSpec, ...]) -> None:
    """Rules that exclude each other, and narrow rules, raise no doubt."""
    assert doubts(*rules) == []


def test_a_type_of_hosted_tool_that_nobody_documents_is_doubted() -> None:
    """A type that is probably misspelt is told with the tool that lists it."""
    types = frozenset({"web_search", "web_serach"})
    tool = ToolSpec(name="search", impact=Impact.READ_ONLY, hosted=types)
    (doubt,) = doubts_about(replace(DOCUMENT, tools=(tool,)))
    assert key_of(doubt.path) == "tool[0].hosted"
    assert doubt.message.startswith("'web_serach' is no type")
