# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a policy make the guard find out before it decides?"""

from decimal import Decimal

from agentguard.pipeline import Needs, needs_of
from agentguard.policy import (
    ArgumentSpec,
    Constraint,
    DeciderSpec,
    LimitSpec,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    SecretStoreSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.policy.constraints import Anything, Items, Match, Members, PathBelow
from agentguard.policy.document import IdentitySpec
from agentguard.vocabulary import Effect, Impact

TOOLS = tuple(
    ToolSpec(name=name, impact=impact)
    for name, impact in (
        ("read", Impact.READ_ONLY),
        ("write", Impact.REVERSIBLE),
        ("wipe", Impact.IRREVERSIBLE),
    )
)
LIMITS = (LimitSpec(name="few", calls=3), LimitSpec(name="sum", sum="a", most=Decimal(5)))
SRV = PathBelow(roots=("/srv",))


def needs(*rules: RuleSpec, **tables: object) -> Needs:
    """Return what a policy with these rules needs."""
    document = PolicyDocument(
        name="needs",
        identities=(IdentitySpec(id="agent:a"),),
        tools=TOOLS,
        providers=(ProviderSpec(id="loopback", hosts=("127.0.0.1:*",)),),
        tool_groups={"files": ("read", "write")},
        rules=rules,
        **tables,  # type: ignore[arg-type]  # tables of the test's choice
    )
    return needs_of(compile_policy(document))


def rule(name: str, constraint: Constraint | None = None, **fields: object) -> RuleSpec:
    """Return a rule of agent:a."""
    arguments: tuple[ArgumentSpec, ...] = ()
    if constraint is not None:
        arguments = (ArgumentSpec(name="a", constraint=constraint),)
    plain: dict[str, object] = {"effect": Effect.ALLOW, "who": ("agent:a",)}
    return RuleSpec(id=name, arguments=arguments, **(plain | fields))  # type: ignore[arg-type]  # as above


def test_a_policy_that_needs_nothing_asks_for_nothing() -> None:
    """Rules about values alone make the guard look nothing up."""
    found = needs(rule("r", Match(pattern="x+"), tools=("read",)))
    assert found == Needs(
        limits={},
        model_limits=(),
        roots={},
        secret_paths=(),
        deciders={},
        model_deciders=(),
        hosted={},
        budgets=found.budgets,
        named={"read": frozenset({"a"})},
    )


def test_the_arguments_that_a_policy_names_are_known() -> None:
    """Those of rules, by name or group, are named; those of other tools are not."""
    found = needs(rule("r", Match(pattern="x+"), tools=("group:files",)))
    assert found.named == {"read": frozenset({"a"}), "write": frozenset({"a"})}


def test_limits_are_read_for_every_tool_whose_rules_name_them() -> None:
    """By name, group and impact; and those of rules about providers for model calls."""
    counted = Anything()
    found = needs(
        rule("one", counted, tools=("group:files",), limits=("few",)),
        rule("two", counted, impacts=(Impact.IRREVERSIBLE,), limits=("few",)),
        rule("three", SRV, tools=("w*",)),
        rule("four", providers=("loopback",), models=("m",), limits=("few",)),
        limits=LIMITS[:1],
    )
    assert dict(found.limits) == {"read": ("few",), "write": ("few",), "wipe": ("few",)}
    assert found.model_limits == ("few",)


def test_folders_are_found_however_deep_they_stand() -> None:
    """A constraint on files inside lists and objects makes their tools' paths be resolved."""
    deep = Items(item=Members(members=(("path", SRV, False),)), least=1, most=2)
    found = needs(
        rule("deep", deep, tools=("read",)),
        rule("plain", Anything(), tools=("wipe",)),
        rule("never", PathBelow(roots=("/etc", "/srv")), tools=("write",), effect=Effect.DENY),
    )
    assert dict(found.roots) == {"read": ("/srv",), "write": ("/etc", "/srv")}


def test_places_of_secrets_make_every_text_a_path() -> None:
    """Where a policy names files with secrets, no tool's arguments are left out."""
    stores = (
        SecretStoreSpec(name="vault", hosts=("vault.example",)),
        SecretStoreSpec(name="keys", paths=("/run/keys", "/etc/keys")),
    )
    assert needs(secret_stores=stores).secret_paths == ("/etc/keys", "/run/keys")


def test_deciders_are_asked_about_the_tools_of_their_tables() -> None:
    """By name, group and glob; about model calls where the table says so."""
    every, some = (
        DeciderSpec(name="every", models=True),
        DeciderSpec(name="s", tools=("group:files",)),
    )
    found = needs(deciders=(every, some))
    assert dict(found.deciders) == {
        "read": (every, some),
        "write": (every, some),
        "wipe": (every,),
    }
    assert found.model_deciders == (every,)
