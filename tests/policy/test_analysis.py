# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Rules that are probably not meant as written are doubted, and others are not."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from agentguard.policy import (
    AllOf,
    Anything,
    ArgumentSpec,
    Constraint,
    EqualsClaim,
    Holder,
    IdentitySpec,
    IntBetween,
    Items,
    LimitSpec,
    Match,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
    doubts_about,
    flaws_of,
    key_of,
    unused_doubts,
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
        ToolSpec(name="mail", impact=Impact.REVERSIBLE, receives=frozenset({"pii"})),
        ToolSpec(name="there", impact=Impact.READ_ONLY, environments=frozenset({"codegen"})),
    ),
    tool_groups={"both": ("read", "write")},
    environments=("production", "codegen"),
    limits=(LimitSpec(name="few", calls=2),),
    profiles=(
        ApprovalProfile(
            name="leads",
            approvers=(Approver(id="user:c", key=f"ed25519:{'A' * 43}="),),
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
    shape: dict[str, Any] = {"who": ("agent:a",), "persons": ("user:*",)}
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
    document = replace(DOCUMENT, rules=rules)
    assert flaws_of(document) == ()
    found = doubts_about(document, TODAY)
    return [(key_of(each.path), each.message) for each in found]


SMALL, LARGE = args(n=IntBetween(low=1, high=100)), args(n=IntBetween(low=101, high=900))
WIDE = args(n=IntBetween(low=1, high=900))
SAID = (ArgumentSpec(name="x", constraint=Anything(), origins=frozenset({"user"})),)
DENY = rule("d", Effect.DENY)
NEVER = AllOf(parts=(IntBetween(low=1, high=2), Match(pattern="a")))
TODAY, NEXT, LAST = date(2026, 6, 15), date(2026, 6, 16), date(2026, 6, 14)
WRITING = (Impact.REVERSIBLE, Impact.IRREVERSIBLE)


@pytest.mark.parametrize(
    ("rules", "place", "message"),
    [
        ((rule("1"), rule("2", Effect.APPROVE)), "rule[0].then", "'2' always does"),
        (
            (rule("1", arguments=SMALL), rule("2", Effect.APPROVE, arguments=args(n=Anything()))),
            "rule[0].then",
            "the rule never decides: '2' always does, and is stricter",
        ),
        (
            (rule("1", arguments=WIDE), rule("2", Effect.APPROVE, arguments=SMALL)),
            "rule[1]",
            "overlaps with rule '1' on tool 'write'; where both apply, '2' decides",
        ),
        (
            (rule("1", arguments=SMALL), replace(DENY, arguments=WIDE)),
            "rule[0].then",
            "always denied by 'd'",
        ),
        ((rule("1"), replace(DENY, arguments=SMALL)), "rule[0].then", "always denied by 'd'"),
        (
            (rule("1", tools=("*",)), rule("2", tools=("group:both",), arguments=())),
            "rule[1]",
            "on tools 'read', 'write'",
        ),
        ((rule("1", who=("*",), impacts=WRITING, tools=()),), "rule[0].who", "'write', 'pay'"),
        (
            (rule("1", tools=("pay",), arguments=SAID),),
            "tool[2].name",
            "is irreversible, and no argument says where",
        ),
        (
            (rule("1", tools=("mail",), arguments=args(x=Anything())),),
            "rule[0].args.x",
            "any text goes to 'mail'",
        ),
        (
            (rule("1", tools=("mail",), arguments=args(x=Match(pattern="(?s).*"))),),
            "rule[0].args.x",
            "any text",
        ),
        ((rule("1", arguments=args(x=NEVER)),), "rule[0].args.x", "no value can satisfy it"),
        (
            (rule("1", arguments=args(x=Items(item=NEVER, least=1, most=2))),),
            "rule[0].args.x",
            "no value can satisfy it",
        ),
        (
            (rule("1", arguments=args(x=EqualsClaim(holder=Holder.ACTOR, claim="team"))),),
            "rule[0].args.x",
            "no [issuer] keeps claim 'team'",
        ),
        ((rule("1", shadow_until=NEXT),), "rule[0].shadow_until", "recorded only"),
        ((rule("1", shadow_until=LAST),), "rule[0].shadow_until", "never was and is not in force"),
        ((replace(DENY, shadow_until=LAST),), "rule[0].shadow_until", "the rule is in force"),
        (
            (replace(DENY, tools=("pay",), shadow_until=NEXT, shadow_irreversible=True),),
            "rule[0].shadow_irreversible",
            "does not keep 'pay' from happening",
        ),
        (
            (replace(DENY, tools=("there",), environments=frozenset({"production"})),),
            "rule[0].tool",
            "can never apply",
        ),
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
        (rule("1", arguments=LARGE), replace(DENY, arguments=SMALL)),
        (rule("1", arguments=WIDE), replace(DENY, arguments=SMALL)),
        (rule("1"), replace(DENY, environments=frozenset({"production"}))),
        (
            rule("1", environments=frozenset({"production"})),
            rule("2", environments=frozenset({"codegen"})),
        ),
        (
            rule("1", environments=frozenset({"production"})),
            replace(DENY, environments=frozenset({"codegen"})),
        ),
        (rule("1"), replace(DENY, shadow_until=NEXT)),
        (rule("1", tools=("mail",), arguments=args(x=Match(pattern="[a-z]{1,20}"))),),
        (rule("1", Effect.APPROVE, tools=("mail",), arguments=args(x=Anything())),),
        (rule("1", arguments=args(x=EqualsClaim(holder=Holder.PERSON, claim="id"))),),
        (rule("1", tools=("pay",), limits=("few",)),),
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


@pytest.mark.parametrize("tool", ["mail", "pay"])
def test_an_origin_constrains_an_argument(tool: str) -> None:
    """A rule that says where a value must come from lets no arbitrary text reach the tool."""
    paths = [path for path, _ in doubts(rule("1", tools=(tool,), arguments=SAID))]
    assert [path for path in paths if path.startswith("rule")] == []


def test_a_type_of_hosted_tool_that_nobody_documents_is_doubted() -> None:
    """A type that is probably misspelt is told with the tool that lists it."""
    types = frozenset({"web_search", "web_serach"})
    tool = ToolSpec(name="search", impact=Impact.READ_ONLY, hosted=types)
    (doubt,) = doubts_about(replace(DOCUMENT, tools=(tool,)))
    assert key_of(doubt.path) == "tool[0].hosted"
    assert doubt.message.startswith("'web_serach' is no type")


def test_what_nothing_uses_is_doubted() -> None:
    """What no rule names is told, but a tool of which nothing is said but its impact is not."""
    document = replace(DOCUMENT, rules=(rule("1", persons=("user:a",)),))
    found = {key_of(each.path): each.message for each in unused_doubts(document)}
    assert found.keys() == {
        *("tool[3].name", "tool[4].name"),
        *("identity[1].id", "provider[0].id", "groups.team", "tool_groups.both"),
        *("limit.few", "approval.leads", "environments[0]"),
    }
    assert found["limit.few"] == "limits nothing: no rule names it in 'limits'"


def test_what_is_used_is_not_doubted() -> None:
    """What rules name, by a glob or a group as well, raises no doubt."""
    here = frozenset({"production"})
    rules = (
        rule("1", who=("*",), tools=("*",), persons=("group:team",), limits=("few",)),
        rule("2", Effect.APPROVE, tools=("group:both",), environments=here),
        rule("3", providers=("p",), models=("*",)),
    )
    assert unused_doubts(replace(DOCUMENT, rules=rules)) == ()
    assert unused_doubts(DOCUMENT) == ()
