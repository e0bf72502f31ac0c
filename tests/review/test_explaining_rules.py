# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is said of each rule agrees with what is decided, and repeats nothing of the call."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, freeze
from agentguard.policy import (
    ArgumentSpec,
    FlowSpec,
    IdentitySpec,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
)
from agentguard.policy.constraints import Anything, Const, IntBetween, Match
from agentguard.policy.document import LimitSpec
from agentguard.review.explaining import explain
from agentguard.review.questions import Question
from agentguard.vocabulary import (
    ApprovalProfile,
    Approver,
    Assurance,
    Effect,
    Impact,
    Reference,
)

DOCUMENT = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a"), IdentitySpec(id="agent:b")),
    groups={"team": ("user:u",)},
    tools=(
        ToolSpec(name="pay", impact=Impact.REVERSIBLE, definition="sha256:" + "a" * 64),
        ToolSpec(name="read", impact=Impact.READ_ONLY),
        ToolSpec(name="search", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"})),
    ),
    tool_groups={"all": ("pay", "read")},
    limits=(LimitSpec(name="few", calls=2),),
    environments=("production", "codegen"),
    providers=(ProviderSpec(id="openai", hosts=("api.openai.com",)),),
)
ARGUMENTS = st.lists(
    st.builds(
        ArgumentSpec,
        name=st.sampled_from(["x", "y"]),
        constraint=st.sampled_from(
            [IntBetween(low=0, high=3), Match(pattern="[ab]+"), Const(value="a"), Anything()]
        ),
        optional=st.booleans(),
    ),
    max_size=2,
    unique_by=lambda each: each.name,
).map(tuple)


@st.composite
def rule_specs(draw: st.DrawFn) -> RuleSpec:
    """Rules for tools, some of them in shadow or tied to an environment."""
    effect = draw(st.sampled_from([Effect.ALLOW, Effect.DENY]))
    return RuleSpec(
        id="r",
        who=draw(st.sampled_from([("agent:a",), ("agent:*",)])),
        persons=draw(st.sampled_from([("user:*",), ("group:team",), ()])),
        effect=effect,
        tools=draw(st.sampled_from([("pay",), ("group:all",), ("p*",), ()])),
        impacts=(Impact.REVERSIBLE, Impact.READ_ONLY),
        arguments=draw(ARGUMENTS),
        environments=draw(st.sampled_from([frozenset(), frozenset({"production"})])),
        assurance=draw(st.sampled_from([None, Assurance.TOKEN]))
        if effect is Effect.ALLOW
        else None,
        shadow_until=draw(st.sampled_from([None, None, date(2026, 12, 1)])),
    )


RULES = st.lists(rule_specs(), max_size=5).map(
    lambda rules: tuple(replace(each, id=f"r{place}") for place, each in enumerate(rules))
)
QUESTIONS = st.builds(
    Question,
    actor=st.sampled_from(["agent:a", "agent:b"]),
    person=st.sampled_from([None, "user:u", "user:w"]),
    through=st.sampled_from([(), ("agent:b",)]),
    tool=st.just("pay"),
    definition=st.sampled_from([None, "sha256:" + "b" * 64]),
    arguments=st.dictionaries(
        st.sampled_from(["x", "y", "z"]), st.sampled_from([0, 2, 7, "a", "ab", None]), max_size=2
    ).map(freeze),
    environment=st.sampled_from(["production", "codegen"]),
    assurance=st.sampled_from([Assurance.DECLARED, Assurance.TOKEN]),
    now=st.sampled_from([datetime(2026, 11, 22, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)]),
)


@settings(deadline=None, max_examples=200)
@given(rules=RULES, question=QUESTIONS)
def test_the_rules_that_are_said_to_apply_decide(
    rules: tuple[RuleSpec, ...], question: Question
) -> None:
    """What is decided is what the rules that are said to apply come to, agent by agent."""
    explanation = explain(replace(DOCUMENT, rules=rules), question)
    told = [each for each in explanation.standings if each.applies and not each.in_shadow]
    decision = explanation.decision
    denying = [each for each in told if each.effect is Effect.DENY]
    allowed = all(
        any(each.agent == agent and each.effect is Effect.ALLOW for each in told)
        for agent in question.agents
    )
    assert (decision.effect is Effect.ALLOW) is (allowed and not denying)
    if decision.rule is not None:
        assert any(each.rule == decision.rule and each.effect is decision.effect for each in told)
    for each in explanation.standings:
        assert each.applies is (not each.constraint)


def question(value: Frozen, **changes: object) -> Question:
    """A call with one argument."""
    asked = Question(
        actor="agent:a",
        person="user:u",
        tool="pay",
        arguments=MappingProxyType({"x": value}),
        environment="production",
    )
    return replace(asked, **changes)  # type: ignore[arg-type]  # varied by key


def rule(name: str, **changes: object) -> RuleSpec:
    """A rule that lets agent:a pay from 0 to 3."""
    spec = RuleSpec(
        id=name,
        who=("agent:a",),
        persons=("user:*",),
        effect=Effect.ALLOW,
        tools=("pay",),
        arguments=(ArgumentSpec(name="x", constraint=IntBetween(low=0, high=3)),),
    )
    return replace(spec, **changes)  # type: ignore[arg-type]  # varied by key


def test_what_keeps_a_rule_from_applying_is_said_by_its_key() -> None:
    """Each rule says the first of its keys that is not met, and what this key demands."""
    document = replace(
        DOCUMENT,
        rules=(
            rule("amount"),
            rule("nobody", persons=()),
            rule("place", environments=frozenset({"codegen"})),
            rule("sure", assurance=Assurance.TOKEN),
            rule("none", arguments=()),
        ),
    )
    standings = {each.rule: each for each in explain(document, question("canary-7")).standings}
    assert {name: each.constraint for name, each in standings.items()} == {
        "amount": "args.x",
        "nobody": "for",
        "place": "environments",
        "sure": "assurance",
        "none": "args",
    }
    assert "canary" not in repr(standings)


def test_a_rule_in_shadow_is_said_to_be() -> None:
    """A deny rule in shadow applies and is marked, and the call is allowed."""
    deny = rule("d", effect=Effect.DENY, shadow_until=date(2026, 12, 1))
    asked = question(1, now=datetime(2026, 11, 22, tzinfo=UTC))
    explanation = explain(replace(DOCUMENT, rules=(rule("r"), deny)), asked)
    assert explanation.effect is Effect.ALLOW
    assert [(each.rule, each.in_shadow) for each in explanation.standings] == [
        ("d", True),
        ("r", False),
    ]
    assert explanation.exercised == {"r", "d"}


def test_what_no_rule_lists_is_refused() -> None:
    """A call of a model that refers to what its rule does not list is not called allowed."""
    chat = rule("m", tools=(), arguments=(), providers=("openai",), models=("*",))
    asked = Question(
        actor="agent:a",
        person="user:u",
        provider="openai",
        model="gpt-4o",
        references=(Reference.URL,),
        environment="production",
    )
    explanation = explain(replace(DOCUMENT, rules=(chat,)), asked)
    assert (explanation.effect, explanation.unlisted) == (Effect.DENY, ("url",))


def test_a_tool_at_the_provider_exercises_its_own_rule() -> None:
    """A model call that names an allowed hosted tool exercises the rule of the tool as well."""
    chat = rule("m", tools=(), arguments=(), providers=("openai",), models=("*",))
    search = rule("s", tools=("search",), arguments=())
    asked = Question(
        actor="agent:a",
        person="user:u",
        provider="openai",
        model="gpt-4o",
        hosted=(("web_search", MappingProxyType({})),),
        environment="production",
    )
    explanation = explain(replace(DOCUMENT, rules=(chat, search)), asked)
    assert explanation.effect is Effect.ALLOW
    assert explanation.exercised == {"m", "s"}


LEADS = ApprovalProfile(
    name="leads",
    approvers=(Approver(id="user:carol", key="ed25519:" + "A" * 43 + "="),),
    need=1,
    decide_within=timedelta(hours=4),
    execute_within=timedelta(minutes=10),
    wait=timedelta(),
)
FROM_USER = ArgumentSpec(
    name="x", constraint=Anything(), origins=frozenset({"user"}), otherwise=Effect.DENY
)


def test_a_rule_says_where_an_argument_must_come_from() -> None:
    """A rule that does not apply for an origin says so, and one that asks for it asks."""
    asking = replace(FROM_USER, otherwise=Effect.APPROVE)
    document = replace(
        DOCUMENT,
        profiles=(LEADS,),
        rules=(
            rule("denies", arguments=(FROM_USER,)),
            rule("asks", arguments=(asking,), approval="leads"),
        ),
    )
    explanation = explain(document, question("canary"))
    standings = {each.rule: each for each in explanation.standings}
    assert standings["denies"].constraint == "args.x.from"
    assert standings["denies"].problem == "must come from the user's words"
    assert (standings["asks"].applies, standings["asks"].effect) == (True, Effect.APPROVE)
    assert explanation.effect is Effect.APPROVE
    assert explanation.decision.rule == "asks"
    known = explain(document, question("canary", origins={"x": ("user",)}))
    assert {(each.rule, each.effect) for each in known.standings if each.applies} == {
        ("denies", Effect.ALLOW),
        ("asks", Effect.ALLOW),
    }


def test_a_flow_says_how_it_stands() -> None:
    """A flow applies, has not come about, or is met, and a case that it decides exercises it."""
    flow = FlowSpec(
        id="f", tools=("pay",), after=("untrusted",), arguments_from=("user",), effect=Effect.DENY
    )
    plain = replace(FROM_USER, origins=None)
    document = replace(DOCUMENT, rules=(rule("r", arguments=(plain,)),), flows=(flow,))

    def standing(**changes: object) -> tuple[bool, str, Effect]:
        explanation = explain(document, question("canary", **changes))
        [found] = [each for each in explanation.standings if each.rule == "f"]
        assert ("f" in explanation.exercised) is found.applies
        return found.applies, found.constraint, explanation.effect

    after = {"conversation": ("untrusted",)}
    assert standing() == (False, "after", Effect.ALLOW)
    assert standing(**after) == (True, "", Effect.DENY)
    assert standing(**after, origins={"x": ("user",)}) == (False, "then", Effect.ALLOW)
