# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A policy that contradicts itself is refused, and every flaw has its place."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from agentguard.errors import ConfigError
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    ClassSource,
    CoverageSpec,
    Idempotency,
    IdentitySpec,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
    compile_policy,
    flaws_of,
    key_of,
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


def key(fill: int, length: int = 32) -> str:
    """A public key that nobody has."""
    return "ed25519:" + base64.b64encode(bytes([fill]) * length).decode()


RULE = RuleSpec(id="r", who=("agent:a",), persons=("user:*",), effect=Effect.ALLOW, tools=("t",))
CHAT = RuleSpec(id="chat", who=("agent:a",), effect=Effect.ALLOW, providers=("p",), models=("*",))
TOOL = ToolSpec(name="t", impact=Impact.IRREVERSIBLE)
PROVIDER = ProviderSpec(id="p", hosts=("a.example",))
PROFILE = ApprovalProfile(
    name="leads",
    approvers=(Approver(id="user:c", key=key(1)),),
    need=1,
    decide_within=timedelta(hours=1),
    execute_within=timedelta(minutes=1),
    wait=timedelta(),
)
DOCUMENT = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a"),),
    groups={"team": ("user:a", "user:b"), "bots": ("agent:a",)},
    tools=(TOOL,),
    rules=(RULE, CHAT),
    profiles=(PROFILE,),
    classes=(DataClass(name="email", family="pii", action=Action.TOKENISE),),
    providers=(PROVIDER,),
)


def rules(**change: Any) -> dict[str, Any]:
    """A change of the first rule."""
    return {"rules": (replace(RULE, **change), CHAT)}


def chats(**change: Any) -> dict[str, Any]:
    """A change of the rule for model calls."""
    return {"rules": (RULE, replace(CHAT, **change))}


def profiles(**change: Any) -> dict[str, Any]:
    """A change of the approval profile."""
    return {"profiles": (replace(PROFILE, **change),)}


RECOGNISED: dict[str, dict[str, Any]] = {
    "patterns": {"patterns": ("x",)},
    "values": {"value_digests": ("0",)},
    "values_file": {"values_file": "x.txt"},
    "values_from_env": {"environment": ("X",)},
}
Case = tuple[dict[str, Any], str, str]


def hosted(place: str, message: str, *types: set[str], **change: Any) -> Case:
    """A flaw of tools that run at the provider."""
    shown = types or ({"web"},)
    tools = (
        replace(TOOL, name=name, hosted=frozenset(each), **change)
        for name, each in zip("tu", shown, strict=False)
    )
    return {"tools": tuple(tools)}, place, message


def treated(key: str, message: str, family: str, **change: Any) -> Case:
    """A flaw of a class that is treated so."""
    fitting = {"media": Action.BLOCK, "answer": Action.REDACT}.get(family, Action.TOKENISE)
    shape: dict[str, Any] = {"name": "email", "family": family, "action": fitting}
    classes = {"classes": (DataClass(**(shape | change)),)}
    return {**classes, "class_sources": (ClassSource(name="email"),)}, f"class[0].{key}", message


@pytest.mark.parametrize(
    "change",
    [
        {"rules": (RULE, replace(CHAT, models=(), operations=("read", "POST /files")))},
        {"rules": (RULE, replace(CHAT, models=(), effect=Effect.DENY))},
        {"rules": (RULE, replace(CHAT, effect=Effect.DENY, operations=("socket", "admin")))},
        {"rules": (RULE, replace(CHAT, operations=("WS /realtime",), references=tuple(Reference)))},
        {"classes": (DataClass(name="image", family="media", action=Action.LABEL),)},
        {
            "classes": (
                DataClass(name="x", family="answer", action=Action.REDACT, in_answers=Action.BLOCK),
            )
        },
        {"coverage": CoverageSpec(require=frozenset({"openai", "anthropic"}))},
    ],
)
def test_what_a_policy_may_say_is_no_flaw(change: dict[str, Any]) -> None:
    """Rules, classes and surfaces that can be meant raise no flaw."""
    assert flaws_of(replace(DOCUMENT, **change)) == ()


def test_a_sound_policy_has_no_flaw() -> None:
    """A policy that declares what it names has no flaws."""
    assert flaws_of(DOCUMENT) == ()


def test_a_key_cannot_write_to_a_terminal() -> None:
    """A name with control or direction characters in it is shown as TOML escapes it."""
    # Whoever scanned a folder that a stranger had put a policy file in had its keys on the
    # terminal.
    path = ("groups", "\x1b]0;x\x07\u202e", 3, 'a"b', "plain-name_1")
    assert key_of(path) == 'groups."\\u001b]0;x\\u0007\\u202e"[3]."a\\"b".plain-name_1'


@pytest.mark.parametrize(
    ("change", "place", "message"),
    [
        ({"identities": DOCUMENT.identities * 2}, "identity[1].id", "declared twice"),
        ({"identities": (*DOCUMENT.identities, IdentitySpec(id="a"))}, "identity[1].id", "must be"),
        (
            {"identities": (*DOCUMENT.identities, IdentitySpec(id="agent:*"))},
            "identity[1].id",
            "must be",
        ),
        (
            {"identities": (IdentitySpec(id="agent:a", owner="agent:b"),)},
            "identity[0].owner",
            "must be a person",
        ),
        ({"groups": {"g": ()}}, "groups.g", "must have a member"),
        ({"groups": {"g": ("user:a", "group:h")}}, "groups.g[1]", "must be"),
        ({"groups": {"g.h": ("agent:x",)}}, 'groups."g.h"[0]', "'agent:x' is not declared"),
        ({"tools": (TOOL, TOOL)}, "tool[1].name", "declared twice"),
        ({"tools": (replace(TOOL, name="t t"), TOOL)}, "tool[0].name", "must be a name"),
        (
            {"tools": (replace(TOOL, receives=frozenset({"emial"})),)},
            "tool[0].receives",
            "'emial' is not a data class",
        ),
        (
            {"tools": (replace(TOOL, definition="md5:1"),)},
            "tool[0].definition",
            "must be 'sha256:'",
        ),
        ({"rules": (RULE, RULE)}, "rule[1].id", "declared twice"),
        (rules(id=""), "rule[0].id", "must be a name"),
        (rules(who=()), "rule[0].who", "must name somebody"),
        (rules(who=("agent:x",)), "rule[0].who", "'agent:x' is not declared"),
        (rules(who=("service:*",)), "rule[0].who", "no declared identity fits"),
        (rules(who=("group:nobody",)), "rule[0].who", "group 'group:nobody' is not declared"),
        (rules(who=("group:team",)), "rule[0].who", "member 'user:a' of 'group:team'"),
        (rules(persons=("agent:a",)), "rule[0].for", "'agent:a' is not a person"),
        (rules(persons=("user:a*",)), "rule[0].for", "'user:a*' is not a person"),
        (rules(persons=("group:bots",)), "rule[0].for", "member 'agent:a'"),
        (rules(persons=("group:nobody",)), "rule[0].for", "is not declared"),
        (rules(tools=()), "rule[0]", "names neither"),
        (rules(providers=("p",), models=("*",)), "rule[0]", "names both"),
        (rules(tools=("x",)), "rule[0].tool", "tool 'x' is not declared"),
        (rules(models=("m",)), "rule[0].model", "belongs to a rule that names a provider"),
        (rules(effect=Effect.APPROVE), "rule[0].approval", "is needed"),
        (rules(approval="leads"), "rule[0].approval", "belongs to then = 'approve'"),
        (
            rules(effect=Effect.APPROVE, approval="x"),
            "rule[0].approval",
            "approval profile 'x' is not declared",
        ),
        (
            rules(arguments=(ArgumentSpec(name="x", constraint=Anything()),) * 2),
            "rule[0].args.x",
            "declared twice",
        ),
        (chats(providers=("q",)), "rule[1].provider", "provider 'q' is not declared"),
        (chats(models=()), "rule[1].model", "must name a model"),
        (chats(models=(), operations=("read", "embeddings")), "rule[1].model", "must name a"),
        (chats(models=(), operations=("inference",)), "rule[1].model", "must name a model"),
        *(
            (chats(operations=("chat", kind)), "rule[1].operation", f"{kind!r} is allowed by pair")
            for kind in ("socket", "credential", "admin")
        ),
        (rules(operations=("chat",)), "rule[0].operation", "belongs to a rule that names a"),
        (rules(references=(Reference.FILE,)), "rule[0].references", "belongs to a rule that"),
        (
            chats(effect=Effect.DENY, references=(Reference.FILE,)),
            "rule[1].references",
            "belongs to then = 'allow'",
        ),
        (chats(effect=Effect.DENY, operations=()), "rule[1].operation", "must name an operation"),
        (chats(operations=()), "rule[1].operation", "must name an operation"),
        (
            chats(arguments=(ArgumentSpec(name="x", constraint=Anything()),)),
            "rule[1].args",
            "belong to a rule that names a tool",
        ),
        (chats(effect=Effect.APPROVE, approval="leads"), "rule[1].then", "'allow' or 'deny'"),
        (profiles(approvers=()), "approval.leads.approvers", "must name an approver"),
        (profiles(need=0), "approval.leads.need", "at least 1"),
        (profiles(need=2), "approval.leads.need", "at most 1"),
        (profiles(decide_within=timedelta()), "approval.leads.decide_within", "longer"),
        (profiles(execute_within=timedelta()), "approval.leads.execute_within", "longer"),
        *(
            (
                profiles(approvers=(Approver(id="user:c", key=wrong),)),
                "approval.leads.approvers[0].key",
                "32 bytes in base64",
            )
            for wrong in ("", "AAAA", key(1, 31), key(1, 33), "rsa:" + key(1), key(1) + "!")
        ),
        (
            profiles(approvers=(Approver(id="agent:a", key=key(1)),)),
            "approval.leads.approvers[0].id",
            "must be a person",
        ),
        (
            profiles(
                approvers=(Approver(id="user:c", key=key(1)), Approver(id="user:c", key=key(2)))
            ),
            "approval.leads.approvers[1].id",
            "named twice",
        ),
        (
            profiles(
                approvers=(Approver(id="user:c", key=key(1)), Approver(id="user:d", key=key(1)))
            ),
            "approval.leads.approvers[1].key",
            "key of another approver",
        ),
        hosted("tool[1].hosted", "'web' is a type of tool 't', too", {"web"}, {"web"}),
        hosted("tool[0].hosted", "must hold types of tools", {"a b"}),
        hosted("tool[0].receives", "runs at the provider", receives=frozenset({"pii"})),
        hosted("tool[0].definition", "runs at the provider", definition="sha256:" + "0" * 64),
        hosted("tool[0].idempotency", "runs at the provider", idempotency=Idempotency.KEY),
        (
            {
                "tools": (replace(TOOL, hosted=frozenset({"web"})),),
                **rules(effect=Effect.APPROVE, approval="leads"),
            },
            "rule[0].then",
            "runs at the provider and cannot be held: use 'allow' or 'deny'",
        ),
        (
            {
                "tools": (replace(TOOL, hosted=frozenset({"mcp"})),),
                **rules(effect=Effect.APPROVE, approval="leads"),
            },
            "rule[0].then",
            "demand args.require_approval = { const = 'always' }",
        ),
        treated("action", "must be 'block' or 'label'", "media", action=Action.REDACT),
        treated("in_answers", "must be 'label'", "media", in_answers=Action.BLOCK),
        treated("action", "cannot be chosen", "answer", action=Action.BLOCK),
        treated("action", "cannot be 'label'", "secret", action=Action.LABEL),
        treated("in_answers", "'label', 'redact' or 'block'", "pii", in_answers=Action.HASH),
        treated("approvers_see", "no tool receives it", "media", approvers_see=True),
        *(
            (
                {
                    "classes": (DataClass(name="image", family="media", action=Action.BLOCK),),
                    "class_sources": (ClassSource(name="image", **recognised),),
                },
                f"class[0].{key}",
                "'image' is recognised by its form",
            )
            for key, recognised in RECOGNISED.items()
        ),
        (
            {
                "classes": (DataClass(name="image", family="media", action=Action.LABEL),),
                "tools": (replace(TOOL, receives=frozenset({"image"})),),
            },
            "tool[0].receives",
            "not a data class of text",
        ),
        (
            {"coverage": CoverageSpec(require=frozenset({"opnai"}))},
            "coverage.require",
            "'opnai' is not one of",
        ),
        ({"class_sources": (ClassSource(name="email"),) * 2}, "class[1].name", "declared twice"),
        ({"class_sources": (ClassSource(name="pii"),)}, "class[0].name", "name of a family"),
        ({"class_sources": (ClassSource(name="Card-1"),)}, "class[0].name", "lower-case letters"),
        ({"class_sources": (ClassSource(name="unknown"),)}, "class[0].name", "is not declared"),
        (
            {"classes": (DataClass(name="x", family="y", action=Action.HASH),)},
            "class.family",
            "of 'x' must be one of",
        ),
        ({"providers": (PROVIDER, PROVIDER)}, "provider[1].id", "declared twice"),
        ({"providers": (PROVIDER, replace(PROVIDER, id="?"))}, "provider[1].id", "must be a name"),
        ({"providers": (replace(PROVIDER, hosts=()),)}, "provider[0].hosts", "must name a host"),
        (
            {"providers": (PROVIDER, ProviderSpec(id="q", hosts=("b.example", "a.example:443")))},
            "provider[1].hosts[1]",
            "is a host of provider 'p', too",
        ),
    ],
)
def test_each_flaw_is_found_at_its_place(change: dict[str, Any], place: str, message: str) -> None:
    """A flaw is told with the key that it stands at, and compiling refuses it."""
    document = replace(DOCUMENT, **change)
    found = [flaw.message for flaw in flaws_of(document) if key_of(flaw.path) == place]
    assert any(message in each for each in found), flaws_of(document)
    with pytest.raises(ConfigError) as caught:
        compile_policy(document)
    assert place in [problem.key for problem in caught.value.problems]
