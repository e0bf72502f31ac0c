# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The digest of a policy depends on what it says."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentguard.policy import (
    ArgumentSpec,
    ClassSource,
    Const,
    CoverageSpec,
    Each,
    HostedDenial,
    Idempotency,
    IdentitySpec,
    IntBetween,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    Strictness,
    ToolSpec,
    value_digest,
)
from agentguard.vocabulary import (
    Action,
    ApprovalProfile,
    Approver,
    DataClass,
    Effect,
    Impact,
    Reference,
)

RULE = RuleSpec(
    id="r",
    who=("agent:a", "agent:b"),
    persons=("user:*",),
    effect=Effect.APPROVE,
    tools=("t",),
    arguments=(
        ArgumentSpec(name="x", constraint=IntBetween(low=1, high=2)),
        ArgumentSpec(name="y", constraint=Const(value=1)),
    ),
    approval="leads",
)
TOOL = ToolSpec(name="t", impact=Impact.IRREVERSIBLE, receives=frozenset({"pii"}))
PROFILE = ApprovalProfile(
    name="leads",
    approvers=(Approver(id="user:c", key="ed25519:x"),),
    need=1,
    decide_within=timedelta(hours=1),
    execute_within=timedelta(minutes=1),
    wait=timedelta(),
)
CLASS = DataClass(name="email", family="pii", action=Action.TOKENISE)
SOURCE = ClassSource(name="email", value_digests=(value_digest("one"), value_digest("two")))
PROVIDER = ProviderSpec(id="p", hosts=("a.example", "b.example"))
DOCUMENT = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a"), IdentitySpec(id="agent:b")),
    groups={"g": ("user:a", "user:b"), "h": ("user:c",)},
    tools=(TOOL, ToolSpec(name="u", impact=Impact.READ_ONLY)),
    rules=(RULE, replace(RULE, id="s")),
    profiles=(PROFILE,),
    classes=(CLASS,),
    class_sources=(SOURCE,),
    providers=(PROVIDER,),
)


def test_the_order_of_tables_and_names_does_not_change_the_digest() -> None:
    """The same tables in another order have the same digest."""
    other = replace(
        DOCUMENT,
        identities=DOCUMENT.identities[::-1],
        groups={"h": ("user:c",), "g": ("user:b", "user:a")},
        tools=DOCUMENT.tools[::-1],
        rules=(
            replace(RULE, id="s"),
            replace(RULE, who=RULE.who[::-1], arguments=RULE.arguments[::-1]),
        ),
        class_sources=(replace(SOURCE, value_digests=SOURCE.value_digests[::-1]),),
        providers=(replace(PROVIDER, hosts=PROVIDER.hosts[::-1]),),
    )
    assert other.digest == DOCUMENT.digest


@pytest.mark.parametrize(
    "change",
    [
        {"name": "q"},
        {"identities": DOCUMENT.identities[:1]},
        {"identities": (IdentitySpec(id="agent:a", owner="user:o"), DOCUMENT.identities[1])},
        {"groups": {"g": ("user:a",), "h": ("user:c",)}},
        {"tools": (replace(TOOL, impact=Impact.REVERSIBLE),)},
        {"tools": (replace(TOOL, receives=frozenset()), DOCUMENT.tools[1])},
        {"tools": (replace(TOOL, definition="sha256:0"), DOCUMENT.tools[1])},
        {"tools": (replace(TOOL, idempotency=Idempotency.KEY), DOCUMENT.tools[1])},
        {"rules": (RULE,)},
        {"rules": (replace(RULE, effect=Effect.ALLOW, approval=None), DOCUMENT.rules[1])},
        {"rules": (replace(RULE, persons=()), DOCUMENT.rules[1])},
        {"rules": (replace(RULE, arguments=RULE.arguments[:1]), DOCUMENT.rules[1])},
        {
            "rules": (
                replace(
                    RULE,
                    arguments=(
                        RULE.arguments[0],
                        ArgumentSpec(name="y", constraint=Const(value=1.0)),
                    ),
                ),
                DOCUMENT.rules[1],
            )
        },
        {
            "rules": (
                replace(
                    RULE,
                    arguments=(replace(RULE.arguments[0], optional=True), RULE.arguments[1]),
                ),
                DOCUMENT.rules[1],
            )
        },
        {"profiles": (replace(PROFILE, need=2),)},
        {"profiles": (replace(PROFILE, wait=timedelta(seconds=1)),)},
        {"profiles": (replace(PROFILE, approvers=()),)},
        {"classes": (replace(CLASS, action=Action.BLOCK),)},
        {"classes": (replace(CLASS, approvers_see=True),)},
        {"class_sources": (replace(SOURCE, value_digests=()),)},
        {"class_sources": (replace(SOURCE, environment=("KEY",)),)},
        {"class_sources": (replace(SOURCE, values_file="vips.txt"),)},
        {"class_sources": (replace(SOURCE, patterns=("x",)),)},
        {"providers": (replace(PROVIDER, hosts=("a.example",)),)},
        {"providers": (replace(PROVIDER, headers=frozenset({"x-team"})),)},
        {"classes": (replace(CLASS, in_answers=Action.BLOCK),)},
        {"tools": (replace(TOOL, hosted=frozenset({"web_search"})), DOCUMENT.tools[1])},
        {"hosted_denial": HostedDenial.REMOVE},
        {"coverage": CoverageSpec(require=frozenset({"openai"}))},
        {"coverage": CoverageSpec(partial=Strictness.WARN)},
        {"coverage": CoverageSpec(observers=Strictness.WARN)},
        {"coverage": CoverageSpec(known_observers=frozenset({"app.Tokens"}))},
        *(
            {"rules": (replace(RULE, **change), DOCUMENT.rules[1])}
            for change in (
                {"operations": ("chat", "embeddings")},
                {"references": (Reference.FILE,)},
                {"arguments": (ArgumentSpec(name="x", constraint=Each(options=(1,), most=2)),)},
                {"arguments": (ArgumentSpec(name="x", constraint=Each(options=(1,), most=3)),)},
            )
        ),
        {"providers": (replace(PROVIDER, extra_fields=frozenset({"top_k"})),)},
    ],
)
def test_every_change_of_what_the_policy_says_changes_the_digest(change: dict[str, Any]) -> None:
    """Whatever the policy says otherwise gives another digest."""
    assert replace(DOCUMENT, **change).digest != DOCUMENT.digest


def test_what_a_rule_leaves_out_is_what_it_would_say() -> None:
    """A rule that allows is about chat if it names nothing, one that denies about everything."""

    def digest(effect: Effect, operations: tuple[str, ...] | None) -> str:
        rule = replace(RULE, effect=effect, approval=None, operations=operations)
        return replace(DOCUMENT, rules=(rule,)).digest

    assert digest(Effect.ALLOW, None) == digest(Effect.ALLOW, ("chat",))
    assert digest(Effect.DENY, None) != digest(Effect.DENY, ("chat",))
