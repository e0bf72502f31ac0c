# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""From recorded calls come rules that let them happen, and say what they rest on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import freeze
from agentguard.pipeline import needs_of
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    EqualsClaim,
    Holder,
    IdentitySpec,
    IntBetween,
    LimitSpec,
    OneOf,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
)
from agentguard.review.facts import DecidedCall, Ruling
from agentguard.review.learning import LEAST_SUPPORT, MOST_PERSONS, Learner, proven
from agentguard.review.learning_values import Classes
from agentguard.review.lessons import Lessons, Proposal
from agentguard.vocabulary import (
    ApprovalProfile,
    Approver,
    Assurance,
    Chain,
    Effect,
    HostedTool,
    Impact,
    ModelCall,
    Principal,
    PrincipalKind,
    Reason,
    Reference,
    ToolCall,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SHOWN = Classes(text=lambda _: False)


LEADS = ApprovalProfile(
    name="leads",
    approvers=(
        Approver(id="user:carol", key="ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="),
    ),
    need=1,
    decide_within=timedelta(hours=1),
    execute_within=timedelta(hours=1),
    wait=timedelta(),
)
DOCUMENT = PolicyDocument(
    name="p",
    environments=("production",),
    identities=(IdentitySpec(id="agent:a"), IdentitySpec(id="agent:b")),
    groups={"team": ("user:0", "user:1", "user:2"), "pair": ("user:0", "user:1")},
    tools=(
        ToolSpec(name="pay", impact=Impact.IRREVERSIBLE),
        ToolSpec(name="order", impact=Impact.IRREVERSIBLE, resource="order"),
        ToolSpec(name="read", impact=Impact.READ_ONLY),
        ToolSpec(name="search", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"})),
    ),
    profiles=(LEADS,),
    limits=(LimitSpec(name="often", calls=1000),),
    rules=(
        RuleSpec(
            id="old",
            who=("agent:a",),
            effect=Effect.ALLOW,
            tools=("pay",),
            limits=("often",),
        ),
    ),
    providers=(ProviderSpec(id="api", hosts=("api.example",)),),
)


def call(number: int, *, tool: str = "pay", **arguments: object) -> ToolCall:
    """Return a call of a tool."""
    given = MappingProxyType({name: freeze(value) for name, value in arguments.items()})
    return ToolCall(id=f"call-{number}", tool=tool, definition="d", received=given, resolved=given)


def person(number: int, **claims: Any) -> Principal:
    """Return a person."""
    return Principal(id=f"user:{number}", kind=PrincipalKind.USER, claims=claims)


def agent(name: str = "a", assurance: Assurance = Assurance.DECLARED) -> Principal:
    """Return an agent."""
    return Principal(id=f"agent:{name}", kind=PrincipalKind.AGENT, assurance=assurance)


def done(number: int, what: ToolCall | ModelCall, *who: Principal, **changes: Any) -> DecidedCall:
    """Return a call that was let happen."""
    decided = DecidedCall(
        call=what,
        chain=Chain(principals=who or (agent(),)),
        session=f"s-{number}",
        at=NOW + timedelta(hours=number),
        environment="production",
        ruling=Ruling(policy="p", effect=Effect.ALLOW, rule="some"),
    )
    return replace(decided, **changes)


def lessons(
    calls: list[DecidedCall], document: PolicyDocument = DOCUMENT, **options: Any
) -> Lessons:
    """Learn from calls."""
    given: dict[str, Any] = {"marked": (), "classes": SHOWN, **options}
    learner = Learner(document, **given)
    for each in calls:
        learner.take(each)
    return learner.lessons()


def only(calls: list[DecidedCall], document: PolicyDocument = DOCUMENT, **options: Any) -> Proposal:
    """Return the only proposal."""
    (proposal,) = lessons(calls, document, **options).proposals
    return proposal


values = st.one_of(
    st.integers(-5, 5),
    st.text("ab 1-", max_size=5),
    st.booleans(),
    st.none(),
    st.floats(-2, 2),
    st.lists(st.text("ab", max_size=2), max_size=3),
    st.dictionaries(st.sampled_from("xy"), st.integers(0, 3), max_size=2),
)
traffic = st.lists(
    st.tuples(
        st.sampled_from(["pay", "read"]),
        st.dictionaries(st.sampled_from(["one", "two", "a b"]), values, max_size=3),
        st.lists(st.sampled_from("ab"), min_size=1, max_size=2, unique=True),
        st.none() | st.integers(0, 3),
        st.sampled_from([Effect.ALLOW, Effect.APPROVE]),
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None, max_examples=60)
@given(traffic)
def test_what_is_proposed_lets_happen_what_it_was_learned_from(
    seen: list[tuple[str, dict[str, Any], list[str], int | None, Effect]],
) -> None:
    """Whatever the calls were, a policy of the proposed rules denies none of them."""
    calls = []
    for number, (tool, arguments, agents, who, effect) in enumerate(seen * 40):
        chain = tuple(agent(name) for name in agents)
        chain = chain if who is None else (person(who), *chain)
        profile = "leads" if effect is Effect.APPROVE else None
        ruling = Ruling(policy="p", effect=effect, rule="some", profile=profile)
        made = call(number, tool=tool, **arguments)
        calls.append(done(number, made, *chain, ruling=ruling))
    learned = lessons(calls)
    proof = proven(DOCUMENT, learned, needs_of)
    assert learned.too_few == {}
    assert (proof.calls, proof.let_happen) == (len(calls), len(calls))


def test_a_rule_says_no_more_than_the_calls() -> None:
    """Who, for whom, where, how surely and which arguments: all as it was seen."""
    calls = [
        done(
            number,
            call(number, amount=number, currency=["eur", "usd"][number % 2]),
            replace(person(number % 2), assurance=Assurance.TOKEN),
            agent("a", Assurance.ATTESTED),
        )
        for number in range(40)
    ]
    proposal = only(calls)
    rule = proposal.rule
    assert rule.id == "learned-a-pay-production"
    assert (rule.who, rule.persons, rule.tools) == (("agent:a",), ("group:pair",), ("pay",))
    assert rule.environments == {"production"}
    assert rule.assurance is Assurance.TOKEN
    assert rule.arguments == (
        ArgumentSpec(name="amount", constraint=IntBetween(low=0, high=39)),
        ArgumentSpec(name="currency", constraint=OneOf(options=("eur", "usd"))),
    )
    assert (proposal.calls, proposal.persons, proposal.sessions, proposal.days) == (40, 2, 40, 3)
    amount = next(each for each in proposal.support if each.name == "args.amount")
    assert (amount.calls, amount.values, amount.persons, amount.days) == (40, 40, 2, 3)


@pytest.mark.parametrize(
    ("people", "persons", "caution"),
    [
        (range(1), ("group:pair",), False),
        (range(3), ("group:team",), False),
        (range(5), tuple(f"user:{n}" for n in range(5)), False),
        (range(MOST_PERSONS + 1), ("user:*",), True),
    ],
)
def test_a_rule_is_for_as_few_as_can_be_named(
    people: range,
    persons: tuple[str, ...],
    caution: bool,  # noqa: FBT001 - expected
) -> None:
    """The smallest group that holds all, or a list; everybody only with a word of caution."""
    calls = [
        done(number, call(number), person(number % len(people)), agent()) for number in range(40)
    ]
    proposal = only(calls)
    assert proposal.rule.persons == persons
    assert any("in no group" in each for each in proposal.cautions) is caution


def test_calls_for_nobody_get_a_rule_of_their_own() -> None:
    """A rule for persons never lets an agent act alone, nor the other way round."""
    calls = [done(number, call(number)) for number in range(20)]
    calls += [done(number, call(number), person(1), agent()) for number in range(20, 40)]
    alone, somebody = lessons(calls).proposals
    assert (alone.rule.persons, somebody.rule.persons) == ((), ("group:pair",))
    assert alone.rule.id != somebody.rule.id


def test_every_agent_of_a_chain_gets_a_rule() -> None:
    """Each must be permitted on its own, so each is learned about."""
    calls = [done(number, call(number), person(1), agent(), agent("b")) for number in range(20)]
    found = lessons(calls)
    assert [each.rule.who for each in found.proposals] == [("agent:a",), ("agent:b",)]
    assert [each.rule.who for each in lessons(calls, agent="agent:b").proposals] == [("agent:b",)]


def test_a_claim_is_found_where_it_always_equals_the_argument() -> None:
    """An agent that only ever named its own customer may name no other one."""
    calls = [
        done(
            number,
            call(number, customer=f"c-{number % 3}"),
            person(1, id_=f"c-{number % 3}"),
            agent(),
        )
        for number in range(40)
    ]
    (argument,) = only(calls).rule.arguments
    assert argument.constraint == EqualsClaim(holder=Holder.PERSON, claim="id_")
    strange = done(40, call(40, customer="c-1"), person(1, id_="c-2"), agent())
    (argument,) = only([*calls, strange]).rule.arguments
    assert argument.constraint != EqualsClaim(holder=Holder.PERSON, claim="id_")


def test_objects_are_learned_where_they_were_recorded() -> None:
    """The objects of a tool become a constraint; of one call without them nothing is said."""
    calls = [
        done(number, call(number, tool="order"), resources=(f"o-{number:03}",))
        for number in range(40)
    ]
    proposal = only(calls)
    assert proposal.rule.resource is not None
    assert proposal.rule.resource.problem_with("o-041") is None
    assert proposal.rule.resource.problem_with("x") is not None
    assert "resource" in {each.name for each in proposal.support}
    assert only([*calls, done(40, call(40, tool="order"))]).rule.resource is None


def test_what_was_approved_is_still_asked() -> None:
    """A rule from calls that people approved asks them again."""
    ruling = Ruling(policy="p", effect=Effect.APPROVE, rule="some", profile="leads")
    proposal = only([done(number, call(number), ruling=ruling) for number in range(20)])
    assert (proposal.rule.effect, proposal.rule.approval) == (Effect.APPROVE, "leads")


def test_limits_are_not_lost() -> None:
    """A rule that takes the place of one with a limit has that limit, too."""
    ruling = Ruling(policy="p", effect=Effect.ALLOW, rule="old")
    proposal = only([done(number, call(number), ruling=ruling) for number in range(20)])
    assert proposal.rule.limits == ("often",)


def chat(number: int, **changes: Any) -> ModelCall:
    """Return a call of a model."""
    fields: dict[str, Any] = {
        "id": f"call-{number}",
        "operation": "chat",
        "verb": "POST",
        "path": "/chat/completions",
        "origin": "https://api.example:443",
        "model": "small",
        "payload": None,
    }
    return ModelCall(**{**fields, **changes})


def test_models_operations_and_references_are_learned() -> None:
    """A rule for models names those that were asked, by which endpoint, and what they kept."""
    calls = [done(n, chat(n, references=frozenset({Reference.STORE}))) for n in range(20)]
    calls += [done(n, chat(n, path="/embeddings", model="embed")) for n in range(20, 40)]
    calls += [done(n, chat(n, path="/files", model="")) for n in range(40, 60)]
    without, named = sorted(
        (each.rule for each in lessons(calls).proposals), key=lambda rule: len(rule.models)
    )
    assert (without.models, without.operations) == ((), ("POST /files",))
    assert named.models == ("embed", "small")
    assert named.operations == ("POST /chat/completions", "POST /embeddings")
    assert named.references == (Reference.STORE,)
    proof = proven(DOCUMENT, lessons(calls), needs_of)
    assert proof.let_happen == proof.calls == 60


def test_tools_at_the_provider_are_learned_by_what_they_were_given() -> None:
    """A hosted tool that a request named gets a rule for its own members."""
    tool = HostedTool(
        type="web_search", arguments={"size": "low"}, pointer="/tools/0", removable=True
    )
    calls = [done(n, chat(n, hosted_tools=(tool,))) for n in range(20)]
    found = lessons(calls)
    hosted = next(each.rule for each in found.proposals if each.rule.tools)
    assert hosted.tools == ("search",)
    assert [each.name for each in hosted.arguments] == ["size"]
    proof = proven(DOCUMENT, found, needs_of)
    assert proof.let_happen == proof.calls == 20


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"stopped": Reason.APPROVAL_PENDING}, "they were refused"),
        ({"ruling": Ruling(policy="p", effect=Effect.DENY)}, "they were refused"),
        ({"omitted": True}, "their arguments were too large to be kept"),
        ({"environment": "elsewhere"}, "the policy no longer has what they name"),
        ({"call": call(1, tool="gone")}, "the policy no longer has what they name"),
        (
            {"chain": Chain(principals=(agent("gone"),))},
            "the policy no longer has what they name",
        ),
        (
            {"ruling": Ruling(policy="p", effect=Effect.APPROVE, profile="gone")},
            "the policy no longer has what they name",
        ),
        (
            {"call": chat(1, origin="https://gone.example:443")},
            "the policy no longer has what they name",
        ),
    ],
)
def test_nothing_is_learned_from_what_says_nothing(change: dict[str, Any], why: str) -> None:
    """Refused calls, calls without arguments, and calls of what is gone are left out and counted."""
    strange = [done(number, call(number), **change) for number in range(30)]
    found = lessons([*strange, None])  # type: ignore[list-item]  # one of which no facts are kept
    assert found.proposals == ()
    assert found.left_out == {why: 30, "no facts of them are kept": 1}


def test_nothing_is_learned_from_a_marked_session() -> None:
    """A session in which something was refused teaches nothing, its other calls included."""
    calls = [done(number, call(number, amount=number), session="bad") for number in range(30)]
    found = lessons(calls, marked={calls[0].session_key})
    assert found.proposals == ()
    assert found.left_out == {"something was refused in their session": 30}


def test_few_calls_are_told_and_not_learned_from() -> None:
    """Below the least support nothing is proposed, and what was too little is named."""
    found = lessons([done(number, call(number)) for number in range(LEAST_SUPPORT - 1)])
    assert found.proposals == ()
    assert list(found.too_few.values()) == [LEAST_SUPPORT - 1]


def test_an_argument_that_was_seldom_there_is_optional_and_pointed_out() -> None:
    """What only a few of the calls had may be missing, and is to be looked at."""
    calls = [done(number, call(number, amount=number)) for number in range(40)]
    calls.append(done(40, call(40, amount=1, note="once")))
    proposal = only(calls)
    note = next(each for each in proposal.rule.arguments if each.name == "note")
    assert note.optional
    told = next(each for each in proposal.support if each.name == "args.note")
    assert "seen in 1 calls only" in (told.caution or "")


def test_anything_is_never_let_through_without_a_word() -> None:
    """Wherever a constraint admits any value or any text, somebody is told to look at it."""
    words = ("so", "many", "words!")
    calls = [
        done(
            number,
            call(
                number,
                text=" ".join(words[number // 3**each % 3] for each in range(5)),
                any=[1, "a"][number % 2],
            ),
        )
        for number in range(40)
    ]
    proposal = only(calls)
    by_name = {each.name: each for each in proposal.support}
    assert "free text" in (by_name["args.text"].caution or "")
    assert "irreversible" in (by_name["args.text"].caution or "")
    assert by_name["args.any"].caution
    assert Anything() in [each.constraint for each in proposal.rule.arguments]


def test_values_that_stood_for_a_placeholder_are_not_told() -> None:
    """What the model never saw is in no proposal, nor in a repr."""
    calls = [
        done(number, call(number, to="canary-of-a-value"), marked={"to": ("PERSON",)})
        for number in range(40)
    ]
    proposal = only(calls)
    assert "canary" not in repr([each.constraint.form() for each in proposal.rule.arguments])
    assert "canary" not in repr(proposal)


def test_ids_of_proposed_rules_are_new() -> None:
    """A rule that is proposed never takes the place of one that is there."""
    taken = replace(DOCUMENT.rules[0], id="learned-a-pay-production-alone")
    document = replace(DOCUMENT, rules=(*DOCUMENT.rules, taken))
    proposal = only([done(number, call(number)) for number in range(20)], document)
    assert proposal.rule.id == "learned-a-pay-production-alone-2"


def test_classes_of_the_policy_count_by_name() -> None:
    """What stands behind a name of a class is not told, even as a number."""
    classes = Classes(text=lambda _: False, name=lambda name: name == "account")
    calls = [done(number, call(number, account=4711)) for number in range(40)]
    assert "4711" not in repr(only(calls, classes=classes).rule.arguments)
