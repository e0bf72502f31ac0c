# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What ``policy diff`` finds is what trying every call of a small world finds."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import product
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, freeze
from agentguard.policy import (
    ArgumentSpec,
    Constraint,
    IdentitySpec,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.policy.constraints import (
    AllOf,
    Anything,
    Const,
    DecimalBetween,
    Each,
    EmailAt,
    EqualsClaim,
    Forbidden,
    Holder,
    HostIn,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    PathBelow,
    Prefix,
    UrlParts,
)
from agentguard.policy.decision import Policy
from agentguard.policy.document import LimitSpec
from agentguard.review.difference import Change, Kind, difference
from agentguard.review.explaining import explain
from agentguard.review.questions import Question
from agentguard.vocabulary import (
    Action,
    ApprovalProfile,
    Approver,
    Assurance,
    DataClass,
    Effect,
    Impact,
    Reference,
)

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
KEY = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
LATER = NOW + timedelta(days=30)


def profile(name: str) -> ApprovalProfile:
    """An approval profile."""
    return ApprovalProfile(
        name=name,
        approvers=(Approver(id="user:carol", key=KEY),),
        need=1,
        decide_within=timedelta(hours=1),
        execute_within=timedelta(hours=1),
        wait=timedelta(),
    )


BASE = PolicyDocument(
    name="base",
    identities=(IdentitySpec(id="agent:a"), IdentitySpec(id="agent:b")),
    tools=(
        ToolSpec(name="pay", impact=Impact.REVERSIBLE),
        ToolSpec(name="read", impact=Impact.READ_ONLY),
        ToolSpec(name="object", impact=Impact.READ_ONLY, resource="order"),
    ),
    profiles=(profile("leads"),),
    providers=(ProviderSpec(id="openai", hosts=("api.openai.com",)),),
    environments=("production", "codegen"),
)

# A world in which every call can be tried. Each constraint below tells its values apart.
VALUES: tuple[Frozen, ...] = (
    *(0, 1, 2, 3, 4, 5, True, 1.0, 2.5, None, (), (1,), (1, 2), (4,), (1, 4)),
    *("a", "b", "ab", "abc", "1.5", "3.00", "x@a.com", "a.com", "b.com", "https://a.com/"),
    *("/srv/a/x", "/srv/b", "acme"),
    MappingProxyType({"m": 1}),
    MappingProxyType({"m": 4}),
    freeze({"m": 1, "n": "a"}),
)
CONSTRAINTS: tuple[Constraint, ...] = (
    IntBetween(low=0, high=1),
    IntBetween(low=1, high=4),
    IntBetween(low=5, high=9),
    NumberBetween(low=1, high=2.5),
    NumberBetween(low=2, high=4),
    DecimalBetween(low=Decimal(1), high=Decimal(3), places=1),
    DecimalBetween(low=Decimal(2), high=Decimal(5)),
    OneOf(options=("a", 1)),
    OneOf(options=("a", "b", True)),
    Const(value="a"),
    Match(pattern="[ab]+"),
    Match(pattern="a.*"),
    Match(pattern="(?i)AB?"),
    Prefix(text="ab"),
    Length(least=1, most=2),
    AllOf(parts=(Match(pattern="[a-z]+"), Length(least=2, most=3))),
    Each(options=(1, 2), most=2),
    Each(options=(1, 4), least=0, most=1),
    Items(item=IntBetween(low=1, high=2), least=0, most=2),
    Items(item=IntBetween(low=1, high=5), most=2),
    Members(members=(("m", IntBetween(low=0, high=2), False),)),
    Members(members=(("m", Anything(), False), ("n", Match(pattern="a"), True))),
    EmailAt(domains=("a.com",)),
    HostIn(names=("a.com", "b.com")),
    HostIn(names=("a.com",)),
    HostIn(names=("b.com",)),
    UrlParts(hosts=("a.com",)),
    UrlParts(hosts=("a.com", "b.com")),
    PathBelow(roots=("/srv/a",)),
    PathBelow(roots=("/srv",)),
    EqualsClaim(holder=Holder.PERSON, claim="customer"),
    Forbidden(),
    Anything(),
)
ARGUMENTS = st.lists(
    st.builds(
        ArgumentSpec,
        name=st.sampled_from(["x", "y"]),
        constraint=st.sampled_from(CONSTRAINTS),
        optional=st.booleans(),
    ),
    max_size=2,
    unique_by=lambda each: each.name,
).map(tuple)


@st.composite
def tool_rules(draw: st.DrawFn) -> RuleSpec:
    """A rule about tools."""
    effect = draw(st.sampled_from([Effect.ALLOW, Effect.ALLOW, Effect.APPROVE, Effect.DENY]))
    allows = effect is not Effect.DENY
    arguments = draw(ARGUMENTS)
    people: list[tuple[str, ...]] = [("user:*",), ("user:u",)]
    if not any(isinstance(each.constraint, EqualsClaim) for each in arguments):
        people.append(())
    return RuleSpec(
        id="r",
        who=draw(st.sampled_from([("agent:a",), ("agent:*",)])),
        persons=draw(st.sampled_from(people)),
        effect=effect,
        tools=draw(st.sampled_from([("pay",), ("pay", "read")])),
        arguments=arguments,
        approval="leads" if effect is Effect.APPROVE else None,
        environments=draw(st.sampled_from([frozenset(), frozenset({"production"})])),
        assurance=draw(st.sampled_from([None, None, Assurance.TOKEN])) if allows else None,
        shadow_until=draw(st.sampled_from([None, None, None, date(2026, 12, 1)])),
    )


RULES = st.lists(tool_rules(), max_size=4).map(
    lambda rules: tuple(replace(each, id=f"r{place}") for place, each in enumerate(rules))
)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[PolicyDocument, PolicyDocument]:
    """Two versions of a policy, of which the second may hold rules of the first."""
    before = draw(RULES)
    kept = tuple(rule for rule in before if draw(st.booleans()))
    added = tuple(replace(each, id=f"n{each.id}") for each in draw(RULES))
    return replace(BASE, rules=before), replace(BASE, rules=kept + added[:2])


def world() -> Iterator[Question]:
    """Every call that the small world knows."""
    few = (0, 2, 4, "a", "ab", "acme")
    arguments: list[dict[str, Frozen]] = [{}, {"z": 1}, *({"x": value} for value in VALUES)]
    arguments += [{"y": value} for value in few]
    arguments += [{"x": one, "y": other} for one, other in product(few, few)]
    people: tuple[tuple[str | None, Frozen], ...] = (
        (None, None),
        ("user:u", None),
        ("user:w", "acme"),
        ("user:w", ("a", "b")),
    )
    certain = ((Assurance.DECLARED, NOW), (Assurance.TOKEN, NOW), (Assurance.TOKEN, LATER))
    for (person, customer), place, (level, at), chosen in product(
        people, ("production", "codegen"), certain, arguments
    ):
        yield Question(
            actor="agent:a",
            person=person,
            tool="pay",
            arguments=MappingProxyType(chosen),
            environment=place,
            assurance=level,
            claims={} if customer is None else {"person": {"customer": customer}},
            now=at,
        )


WORLD = tuple(world())


def effect(policy: Policy, document: PolicyDocument, question: Question) -> Effect:
    """What a policy decides about a call."""
    return explain(document, question, policy, rules=False).effect


def kind_of(before: Effect, after: Effect) -> Kind | None:
    """The difference between two decisions."""
    return {
        (Effect.DENY, Effect.ALLOW): Kind.ALLOWS,
        (Effect.DENY, Effect.APPROVE): Kind.ASKS,
        (Effect.APPROVE, Effect.ALLOW): Kind.ALLOWS_UNASKED,
        (Effect.ALLOW, Effect.APPROVE): Kind.ASKS_FIRST,
        (Effect.ALLOW, Effect.DENY): Kind.DENIES,
        (Effect.APPROVE, Effect.DENY): Kind.DENIES,
    }.get((before, after))


def about(changes: tuple[Change, ...], target: str) -> tuple[Change, ...]:
    """The changes about one tool of agent:a, those of conditions apart."""
    return tuple(
        each
        for each in changes
        if each.target == target
        and "agent:a" in each.identities
        and each.kind is not Kind.OTHERWISE
    )


def assert_real(before: PolicyDocument, after: PolicyDocument, changes: tuple[Change, ...]) -> None:
    """Hold every witness against both versions, compiled anew."""
    one, other = compile_policy(before), compile_policy(after)
    for each in changes:
        if each.witness is None or each.kind is Kind.OTHERWISE:
            continue
        question = replace(each.witness, now=each.witness.now or NOW)
        found = kind_of(effect(one, before, question), effect(other, after, question))
        assert found is each.kind


@settings(deadline=None, max_examples=30)
@given(pair=pairs())
def test_what_is_found_is_what_trying_everything_finds(
    pair: tuple[PolicyDocument, PolicyDocument],
) -> None:
    """Every difference that a call of the small world shows is found, and every witness is real."""
    before, after = pair
    changes = about(difference(before, after, NOW).changes, "pay")
    assert_real(before, after, changes)
    one, other = compile_policy(before), compile_policy(after)
    found = {each.kind for each in changes}
    for question in WORLD:
        kind = kind_of(effect(one, before, question), effect(other, after, question))
        assert kind is None or kind in found, question


def allow(name: str, *arguments: ArgumentSpec, **changes: object) -> RuleSpec:
    """A rule that lets agent:a pay for anybody."""
    rule = RuleSpec(
        id=name,
        who=("agent:a",),
        persons=("user:*",),
        effect=Effect.ALLOW,
        tools=("pay",),
        arguments=arguments,
    )
    return replace(rule, **changes)  # type: ignore[arg-type]  # varied by key


def found(before: PolicyDocument, after: PolicyDocument) -> tuple[Change, ...]:
    """The differences between two versions, each witness held against both."""
    changes = difference(before, after, NOW).changes
    assert_real(before, after, changes)
    return changes


def with_rules(*rules: RuleSpec, **changes: object) -> PolicyDocument:
    """A version with these rules."""
    return replace(BASE, rules=rules, **changes)  # type: ignore[arg-type]  # varied by key


def number(low: int, high: int, name: str = "amount") -> ArgumentSpec:
    """An argument between two numbers."""
    return ArgumentSpec(name=name, constraint=IntBetween(low=low, high=high))


def test_a_policy_does_not_differ_from_itself() -> None:
    """The same rules under other ids, in another order and with a group split are no difference."""
    one, other = allow("one", number(1, 5)), allow("two", number(6, 9))
    before = with_rules(one, other)
    after = with_rules(replace(other, id="three"), replace(one, id="four", who=("agent:a",)))
    assert not difference(before, after, NOW).widens
    assert difference(before, after, NOW).changes == ()


def test_ranges_that_cover_one_range_together_are_no_difference() -> None:
    """Two rules whose ranges meet allow exactly what one rule with both ranges allows."""
    before = with_rules(allow("one", number(1, 5)), allow("two", number(6, 9)))
    assert found(before, with_rules(allow("all", number(1, 9)))) == ()


def test_one_more_is_found_with_a_call_for_it() -> None:
    """A bound that is one higher newly allows exactly the number that the witness has."""
    changes = found(with_rules(allow("r", number(1, 5))), with_rules(allow("r", number(1, 6))))
    assert [(each.kind, each.rule) for each in changes] == [(Kind.ALLOWS, "r")]
    assert changes[0].witness is not None
    assert dict(changes[0].witness.arguments) == {"amount": 6}


def test_patterns_are_compared_as_the_texts_that_they_match() -> None:
    """Patterns that are written differently and match the same texts are no difference."""
    before = with_rules(
        allow("r", ArgumentSpec(name="x", constraint=Match(pattern="(a|b)(a|b)?"))),
        allow("s", ArgumentSpec(name="x", constraint=Match(pattern="c"))),
    )
    after = with_rules(allow("r", ArgumentSpec(name="x", constraint=Match(pattern="[ab]{1,2}|c"))))
    assert found(before, after) == found(after, before) == ()


def test_removing_a_rule_that_denies_is_found() -> None:
    """What only a removed deny rule kept out is newly allowed, a missing argument included."""
    rule = allow("r", ArgumentSpec(name="x", constraint=Anything(), optional=True))
    deny = allow("d", ArgumentSpec(name="x", constraint=Match(pattern="del.*")), effect=Effect.DENY)
    changes = found(with_rules(rule, deny), with_rules(rule))
    assert [(each.kind, each.rule) for each in changes] == [(Kind.ALLOWS, "r")]


def test_what_cannot_be_decided_is_told() -> None:
    """A deny rule on URLs that is written otherwise is told as not decided, never left out."""
    rule = allow("r", ArgumentSpec(name="x", constraint=Match(pattern="https://[a-z/]+")))

    def deny(*paths: str) -> RuleSpec:
        constraint = UrlParts(hosts=("*",), paths=paths)
        return allow("d", ArgumentSpec(name="x", constraint=constraint), effect=Effect.DENY)

    changes = found(with_rules(rule, deny("/a", "/b")), with_rules(rule, deny("/b", "/c")))
    assert Kind.ALLOWS in {each.kind for each in changes}


def test_several_objects_in_one_call_are_looked_at() -> None:
    """Two rules for one object each do not allow a call about both, and one for both does."""

    def about_objects(name: str, *ids: str) -> RuleSpec:
        return allow(name, tools=("object",), resource=OneOf(options=ids))

    before = with_rules(about_objects("one", "o-1"), about_objects("two", "o-2"))
    changes = found(before, with_rules(about_objects("both", "o-1", "o-2")))
    assert [each.kind for each in changes] == [Kind.ALLOWS]
    assert changes[0].witness is not None
    assert set(changes[0].witness.resources or ()) == {"o-1", "o-2"}


def test_models_operations_and_references_are_compared() -> None:
    """A wider glob, another operation and another reference are each found."""

    def chat(*models: str, **changes: object) -> RuleSpec:
        return allow("m", tools=(), providers=("openai",), models=models, **changes)

    narrow = with_rules(chat("gpt-4*"))
    for wider in (
        with_rules(chat("gpt-*")),
        with_rules(chat("gpt-4*", operations=("chat", "embeddings"))),
        with_rules(chat("gpt-4*", references=(Reference.STORE,))),
    ):
        assert [each.kind for each in found(narrow, wider)] == [Kind.ALLOWS]
        assert [each.kind for each in found(wider, narrow)] == [Kind.DENIES]
    split = with_rules(chat("gpt-4*"), replace(chat("gpt-5", "gpt-4o"), id="n"))
    assert found(split, with_rules(chat("gpt-4*", "gpt-5"))) == ()


def test_a_tool_at_the_provider_is_shown_in_a_call_of_a_model() -> None:
    """A hosted tool that is newly allowed comes with a model call that names it."""
    tool = ToolSpec(name="search", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"}))
    chat = allow("m", tools=(), providers=("openai",), models=("*",))
    member = ArgumentSpec(name="size", constraint=OneOf(options=("low",)), optional=True)
    tools = (*BASE.tools, tool)
    before = with_rules(chat, tools=tools)
    after = with_rules(chat, allow("s", member, tools=("search",)), tools=tools)
    changes = found(before, after)
    assert [(each.kind, each.target) for each in changes] == [(Kind.ALLOWS, "search")]
    assert changes[0].witness is not None
    assert changes[0].witness.hosted[0][0] == "web_search"


def test_a_limit_that_is_left_out_is_found() -> None:
    """A rule that no longer counts its calls is told as one that counts otherwise."""
    limits = (LimitSpec(name="few", calls=3),)
    before = with_rules(allow("r", number(1, 5), limits=("few",)), limits=limits)
    after = with_rules(allow("r", number(1, 5)), limits=limits)
    assert [each.kind for each in found(before, after)] == [Kind.OTHERWISE]
    assert difference(before, after, NOW).widens


def test_what_origins_a_rule_demands_is_told_as_not_decided() -> None:
    """A rule that demands other origins may let more happen, and this is said, not left out."""
    anything = ArgumentSpec(name="x", constraint=Anything(), origins=frozenset({"user"}))
    before = with_rules(allow("r", anything))
    for after in (
        replace(anything, origins=frozenset({"user", "host"})),
        replace(anything, origins=None),
    ):
        [change] = found(before, with_rules(allow("r", after)))
        assert (change.kind, change.rule, change.witness) == (Kind.ALLOWS, "r", None)
        assert "'from'" in change.note
    assert found(before, before) == ()


def test_classes_that_a_rule_no_longer_narrows_are_found() -> None:
    """A rule without its classes is told as one under which arguments may hold otherwise."""
    tools = tuple(replace(each, receives=frozenset({"*"})) for each in BASE.tools)
    classes = (DataClass(name="email", family="pii", action=Action.TOKENISE),)
    before, after = (
        with_rules(allow("r", number(1, 5), classes=held), tools=tools, classes=classes)
        for held in (frozenset[str](), None)
    )
    assert [each.kind for each in found(before, after)] == [Kind.OTHERWISE]


def test_what_a_shadow_hides_until_later_is_found() -> None:
    """A deny rule that is in force later, and gone in the second version, is found today."""
    rule = allow("r", number(1, 5))
    deny = replace(rule, id="d", effect=Effect.DENY, shadow_until=NOW.date(), persons=("user:*",))
    changes = found(with_rules(rule, deny), with_rules(rule))
    assert [each.kind for each in changes] == [Kind.ALLOWS]
    assert changes[0].witness is not None
    assert changes[0].witness.now is not None
    assert changes[0].witness.now.date() > NOW.date()


def test_a_new_identity_is_told_with_what_it_may_do() -> None:
    """An agent that the first version does not declare is newly allowed what its rules allow."""
    after = with_rules(
        allow("r", number(1, 5), who=("agent:new",)),
        identities=(*BASE.identities, IdentitySpec(id="agent:new")),
    )
    changes = found(with_rules(), after)
    assert [(each.kind, each.identities) for each in changes] == [(Kind.ALLOWS, ("agent:new",))]


@pytest.mark.parametrize("count", [300])
def test_many_rules_are_compared_where_they_differ(count: int) -> None:
    """Among many rules the two that differ are found, each with its call."""
    rules = [allow(f"r{place}", number(place * 10, place * 10 + 5)) for place in range(count)]
    changed = [*rules]
    changed[7] = allow("r7", number(70, 77))
    changed[9] = allow("r9", number(90, 94))
    kinds = {(each.kind, each.rule) for each in found(with_rules(*rules), with_rules(*changed))}
    assert kinds == {(Kind.ALLOWS, "r7"), (Kind.DENIES, "r9")}
