# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Mistakes about how far something reaches are told: where, when, how often, for which tools."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agentguard.errors import ConfigError
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    DeciderSpec,
    EqualsClaim,
    Holder,
    IdentitySpec,
    IntBetween,
    LimitSpec,
    Match,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    SecretStoreSpec,
    ToolSpec,
    compile_policy,
    flaws_of,
    key_of,
)
from agentguard.vocabulary import Action, Assurance, DataClass, Effect, Impact

KEY = f"ed25519:{'A' * 43}="
HERE = frozenset({"production"})
THERE = frozenset({"codegen"})
AMOUNT = ArgumentSpec(name="amount", constraint=IntBetween(low=0, high=9))
RULE = RuleSpec(id="r", who=("agent:a",), persons=("user:*",), effect=Effect.ALLOW, tools=("read",))
PAY = replace(RULE, tools=("pay",), arguments=(AMOUNT,))
DOCUMENT = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a"),),
    tools=(
        ToolSpec(name="read", impact=Impact.READ_ONLY),
        ToolSpec(name="pay", impact=Impact.IRREVERSIBLE),
        ToolSpec(name="act", impact=Impact.REVERSIBLE, resource="order"),
        ToolSpec(name="search", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"})),
    ),
    tool_groups={"all": ("read", "pay")},
    providers=(ProviderSpec(id="openai", hosts=("api.openai.com",)),),
    classes=(DataClass(name="email", family="pii", action=Action.TOKENISE),),
    environments=("production", "codegen"),
    limits=(LimitSpec(name="few", calls=2), LimitSpec(name="sum", sum="amount", most=5)),
    rules=(RULE,),
)
MODELS = RuleSpec(
    id="m", who=("agent:a",), effect=Effect.ALLOW, providers=("openai",), models=("*",)
)


def of(rule: RuleSpec = RULE, **change: Any) -> dict[str, Any]:
    """A change of the only rule."""
    return {"rules": (replace(rule, **change),)}


def tool(**change: Any) -> dict[str, Any]:
    """A change of the first tool."""
    return {"tools": (replace(DOCUMENT.tools[0], **change), *DOCUMENT.tools[1:])}


def limit(**change: Any) -> dict[str, Any]:
    """A change of the first limit."""
    return {"limits": (LimitSpec(name="few", **change), DOCUMENT.limits[1])}


def store(**change: Any) -> dict[str, Any]:
    """A place of secrets."""
    return {"secret_stores": (SecretStoreSpec(name="vault", **change),)}


def decider(**change: Any) -> dict[str, Any]:
    """An extra decider."""
    return {"deciders": (DeciderSpec(name="d", **change),)}


@pytest.mark.parametrize(
    "change",
    [
        of(tools=("group:all",)),
        of(tools=("*",), arguments=(ArgumentSpec(name="x", constraint=Anything()),)),
        of(tools=(), impacts=(Impact.IRREVERSIBLE,)),
        of(tools=("*",), impacts=(Impact.IRREVERSIBLE,)),
        of(environments=HERE, assurance=Assurance.TOKEN),
        of(PAY, limits=("few", "sum")),
        of(MODELS, limits=("few",), environments=HERE),
        of(tools=("act",), resource=Match(pattern="ORD-[0-9]+")),
        of(tools=("act",), resource=Match(pattern="ORD-[0-9]+"), effect=Effect.DENY),
        of(shadow_until=date(2026, 1, 1)),
        of(PAY, shadow_until=date(2026, 1, 1), shadow_irreversible=True),
        tool(environments=HERE),
        store(paths=("/run/secrets",)),
        decider(tools=("group:all", "read", "p*")),
        {"identities": (IdentitySpec(id="agent:a", keys=(KEY,), claims={"team": "x"}),)},
        {"limits": (LimitSpec(name="sum", sum="x", most=Decimal("0.01")),)},
    ],
)
def test_what_can_be_said_has_no_flaw(change: dict[str, Any]) -> None:
    """Each new key can be used."""
    document = replace(DOCUMENT, **change)
    assert flaws_of(document) == ()
    compile_policy(document)


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        (
            of(tools=("group:none",)),
            "rule[0].tool",
            "'group:none' is not declared in [tool_groups]",
        ),
        (of(tools=("x*",)), "rule[0].tool", "no declared tool fits 'x*'"),
        (
            of(impacts=(Impact.REVERSIBLE,)),
            "rule[0].impact",
            "no tool that the rule could be about",
        ),
        (of(MODELS, impacts=(Impact.REVERSIBLE,)), "rule[0]", "names both"),
        (of(tools=()), "rule[0]", "names neither"),
        ({"tool_groups": {"all": ()}}, "tool_groups.all", "must have a member"),
        ({"tool_groups": {"all": ("x",)}}, "tool_groups.all[0]", "tool 'x' is not declared"),
        ({"tool_groups": {"?": ("read",)}}, 'tool_groups."?"', "must be a name"),
        # environments
        ({"environments": ("a", "a")}, "environments[1]", "declared twice"),
        ({"environments": ("?",)}, "environments[0]", "must be a name"),
        (of(environments=frozenset({"x"})), "rule[0].environments", "'x' is not declared: list it"),
        (tool(environments=frozenset({"x"})), "tool[0].environments", "'x' is not declared"),
        (
            {"identities": (IdentitySpec(id="agent:a", environments=frozenset({"x"})),)},
            "identity[0].environments",
            "'x' is not declared",
        ),
        (
            {"providers": (replace(DOCUMENT.providers[0], environments=frozenset({"x"})),)},
            "provider[0].environments",
            "'x' is not declared",
        ),
        (
            {"classes": (replace(DOCUMENT.classes[0], environments=frozenset({"x"})),)},
            "class[0].environments",
            "'x' is not declared",
        ),
        (
            tool(environments=THERE) | of(environments=HERE),
            "tool[0].environments",
            "no rule lets it run there: the environments of 'r' are others",
        ),
        # assurance, limits
        (
            of(effect=Effect.DENY, assurance=Assurance.TOKEN),
            "rule[0].assurance",
            "belongs to 'allow' and 'approve'",
        ),
        (
            of(effect=Effect.DENY, limits=("few",)),
            "rule[0].limits",
            "what is denied is not counted",
        ),
        (of(limits=("none",)), "rule[0].limits", "not declared: add [limit.none]"),
        (of(tools=("search",), limits=("few",)), "rule[0].limits", "runs at the provider"),
        (of(limits=("sum",)), "rule[0].limits", "adds up 'amount', which the rule does not list"),
        (of(MODELS, limits=("sum",)), "rule[0].limits", "model calls have none"),
        (
            of(PAY, limits=("sum",), arguments=(replace(AMOUNT, optional=True),)),
            "rule[0].limits",
            "cannot be optional",
        ),
        (
            of(PAY, limits=("sum",), arguments=(replace(AMOUNT, constraint=Anything()),)),
            "rule[0].limits",
            "must be a number from 0 upwards",
        ),
        (
            of(
                PAY,
                limits=("sum",),
                arguments=(replace(AMOUNT, constraint=IntBetween(low=-1, high=1)),),
            ),
            "rule[0].limits",
            "must be a number from 0 upwards",
        ),
        (limit(), "limit.few", "has neither"),
        (limit(calls=1, sum="x", most=1), "limit.few", "has both"),
        (limit(calls=0), "limit.few.calls", "must be at least 1"),
        (limit(sum="x"), "limit.few.most", "is needed with 'sum'"),
        (limit(calls=1, most=1), "limit.few.most", "belongs to 'sum'"),
        (limit(sum="x", most=0), "limit.few.most", "must be more than 0"),
        (limit(sum="x", most=10**15), "limit.few.most", "below 1000000000000000"),
        (limit(sum="x", most=Decimal("1e-13")), "limit.few.most", "12 decimal places"),
        (limit(sum="x", most=Decimal("NaN")), "limit.few.most", "must be more than 0"),
        ({"limits": (DOCUMENT.limits[0],) * 2}, "limit.few", "declared twice"),
        # resources
        (of(resource=Match(pattern="x")), "rule[0].resource", "tool 'read' is about no object"),
        (of(MODELS, resource=Match(pattern="x")), "rule[0].resource", "names a tool"),
        (
            {"tools": (*DOCUMENT.tools[:3], replace(DOCUMENT.tools[3], resource="page"))},
            "tool[3].resource",
            "does not apply to a tool that runs at the provider",
        ),
        # shadow
        (of(PAY, shadow_until=date(2026, 1, 1)), "rule[0].shadow_until", "'pay' is irreversible"),
        (
            of(
                tools=(),
                impacts=(Impact.IRREVERSIBLE,),
                effect=Effect.DENY,
                shadow_until=date(2026, 1, 1),
            ),
            "rule[0].shadow_until",
            "say shadow_irreversible = true",
        ),
        (of(shadow_irreversible=True), "rule[0].shadow_irreversible", "belongs to 'shadow_until'"),
        # hosted tools by a glob
        (
            of(tools=("*",), effect=Effect.APPROVE, approval="leads"),
            "rule[0].then",
            "tool 'search' runs at the provider and cannot be held",
        ),
        # identities
        (
            {"identities": (IdentitySpec(id="agent:a", claims={"id": "x"}),)},
            "identity[0].claims.id",
            "is the id itself",
        ),
        (
            {"identities": (IdentitySpec(id="agent:a", keys=("ed25519:x",)),)},
            "identity[0].keys[0]",
            "a public key of 32 bytes",
        ),
        (
            {
                "identities": (
                    IdentitySpec(id="agent:a", keys=(KEY,)),
                    IdentitySpec(id="agent:b", keys=(KEY,)),
                )
            },
            "identity[1].keys[0]",
            "is a key of 'agent:a', too",
        ),
        (
            of(
                persons=(),
                arguments=(
                    ArgumentSpec(
                        name="x", constraint=EqualsClaim(holder=Holder.PERSON, claim="team")
                    ),
                ),
            ),
            "rule[0].args.x",
            "there is no person",
        ),
        # places of secrets and deciders
        (store(), "secret_store[0]", "keeps nothing away"),
        (
            {"secret_stores": (SecretStoreSpec(name="v", hosts=("a.test",)),) * 2},
            "secret_store[1].name",
            "declared twice",
        ),
        ({"deciders": (DeciderSpec(name="d"),) * 2}, "decider[1].name", "declared twice"),
        (decider(tools=("x",)), "decider[0].tool", "tool 'x' is not declared"),
        (decider(within=timedelta()), "decider[0].within", "must be longer than nothing"),
        (decider(approval="none"), "decider[0].approval", "'none' is not declared"),
    ],
)
def test_what_cannot_be_meant_is_told_at_its_place(
    change: dict[str, Any], place: str, message: str
) -> None:
    """A flaw is told with the key that it stands at, and nothing with a flaw is compiled."""
    document = replace(DOCUMENT, **change)
    found = [(key_of(each.path), each.message) for each in flaws_of(document)]
    assert any(key == place and message in told for key, told in found), found
    with pytest.raises(ConfigError):
        compile_policy(document)
