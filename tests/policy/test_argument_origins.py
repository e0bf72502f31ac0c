# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A rule may say where arguments must come from, and what becomes of a call where they do not."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, freeze
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    IntBetween,
    Policy,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.policy.sourcing import carries_nothing, comes_from, is_elsewhere, is_known
from agentguard.vocabulary import (
    AskApproval,
    Chain,
    Circumstances,
    Decision,
    Doubt,
    Effect,
    Impact,
    Origins,
    Principal,
    PrincipalKind,
    Reason,
    ReceiveOnly,
    Remember,
    TellDoubts,
    ToolCall,
)

Compiled = Callable[..., Policy]

USER = Origins(words=frozenset({"user"}), sources=("the user's words",))
CONTACTS = Origins(words=frozenset({"tool:contacts"}))
MAIL = Origins(untrusted=True, sources=("the result of read_email (call 3)",))
HOST = Origins(words=frozenset({"host"}))
NOWHERE = Origins()
APPROVED = Origins(words=frozenset({"approved"}))
ACCEPTED = frozenset({"user", "tool:contacts"})

TOOLS = (
    ToolSpec(name="send", impact=Impact.IRREVERSIBLE, receives=frozenset({"*"})),
    ToolSpec(name="contacts", impact=Impact.READ_ONLY, trusted=("",)),
)


def agents(*names: str) -> Chain:
    """A chain of agents for nobody."""
    return Chain(principals=tuple(Principal(id=each, kind=PrincipalKind.AGENT) for each in names))


def send(**arguments: object) -> ToolCall:
    """A call of send."""
    frozen: Mapping[str, Frozen] = {name: freeze(each) for name, each in arguments.items()}
    return ToolCall(id="c", tool="send", definition="d", received={}, resolved=frozen)


def argument(name: str = "recipient", **changes: object) -> ArgumentSpec:
    """An argument that must come from the user or from contacts."""
    spec = ArgumentSpec(name=name, constraint=Anything(), origins=ACCEPTED)
    return replace(spec, **changes)  # type: ignore[arg-type]  # varied by key


def rule(*arguments: ArgumentSpec, **changes: object) -> RuleSpec:
    """A rule that lets agent:a send."""
    spec = RuleSpec(
        id="mail",
        who=("agent:a",),
        effect=Effect.ALLOW,
        tools=("send",),
        arguments=arguments or (argument(),),
    )
    return replace(spec, **changes)  # type: ignore[arg-type]  # varied by key


def decided(
    policy: Compiled,
    *rules: RuleSpec,
    call: ToolCall,
    chain: tuple[str, ...] = ("agent:a",),
    origins: Mapping[str, tuple[Origins, ...]] | None = None,
) -> Decision:
    """What is decided about a call whose arguments come from there."""
    compiled = policy(*rules, tools=TOOLS)
    return compiled.decide(call, agents(*chain), Circumstances(origins=origins or {}))


def told(decision: Decision) -> tuple[Doubt, ...]:
    """Of what people are told."""
    return next((o.doubts for o in decision.obligations if isinstance(o, TellDoubts)), ())


@pytest.mark.parametrize(
    ("origins", "allowed"),
    [
        ((USER,), True),
        ((CONTACTS,), True),
        ((MAIL,), False),
        ((NOWHERE,), False),
        ((), False),
        ((Origins(words=frozenset({"system", "plan", "host"})),), False),
        ((Origins(words=frozenset({"user"}), untrusted=True),), True),
    ],
)
def test_a_value_must_have_one_of_the_origins_that_a_rule_names(
    policy: Compiled, origins: tuple[Origins, ...], *, allowed: bool
) -> None:
    """An allowing rule applies where the value has one of its origins, and nowhere else."""
    decision = decided(policy, rule(), call=send(recipient="bob@x"), origins={"recipient": origins})
    assert (decision.effect is Effect.ALLOW) is allowed
    if not allowed:
        assert decision.reason is Reason.ORIGIN_DENIED
        assert decision.rule is None


@pytest.mark.parametrize("effect", [Effect.ALLOW, Effect.APPROVE])
def test_what_denies_for_its_origin_names_rule_and_line(policy: Compiled, effect: Effect) -> None:
    """The nearest rule says which origins it demands, and the hint which line would ask."""
    approval = "leads" if effect is Effect.APPROVE else None
    one = rule(effect=effect, approval=approval)
    decision = decided(policy, one, call=send(recipient="canary"), origins={"recipient": (MAIL,)})
    assert decision.nearest is not None
    assert (decision.nearest.rule, decision.nearest.constraint) == ("mail", "args.recipient.from")
    assert "the user's words or the trusted result of contacts" in decision.nearest.problem
    assert decision.hint is not None
    assert "else = 'approve'" in decision.hint
    assert "canary" not in repr(decision)


def test_an_argument_called_from_is_not_taken_for_an_origin(policy: Compiled) -> None:
    """A constraint on an argument named from denies as what no rule allows."""
    one = rule(ArgumentSpec(name="from", constraint=IntBetween(low=0, high=1)))
    decision = decided(policy, one, call=send(**{"from": "x"}))
    assert decision.reason is Reason.NOT_ALLOWLISTED
    other = rule(argument("from"))
    assert decided(policy, other, call=send(**{"from": "x"})).reason is Reason.ORIGIN_DENIED
    third = rule(argument("a.from", constraint=IntBetween(low=0, high=1)))
    denied = decided(policy, third, call=send(**{"a.from": "x"}))
    assert denied.reason is Reason.NOT_ALLOWLISTED


@pytest.mark.parametrize(
    ("value", "origins", "allowed"),
    [
        (["bob@x", "eve@x"], (USER, USER), True),
        (["bob@x", "eve@x"], (USER, MAIL), False),
        (["bob@x", "eve@x"], (USER,), False),
        ({"to": "bob@x", "cc": ["eve@x"]}, (USER, USER, USER, MAIL), False),
        ({"to": "bob@x"}, (USER,), True),
        ({"eve@x": True}, (), False),
        ([], (), True),
        (True, (), True),
        (None, (), True),
        ("", (), True),
        (7, (), False),
        (0.5, (), False),
    ],
)
def test_every_value_at_any_depth_counts(
    policy: Compiled, value: object, origins: tuple[Origins, ...], *, allowed: bool
) -> None:
    """One value without an accepted origin is enough; what holds no value is not in doubt."""
    given_origins = {"recipient": origins} if origins else {}
    decision = decided(policy, rule(), call=send(recipient=value), origins=given_origins)
    assert (decision.effect is Effect.ALLOW) is allowed


def test_a_missing_argument_is_not_in_doubt(policy: Compiled) -> None:
    """An optional argument that is not there comes from nowhere else."""
    one = rule(argument(), argument("cc", optional=True))
    decision = decided(policy, one, call=send(recipient="bob@x"), origins={"recipient": (USER,)})
    assert decision.effect is Effect.ALLOW


ASKS = {"otherwise": Effect.APPROVE}


def test_a_rule_asks_for_what_is_in_doubt_and_allows_the_rest(policy: Compiled) -> None:
    """With else = approve the same rule allows a known value, and asks about another one."""
    one = rule(argument(**ASKS), approval="leads")
    call = send(recipient="canary@x")
    assert decided(policy, one, call=call, origins={"recipient": (USER,)}).effect is Effect.ALLOW
    decision = decided(policy, one, call=call, origins={"recipient": (MAIL,)})
    assert (decision.effect, decision.rule) == (Effect.APPROVE, "mail")
    assert AskApproval(profile="leads") in decision.obligations
    assert told(decision) == (
        Doubt(
            argument="recipient",
            told="only seen in the result of read_email (call 3), not in the user's words or the"
            " trusted result of contacts",
        ),
    )
    duty = next(each for each in decision.obligations if isinstance(each, TellDoubts))
    assert duty.remember is Remember.VALUE
    assert "canary" not in repr(decision)


def test_a_rule_asks_only_where_everything_else_fits(policy: Compiled) -> None:
    """A constraint or a denying origin that fails is not made up for by asking."""
    one = rule(
        argument(**ASKS),
        argument("amount", constraint=IntBetween(low=0, high=9), origins=None),
        argument("body", origins=frozenset({"user"})),
        approval="leads",
    )
    call = send(recipient="bob@x", amount=5, body="hello")
    known = {"recipient": (MAIL,), "body": (USER,)}
    assert decided(policy, one, call=call, origins=known).effect is Effect.APPROVE
    elsewhere = decided(policy, one, call=call, origins={"recipient": (MAIL,), "body": (MAIL,)})
    assert elsewhere.reason is Reason.ORIGIN_DENIED
    assert elsewhere.nearest is not None
    assert elsewhere.nearest.constraint == "args.body.from"
    too_much = send(recipient="bob@x", amount=50, body="hello")
    assert decided(policy, one, call=too_much, origins=known).reason is Reason.NOT_ALLOWLISTED


def test_a_rule_that_asks_anyway_tells_what_is_in_doubt(policy: Compiled) -> None:
    """In a rule that asks, else = approve keeps nothing from being asked, and is told."""
    one = rule(argument(**ASKS), effect=Effect.APPROVE, approval="leads")
    call = send(recipient="bob@x")
    in_doubt = decided(policy, one, call=call, origins={"recipient": (MAIL,)})
    sure = decided(policy, one, call=call, origins={"recipient": (USER,)})
    assert in_doubt.effect is sure.effect is Effect.APPROVE
    assert [each.argument for each in told(in_doubt)] == ["recipient"]
    assert told(sure) == ()


def test_the_doubt_of_one_agent_is_told_for_the_whole_chain(policy: Compiled) -> None:
    """Where the rule of any agent of the chain asks for an origin, the call asks."""
    one = rule(argument(**ASKS), approval="leads")
    other = rule(argument(origins=None), id="free", who=("agent:b",))
    for chain in (("agent:a", "agent:b"), ("agent:b", "agent:a")):
        decision = decided(
            policy,
            one,
            other,
            call=send(recipient="x"),
            chain=chain,
            origins={"recipient": (MAIL,)},
        )
        assert (decision.effect, decision.rule) == (Effect.APPROVE, "mail")
        assert [each.argument for each in told(decision)] == ["recipient"]


@pytest.mark.parametrize(
    ("value", "origins", "denied"),
    [
        ("bob@x", (USER,), True),
        ("bob@x", (MAIL,), True),
        ("bob@x", (HOST,), False),
        ("bob@x", (), True),
        (["bob@x", "eve@x"], (HOST, USER), True),
        (["bob@x", "eve@x"], (HOST, HOST), False),
        (["bob@x", "eve@x"], (HOST,), True),
        ([], (), True),
        ("", (), True),
    ],
)
def test_a_deny_rule_is_evaded_by_no_unknown_origin(
    policy: Compiled, value: object, origins: tuple[Origins, ...], *, denied: bool
) -> None:
    """A deny rule with from applies unless every value certainly comes from elsewhere."""
    deny = rule(id="deny", effect=Effect.DENY)
    free = rule(argument(origins=None), id="free")
    decision = decided(
        policy, deny, free, call=send(recipient=value), origins={"recipient": origins}
    )
    assert (decision.effect is Effect.DENY) is denied


# A mail that named an address of the list of those who must get nothing took the list's word from
# it, and with that the rule that denies them.
@pytest.mark.parametrize(
    ("origins", "denied"),
    [
        (Origins(words=frozenset({"tool:contacts"})), True),
        (Origins(untrusted=True), True),
        (Origins(), True),
        (Origins(words=frozenset({"user"}), untrusted=True), True),
        (Origins(words=frozenset({"user"})), False),
    ],
)
def test_untrusted_content_frees_no_value_from_a_rule_that_denies(
    policy: Compiled, origins: Origins, *, denied: bool
) -> None:
    """What may come from a tool is denied where a rule denies what comes from it."""
    one = argument(origins=frozenset({"tool:contacts"}))
    deny, free = rule(one, id="deny", effect=Effect.DENY), rule(argument(origins=None), id="free")
    call = send(recipient="bob@x")
    decision = decided(policy, deny, free, call=call, origins={"recipient": (origins,)})
    assert (decision.effect is Effect.DENY) is denied


COMPUTED = Origins(nowhere=True)


@pytest.mark.parametrize(
    ("accepted", "origins", "fits"),
    [
        ({"user", "nowhere"}, COMPUTED, True),
        ({"user", "nowhere"}, USER, True),
        ({"user"}, COMPUTED, False),
        ({"nowhere"}, NOWHERE, False),
        ({"nowhere"}, MAIL, False),
        ({"nowhere"}, USER, False),
    ],
)
def test_what_stands_nowhere_is_accepted_by_that_word_alone(
    policy: Compiled, accepted: set[str], origins: Origins, *, fits: bool
) -> None:
    """A computed value fits a rule that names it, and nothing else fits by that word."""
    one = rule(argument(origins=frozenset(accepted)))
    decision = decided(policy, one, call=send(recipient=1200), origins={"recipient": (origins,)})
    assert (decision.effect is Effect.ALLOW) is fits
    assert decided(policy, one, call=send(recipient=1200)).effect is Effect.DENY


@pytest.mark.parametrize(
    ("origins", "denied"),
    [(COMPUTED, True), (NOWHERE, True), (MAIL, False), (USER, False), (APPROVED, True)],
)
def test_a_deny_rule_about_what_stands_nowhere_takes_the_unknown_for_it(
    policy: Compiled, origins: Origins, *, denied: bool
) -> None:
    """What is not known to stand somewhere is denied where a rule denies what stands nowhere."""
    one = argument(origins=frozenset({"nowhere"}))
    deny, free = rule(one, id="deny", effect=Effect.DENY), rule(argument(origins=None), id="free")
    decision = decided(
        policy, deny, free, call=send(recipient=1200), origins={"recipient": (origins,)}
    )
    assert (decision.effect is Effect.DENY) is denied


WORDS = st.frozensets(st.sampled_from(["user", "tool:contacts", "host"]), max_size=2)
ORIGINS = st.builds(
    Origins,
    words=WORDS,
    untrusted=st.booleans(),
    carries=st.booleans(),
    addresses=st.lists(WORDS, max_size=2).map(tuple),
)
VALUES = st.recursive(
    st.sampled_from(["", "a", 0, 1.5, True, None]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from("xy"), inner, max_size=2)
    ),
    max_leaves=5,
)


@settings(deadline=None)
@given(
    value=VALUES,
    origins=st.one_of(st.none(), st.lists(ORIGINS, max_size=6).map(tuple)),
    accepted=WORDS,
)
def test_what_is_not_known_is_neither_there_nor_elsewhere(
    value: object, origins: tuple[Origins, ...] | None, accepted: frozenset[str]
) -> None:
    """No argument both comes from somewhere and certainly does not, and less known says less."""
    arguments = {"x": freeze(value)}
    known = {} if origins is None else {"x": origins}
    here = comes_from(accepted, "x", arguments, known)
    elsewhere = is_elsewhere(accepted, "x", arguments, known)
    assert not (here and elsewhere and origins)
    assert not is_elsewhere(accepted, "x", arguments, {})
    if comes_from(frozenset({"user"}), "x", arguments, {}):
        assert not json.dumps(value).strip('{}[]", truefalsn')
    if is_known("x", arguments, known):
        everything = frozenset(word for each in origins or () for word in each.words)
        assert comes_from(everything, "x", arguments, known)


@pytest.mark.parametrize(
    ("origins", "clean"),
    [
        ((USER,), True),
        ((MAIL,), True),
        ((replace(MAIL, carries=True),), False),
        ((replace(MAIL, addresses=(frozenset({"user"}),)),), True),
        ((replace(MAIL, addresses=(frozenset({"user"}), frozenset({"host"}))),), False),
        ((replace(USER, addresses=(frozenset(),)),), False),
        ((), False),
    ],
)
def test_each_address_in_a_text_counts_by_itself(
    origins: tuple[Origins, ...], *, clean: bool
) -> None:
    """A text of unknown origin may stand, but no address in it that comes from elsewhere."""
    known = {"body": origins}
    assert carries_nothing(ACCEPTED, "body", {"body": "see bob@x"}, known) is clean


def test_a_rule_narrows_the_classes_that_a_tool_receives(policy: Compiled) -> None:
    """Under a rule with classes arguments hold these at most, and for a chain what all allow."""
    call = send(recipient="x")
    plain = argument(origins=None)
    one = rule(plain, classes=frozenset({"pii"}))
    other = rule(plain, id="free", who=("agent:b",), classes=frozenset({"email", "api_key"}))

    def received(*chain: str) -> frozenset[str]:
        decision = decided(policy, one, other, call=call, chain=chain)
        found = [each.classes for each in decision.obligations if isinstance(each, ReceiveOnly)]
        assert len(found) == 1
        return found[0]

    assert received("agent:a") == {"email", "card"}
    assert received("agent:b") == {"email", "api_key"}
    assert received("agent:a", "agent:b") == {"email"}


def test_an_allowing_rule_in_shadow_that_would_ask_lets_nothing_happen(policy: Compiled) -> None:
    """A rule in shadow that allows or else asks is out of force before and after its last day."""
    one = rule(
        argument(**ASKS), approval="leads", shadow_until=date(2026, 6, 15), shadow_irreversible=True
    )
    compiled = policy(one, tools=TOOLS)
    for day in (None, datetime(2026, 6, 15, tzinfo=UTC), datetime(2026, 6, 17, tzinfo=UTC)):
        known = Circumstances(now=day, origins={"recipient": (MAIL,)})
        decision = compiled.decide(send(recipient="x"), agents("agent:a"), known)
        assert decision.effect is Effect.DENY


def test_the_same_rule_in_another_order_asks_alike(policy: Compiled) -> None:
    """A second rule that allows does not overrule one that asks for an origin."""
    one = rule(argument(**ASKS), approval="leads")
    free = rule(argument(origins=None), id="free")
    call = send(recipient="x")
    there, back = (
        decided(policy, *rules, call=call, origins={"recipient": (MAIL,)})
        for rules in ((one, free), (free, one))
    )
    assert there == back
    assert there.effect is Effect.APPROVE


def test_origins_enter_the_digest(policy: Compiled) -> None:
    """Two policies that differ in an origin alone have two digests."""
    document = policy(rule(), tools=TOOLS).document
    other = replace(document, rules=(rule(argument(origins=frozenset({"user"}))),))
    assert compile_policy(other).digest != compile_policy(document).digest
