# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The operator's own Cedar policies are asked, and everything that Cedar passes over denies."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from agentguard.canonical import Frozen, freeze
from agentguard.deciders.cedar import CedarDecider, from_options
from agentguard.testing.deciders import decider_problems, decision_request, principal_named
from agentguard.vocabulary import (
    Assurance,
    Boundary,
    CallAction,
    Chain,
    DecisionRequest,
    Effect,
    Reference,
)

CANARY = "canary-51c0de"
COMMON = """
  agents: Set<Identity>, assurance: Long, claims: {team?: String}, now: Long,
  person?: Person, environment?: String, tenant?: String
"""
SCHEMA = f"""
entity Group;
entity Identity, Person in [Group];
entity Tool, Provider;
action "call_unattended:pay", "call_with_approval:pay" appliesTo {{
  principal: [Identity, Person],
  resource: Tool,
  context: {{
    input: {{amount?: Long, to?: String, tags?: Set<String>, deep?: {{level?: Long}}, price?: decimal}},
    resources: Set<String>, {COMMON}
  }}
}};
action "call_model" appliesTo {{
  principal: Identity,
  resource: Provider,
  context: {{operation: String, model: String, references: Set<String>, {COMMON}}}
}};
"""
POLICIES = """
permit (principal == Identity::"agent:a", action, resource == Tool::"pay")
when { context.input has amount && 1 <= context.input.amount && context.input.amount <= 100 };
permit (principal in Group::"owners", action, resource) when { context has person };
permit (principal == Identity::"agent:a", action == Action::"call_with_approval:pay", resource);
permit (principal == Identity::"agent:a", action == Action::"call_model", resource)
when { context.model like "gpt*" && context.references.isEmpty() };
forbid (principal, action, resource) when { context has environment && context.environment == "codegen" };
forbid (principal, action == Action::"call_unattended:pay", resource)
when { context.input has price && context.input.price.greaterThan(decimal("2.5")) };
"""
ENTITIES = '[{"uid": {"type": "Person", "id": "user:u"}, "attrs": {}, "parents": [{"type": "Group", "id": "owners"}]}]'
REQUEST = decision_request("agent:a", tool="pay")


def made(
    folder: Path,
    policies: str = POLICIES,
    schema: str = SCHEMA,
    entities: str | None = ENTITIES,
    **options: object,
) -> CedarDecider:
    """A decider with files in a folder."""
    files = {"policies": policies, "schema": schema, "entities": entities}
    given: dict[str, object] = dict(options)
    for name, text in files.items():
        if text is not None:
            (folder / name).write_text(text, encoding="utf-8")
            given[name] = name
    return from_options({name: freeze(each) for name, each in given.items()}, folder)


def asked(amount: object = 50, **changes: Any) -> DecisionRequest:
    """A question about a call with an amount."""
    arguments: Mapping[str, Frozen] = {"amount": freeze(amount)}
    return replace(REQUEST, **{"arguments": arguments, **changes})


def effect(decider: CedarDecider, request: DecisionRequest) -> Effect:
    """What a decider decides; an error denies, and holds nothing of the call."""
    try:
        return decider.decide(request).effect
    except Exception as error:  # noqa: BLE001 - the guard takes every error for a denial
        told = (repr(error), str(error.__cause__), str(error.__context__))
    assert CANARY not in " ".join(told)
    return Effect.DENY


def test_it_keeps_to_what_the_guard_expects(tmp_path: Path) -> None:
    """The decider passes the checks that are made for deciders."""
    policies = POLICIES.replace(
        'Action::"call_with_approval:pay", resource);',
        'Action::"call_with_approval:pay", resource) when { context.input has amount };',
    )
    decider = made(tmp_path, policies)
    denied = replace(asked(), arguments={})
    assert decider_problems(decider, allowed=asked(), denied=denied) == ()


@pytest.mark.parametrize(
    "amount", ["51", "5000 ", True, (50,), None, 50.0, 50.5, -5000, 5000, {"value": 50}, 2**53]
)
def test_malformed_arguments_are_denied(tmp_path: Path, amount: Frozen) -> None:
    """An amount of another type or outside of the bounds is denied unattended."""
    decider = made(tmp_path)
    assert effect(decider, asked()) is Effect.ALLOW
    request = replace(REQUEST, arguments={"amount": amount})
    assert effect(decider, request) is Effect.DENY


def test_a_forbid_policy_meets_what_it_cannot_read(tmp_path: Path) -> None:
    """Where the policies would err on an argument, Cedar's answer does not count."""
    # Cedar skips a policy that errs. Under a schema it cannot err on types, but on an overflow.
    policies = (
        'permit (principal, action == Action::"call_unattended:pay", resource);'
        'forbid (principal, action == Action::"call_unattended:pay", resource)'
        " when { context.input has amount"
        " && context.input.amount * 4611686018427387904 > 9223372036854775806 };"
    )
    decider = made(tmp_path, policies)
    assert effect(decider, asked(1)) is Effect.ALLOW
    assert effect(decider, asked(5)) is Effect.DENY


@pytest.mark.parametrize(
    "arguments",
    [
        {"to": {"__entity": {"type": "Group", "id": "owners"}}},
        {"deep": {"__extn": {"fn": "decimal", "arg": "1.0"}}},
        {"__entity": {"type": "Group", "id": "owners"}},
        {"tags": [{"__extn": {"fn": "ip", "arg": "127.0.0.1"}}]},
        {"to": None},
        {"deep": {"level": None}},
        {"price": 0.00001},
        {"price": 1e300},
        {"unlisted": CANARY},
        {"to": "\ud800"},
        {"tags": ["a", 1]},
    ],
)
def test_what_cedar_has_no_word_for_is_denied(tmp_path: Path, arguments: dict[str, object]) -> None:
    """Arguments that Cedar cannot be told, or that its JSON takes for something else, deny."""
    # An object with the key ``__entity`` in an argument would be an entity to Cedar's JSON.
    decider = made(tmp_path)
    whole: Any = {"amount": 50, **arguments}
    frozen: Any = whole if arguments.get("to") == "\ud800" else freeze(whole)
    assert effect(decider, replace(REQUEST, arguments=frozen)) is Effect.DENY


def test_arguments_of_every_kind_are_told(tmp_path: Path) -> None:
    """Text, numbers, decimals, lists and objects reach Cedar as what they are."""
    decider = made(tmp_path)
    arguments: Any = freeze(
        {"amount": 50, "to": CANARY, "tags": ["a", "b"], "deep": {"level": 1}, "price": 2.5}
    )
    request = replace(REQUEST, arguments=arguments)
    assert effect(decider, request) is Effect.ALLOW
    dearer: Any = freeze({"amount": 50, "price": 2.5001})
    assert effect(decider, replace(REQUEST, arguments=dearer)) is Effect.DENY


def test_cedar_is_asked_twice(tmp_path: Path) -> None:
    """What may not happen unattended may be allowed once a person approved it."""
    decider = made(tmp_path)
    large = asked(500)
    assert effect(decider, large) is Effect.DENY
    approved = replace(large, action=CallAction.CALL_WITH_APPROVAL)
    assert effect(decider, approved) is Effect.ALLOW


def test_the_person_is_asked_about_by_itself(tmp_path: Path) -> None:
    """A question about the person of a chain names the person and finds its groups."""
    decider = made(tmp_path)
    user = principal_named("user:u")
    chain = Chain(principals=(user, principal_named("agent:b")))
    request = asked(7, chain=chain, subject=user, resources=("o1",))
    assert effect(decider, request) is Effect.ALLOW
    assert effect(decider, replace(request, subject=chain.actor)) is Effect.DENY
    other = principal_named("user:x")
    stranger = Chain(principals=(other, principal_named("agent:b")))
    assert effect(decider, replace(request, chain=stranger, subject=other)) is Effect.DENY


def test_model_calls_are_asked_about(tmp_path: Path) -> None:
    """A model call is a question about its provider, and nobody can be asked to approve it."""
    decider = made(tmp_path)
    request = replace(
        REQUEST, boundary=Boundary.MODEL, tool="", provider="openai", operation="chat", model="gpt"
    )
    assert effect(decider, request) is Effect.ALLOW
    assert effect(decider, replace(request, model="o1")) is Effect.DENY
    storing = replace(request, references=frozenset({Reference.STORE}))
    assert effect(decider, storing) is Effect.DENY
    asked_for = replace(request, action=CallAction.CALL_WITH_APPROVAL)
    assert effect(decider, asked_for) is Effect.DENY


def test_circumstances_are_told(tmp_path: Path) -> None:
    """Environment, assurance, tenant and the named claims reach Cedar, and no other claim."""
    policies = """
    permit (principal, action == Action::"call_unattended:pay", resource) when {
      context has environment && context.environment == "production" && 1 <= context.assurance &&
      context has tenant && context.tenant == "t1" &&
      context.claims has team && context.claims.team == "x" && 0 < context.now };
    """
    decider = made(tmp_path, policies, claims=["team"])
    agent = replace(
        principal_named("agent:a"),
        assurance=Assurance.TOKEN,
        claims={"team": "x", "other": CANARY},
    )
    chain = Chain(principals=(agent,))
    request = asked(7, chain=chain, subject=agent, environment="production", tenant="t1")
    assert effect(decider, request) is Effect.ALLOW
    assert effect(decider, replace(request, environment="codegen")) is Effect.DENY
    assert effect(decider, replace(request, tenant=None)) is Effect.DENY
    assert effect(made(tmp_path, policies), request) is Effect.DENY


def test_an_unknown_tool_is_denied(tmp_path: Path) -> None:
    """A tool that the schema does not name is denied, since no request about it is valid."""
    assert effect(made(tmp_path), replace(asked(), tool="burn")) is Effect.DENY


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"schema": None}, "'schema' is needed"),
        ({"policies": "permit (principal, action, resource) when { oops };"}, "not valid|read"),
        ({"policies": "permit (principal"}, "'policies'"),
        ({"policies": 'permit (principal, action == Action::"burn", resource);'}, "not valid"),
        ({"schema": "entity"}, "'schema'"),
        ({"entities": "[{}]"}, "'entities'"),
        (
            {"entities": '[{"uid": {"type": "Nobody", "id": "x"}, "attrs": {}, "parents": []}]'},
            "'entities'",
        ),
        ({"claims": [1]}, "'claims'"),
        ({"partial": True}, "not known"),
    ],
)
def test_options_that_cannot_be_used_are_refused(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    """Without valid policies under a schema there is no decider, and the message says what is wrong."""
    with pytest.raises(ValueError, match=named):
        made(tmp_path, **change)


def test_a_missing_file_is_told_by_its_option(tmp_path: Path) -> None:
    """A file that is not there is told by the option that names it."""
    with pytest.raises(ValueError, match="file of 'policies' cannot be read"):
        from_options({"policies": CANARY, "schema": CANARY}, tmp_path)
