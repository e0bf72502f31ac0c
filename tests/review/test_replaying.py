# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Recorded calls are decided again on their facts, and what lacks a fact is counted."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import freeze
from agentguard.pipeline import Needs, needs_of
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    FlowSpec,
    IdentitySpec,
    IntBetween,
    LimitSpec,
    OneOf,
    PathBelow,
    Policy,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    SecretStoreSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.review.facts import DecidedCall, Ruling
from agentguard.review.replaying import NO_FACTS, Change, Replay, Replayed, summary
from agentguard.vocabulary import (
    Chain,
    Effect,
    Impact,
    Kind,
    ModelCall,
    Origins,
    Principal,
    PrincipalKind,
    Reason,
    Reference,
    ToolCall,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
ORIGIN = "https://api.example:443"


DOCUMENT = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a"),),
    tools=(
        ToolSpec(name="pay", impact=Impact.IRREVERSIBLE),
        ToolSpec(name="read", impact=Impact.READ_ONLY),
    ),
    providers=(ProviderSpec(id="api", hosts=("api.example",)),),
)


def rule(low: int = 1, high: int = 10, **changes: object) -> RuleSpec:
    """Return a rule that lets an amount be paid."""
    fields: dict[str, object] = {
        "id": "pay",
        "who": ("agent:a",),
        "effect": Effect.ALLOW,
        "tools": ("pay",),
        "arguments": (ArgumentSpec(name="amount", constraint=IntBetween(low=low, high=high)),),
    }
    return RuleSpec(**{**fields, **changes})  # type: ignore[arg-type]  # varied by key


def policy(*rules: RuleSpec, **changes: object) -> Policy:
    """Compile the document with these rules."""
    return compile_policy(replace(DOCUMENT, rules=rules, **changes))  # type: ignore[arg-type]  # varied by key


def pay(amount: object, number: int = 0, **changes: object) -> DecidedCall:
    """Return a payment as nobody has decided it yet."""
    arguments = MappingProxyType({"amount": freeze(amount)})
    decided = DecidedCall(
        call=ToolCall(
            id=f"call-{number}",
            tool="pay",
            definition="d",
            received=arguments,
            resolved=arguments,
        ),
        chain=Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),)),
        session="s",
        at=NOW + timedelta(minutes=number),
        ruling=Ruling(policy="", effect=Effect.DENY),
    )
    return replace(decided, **changes)  # type: ignore[arg-type]  # varied by key


def again(under: Policy) -> Replay:
    """Return what decides calls again under a policy."""
    return Replay(under, needs_of(under))


def recorded(decided: DecidedCall, under: Policy) -> DecidedCall:
    """Return a call as it would have been recorded under a policy."""
    now = again(under)(decided).now
    assert now is not None
    return replace(decided, ruling=now, stopped=now.reason if now.effect is Effect.DENY else None)


@settings(deadline=None)
@given(
    st.lists(st.integers(-3, 14), max_size=8),
    st.tuples(st.integers(0, 5), st.integers(5, 12)),
    st.tuples(st.integers(0, 5), st.integers(5, 12)),
)
def test_what_changes_is_what_the_two_policies_say(
    amounts: list[int], was: tuple[int, int], now: tuple[int, int]
) -> None:
    """A call is in a group exactly if one policy allows it and the other does not."""
    before, after = policy(rule(*was)), policy(rule(*now))
    calls = [recorded(pay(amount, n), before) for n, amount in enumerate(amounts)]
    found = summary(map(again(after), calls))
    counted = {group.change: group.calls for group in found.groups}
    inside = [(was[0] <= each <= was[1], now[0] <= each <= now[1]) for each in amounts]
    assert counted.get(Change.NEWLY_ALLOWED, 0) == inside.count((False, True))
    assert counted.get(Change.NEWLY_DENIED, 0) == inside.count((True, False))
    assert found.same == len(amounts) - sum(counted.values())
    assert found.recorded == len(amounts)


def test_what_widens_most_stands_first() -> None:
    """Newly allowed before newly denied, many calls before few."""
    before, after = policy(rule(1, 5)), policy(rule(4, 9))
    calls = [recorded(pay(amount, n), before) for n, amount in enumerate([1, 2, 3, 6, 7])]
    groups = summary(map(again(after), calls)).groups
    assert [(group.change, group.calls) for group in groups] == [
        (Change.NEWLY_ALLOWED, 2),
        (Change.NEWLY_DENIED, 3),
    ]
    assert groups[0].example == calls[3]
    assert (groups[0].was.effect, groups[0].now.rule) == (Effect.DENY, "pay")
    assert (groups[0].sessions, groups[0].persons) == (1, ())


def test_another_rule_with_the_same_effect_is_no_change() -> None:
    """A call that another rule allows is counted apart, and is in no group."""
    decided = recorded(pay(3), policy(rule()))
    found = summary([again(policy(rule(id="other")))(decided)])
    assert (found.same, found.otherwise, found.groups) == (0, 1, ())


@pytest.mark.parametrize(
    ("was", "now", "change"),
    [
        (Ruling(policy="", effect=Effect.DENY), Effect.APPROVE, Change.NEWLY_ASKED),
        (Ruling(policy="", effect=Effect.APPROVE), Effect.ALLOW, Change.NO_LONGER_ASKED),
        (Ruling(policy="", effect=Effect.ALLOW), Effect.APPROVE, Change.NOW_ASKED),
        (Ruling(policy="", effect=Effect.APPROVE), Effect.DENY, Change.NEWLY_DENIED),
        (
            Ruling(policy="", effect=Effect.APPROVE, profile="a"),
            Effect.APPROVE,
            Change.ASKED_OTHERWISE,
        ),
        (Ruling(policy="", effect=Effect.ALLOW), Effect.ALLOW, None),
    ],
)
def test_every_change_has_a_name(was: Ruling, now: Effect, change: Change | None) -> None:
    """From each effect to each other one, and from one approver to another."""
    replayed = Replayed(decided=pay(1, ruling=was), now=Ruling(policy="", effect=now))
    assert replayed.change is change


def test_a_tool_that_the_policy_does_not_know_is_not_decided() -> None:
    """An unknown tool is no denial: it is counted, with its name."""
    other = policy(tools=(ToolSpec(name="read", impact=Impact.READ_ONLY),))
    replayed = again(other)(pay(1))
    assert (replayed.now, replayed.missing) == (None, "the policy has no tool 'pay'")
    assert summary([replayed, None]).missing == {"the policy has no tool 'pay'": 1, NO_FACTS: 1}


def test_a_call_without_its_objects_is_not_decided() -> None:
    """Where the policy asks which objects a call is about, they must have been recorded."""
    tools = (ToolSpec(name="pay", impact=Impact.IRREVERSIBLE, resource="order"),)
    about = rule(resource=OneOf(options=("o-1",)))
    replay = again(policy(about, tools=tools))
    assert replay(pay(1)).missing == "the objects it was about were not recorded"
    found = replay(pay(1, resources=("o-1",))).now
    assert found is not None
    assert found.effect is Effect.ALLOW


NOTHING = needs_of(policy(rule()))


@pytest.mark.parametrize(
    ("asked", "paths", "decided"),
    [
        (NOTHING, {}, True),
        (replace(NOTHING, roots={"pay": ("/srv",)}), {}, False),
        (replace(NOTHING, roots={"pay": ("/srv",)}), {"/srv": "/srv"}, False),
        (replace(NOTHING, roots={"pay": ("/srv",)}), {"/srv": "/srv", "/srv/a": None}, True),
        (replace(NOTHING, roots={"read": ("/srv",)}), {}, True),
        (replace(NOTHING, secret_paths=("/key",)), {"/key": "/key"}, False),
        (
            replace(NOTHING, secret_paths=("/key",)),
            {"/key": "/key", "/srv/a": "/key", "amount": None},
            True,
        ),
    ],
)
def test_a_call_without_where_its_files_led_is_not_decided(
    asked: Needs,
    paths: Mapping[str, str | None],
    decided: bool,  # noqa: FBT001 - expected
) -> None:
    """Where the policy asks where files lead, that must have been recorded."""
    below = rule(arguments=(ArgumentSpec(name="amount", constraint=PathBelow(roots=("/srv",))),))
    replayed = Replay(policy(below), asked)(pay("/srv/a", paths=paths))
    assert (replayed.missing is None) is decided


def limited(calls: int) -> Policy:
    """Return a policy that lets a session pay so often."""
    known = (LimitSpec(name="often", calls=calls),)
    return policy(rule(limits=("often",)), limits=known)


def test_a_limit_that_is_new_is_counted_in_the_replay() -> None:
    """Calls that happened use up what a candidate's new limit would have had, by session."""
    after = limited(2)
    calls = [recorded(pay(1, n), policy(rule())) for n in range(4)]
    calls.append(recorded(pay(1, 4, session="other"), policy(rule())))
    calls.insert(0, replace(recorded(pay(1, 9), policy(rule())), stopped=Reason.GUARD_ERROR))
    replayed = list(map(again(after), calls))
    effects = [each.now.effect for each in replayed if each.now is not None]
    assert effects == [Effect.ALLOW] * 3 + [Effect.DENY] * 2 + [Effect.ALLOW]
    assert replayed[4].now is not None
    assert replayed[4].now.reason is Reason.LIMIT_REACHED


def test_what_was_counted_when_it_was_decided_counts() -> None:
    """Where a limit was counted at the time, that is what the call is decided on."""
    after = limited(2)
    full = pay(1, spent={"limit:often": Decimal(2)})
    free = pay(1, spent={"limit:often": Decimal(0)})
    rulings = [again(after)(each).now for each in (full, free)]
    assert [each.effect for each in rulings if each is not None] == [Effect.DENY, Effect.ALLOW]


def ask(**changes: object) -> DecidedCall:
    """Return a call of a model."""
    fields: dict[str, object] = {
        "id": "m",
        "operation": "chat",
        "kind": Kind.INFERENCE,
        "verb": "POST",
        "path": "/chat/completions",
        "origin": ORIGIN,
        "model": "m",
        "payload": None,
    }
    return pay(1, call=ModelCall(**{**fields, **changes}))  # type: ignore[arg-type]  # varied by key


CHAT = RuleSpec(id="chat", who=("agent:a",), effect=Effect.ALLOW, providers=("api",), models=("*",))


@pytest.mark.parametrize(
    ("decided", "rules", "reason"),
    [
        (ask(), (CHAT,), None),
        (ask(), (), Reason.NOT_ALLOWLISTED),
        (ask(references=frozenset({Reference.STORE})), (CHAT,), Reason.REFERENCE),
        (
            ask(references=frozenset({Reference.STORE})),
            (replace(CHAT, references=(Reference.STORE,)),),
            None,
        ),
        (ask(forced_tool="pay"), (CHAT,), Reason.NOT_ALLOWLISTED),
        (
            ask(forced_tool="pay"),
            (CHAT, rule(arguments=(ArgumentSpec(name="amount", constraint=Anything()),))),
            None,
        ),
        (ask(origin="https://elsewhere:443"), (CHAT,), Reason.UNKNOWN_PROVIDER),
    ],
)
def test_calls_of_models_are_decided_with_what_they_must_keep_to(
    decided: DecidedCall, rules: tuple[RuleSpec, ...], reason: Reason | None
) -> None:
    """References and a forced tool refuse in a replay what they refuse in the flow."""
    found = again(policy(*rules))(decided).now
    assert found is not None
    assert (found.effect is Effect.DENY, found.reason) == (reason is not None, reason)


def test_a_model_call_without_its_addresses_is_not_decided() -> None:
    """Where the policy names places of secrets, the addresses in a content must be recorded."""
    places = (SecretStoreSpec(name="vault", hosts=("vault.example",)),)
    replay = again(policy(CHAT, secret_stores=places))
    assert replay(ask()).missing == "the addresses in its content were not recorded"
    assert replay(ask(payload=())).now is not None


def test_what_was_found_in_a_call_counts_where_it_was_looked_for() -> None:
    """Classes refuse a call in a replay; where nobody looked, the rules alone decide."""
    replay = again(policy(rule()))
    found = replay(pay(1, counts={"payment_card": 1})).now
    assert found is not None
    assert found.reason is Reason.CLASS_BLOCKED
    unseen = replay(pay(1, counts=None)).now
    assert unseen is not None
    assert unseen.effect is Effect.ALLOW


def test_what_was_too_large_is_not_decided() -> None:
    """A call whose arguments were not kept is no denial either."""
    replayed = again(policy(rule()))(pay(1).without_arguments())
    assert replayed.missing == "its arguments were too large to be kept"


FROM_USER = ArgumentSpec(name="amount", constraint=Anything(), origins=frozenset({"user"}))
TAINTED = FlowSpec(id="f", tools=("pay",), after=("untrusted",), effect=Effect.DENY)
USER = Origins(words=frozenset({"user"}))


def test_where_arguments_came_from_is_replayed() -> None:
    """A call is decided again on the origins that were recorded, and not without them."""
    replay = again(policy(rule(arguments=(FROM_USER,))))
    for origins, effect in (({"amount": (USER,)}, Effect.ALLOW), ({"amount": ()}, Effect.DENY)):
        now = replay(pay(1, origins=origins)).now
        assert now is not None
        assert now.effect is effect
    assert replay(pay(1)).missing == "where its arguments came from was not recorded"


def test_what_a_conversation_had_seen_is_replayed() -> None:
    """A flow decides on what had happened then; where that was not looked for, nothing is said."""
    under = policy(rule(), flows=(TAINTED,))
    replay = again(under)
    for seen, effect in ((frozenset[str](), Effect.ALLOW), ({"untrusted"}, Effect.DENY)):
        now = replay(pay(1, conversation=frozenset(seen))).now
        assert now is not None
        assert now.effect is effect
    unheard = pay(1)
    assert replay(unheard).missing == "what had happened in its conversation was not recorded"
    # The policy that decided it knew no more, and read that strictly.
    own = replace(unheard.ruling, policy=under.digest)
    now = replay(replace(unheard, ruling=own)).now
    assert now is not None
    assert (now.effect, now.rule) == (Effect.DENY, "f")
