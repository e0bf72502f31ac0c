# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The compiled policy decides what the specification says, in whatever order the rules stand."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Const,
    Policy,
    PolicyDocument,
    RuleSpec,
    Specified,
    compile_policy,
    flaws_of,
    specified,
)
from agentguard.policy.constraints.grounds import Plain
from agentguard.vocabulary import (
    AskApproval,
    Chain,
    ChargeLimits,
    Decision,
    Effect,
    Facts,
    Principal,
    PrincipalKind,
    ReceiveOnly,
    TellDoubts,
    ToolCall,
)

SCALE = [Effect.ALLOW, Effect.APPROVE, Effect.DENY]
SEEDS = st.integers(0, 2**64)
Generated = Callable[[int, int], list[Any]]


def summary(decision: Decision) -> Specified:
    """A decision in the words of the specification."""
    asked = [each.profile for each in decision.obligations if isinstance(each, AskApproval)]
    charged: Mapping[str, Decimal] = {
        charge.key.removeprefix("limit:"): charge.amount
        for each in decision.obligations
        if isinstance(each, ChargeLimits)
        for charge in each.charges
    }
    shadow = decision.shadow
    told = [each.doubts for each in decision.obligations if isinstance(each, TellDoubts)]
    return Specified(
        effect=decision.effect,
        rule=decision.rule,
        profile=asked[0] if asked else None,
        charges=charged,
        doubted=frozenset(each.argument for doubts in told for each in doubts),
        shadow=None if shadow is None else (shadow.effect, shadow.rule),
    )


@settings(deadline=None, max_examples=400)
@given(seed=SEEDS)
def test_the_compiled_policy_decides_what_is_specified(generated: Generated, seed: int) -> None:
    """Effect, rule, profile, charges and shadow are those that reading the rules one by one gives."""
    some = generated(seed, 10)
    policy = compile_policy(some[0].document)
    for case in some:
        wanted = specified(case.document, case.call, case.chain, case.circumstances)
        decision = policy.decide(case.call, case.chain, case.circumstances)
        assert summary(decision) == replace(wanted, classes=None), case
        receive = [each for each in decision.obligations if isinstance(each, ReceiveOnly)]
        if wanted.classes is not None:
            assert [each.classes <= wanted.classes for each in receive] == [True], case


@settings(deadline=None)
@given(seed=SEEDS, data=st.data())
def test_the_order_of_the_rules_decides_nothing(
    generated: Generated, seed: int, data: st.DataObject
) -> None:
    """Rules in another order give the same decision, digest included."""
    case = generated(seed, 1)[0]
    shuffled = tuple(data.draw(st.permutations(case.document.rules)))
    assert case.decided(rules=shuffled) == case.decided()


@settings(deadline=None)
@given(seed=SEEDS, data=st.data())
def test_adding_a_deny_rule_never_allows_more(
    generated: Generated, draw: Callable[[int], Any], seed: int, data: st.DataObject
) -> None:
    """With one more deny rule, no decision becomes milder and no more tools are offered."""
    case = generated(seed, 1)[0]
    extra = draw(data.draw(SEEDS)).rule(case.document.environments)
    deny = replace(
        extra,
        id="deny",
        effect=Effect.DENY,
        approval=None,
        assurance=None,
        limits=(),
        references=(),
        classes=None,
        arguments=tuple(replace(each, otherwise=Effect.DENY) for each in extra.arguments),
    )
    document = replace(case.document, rules=(*case.document.rules, deny))
    assume(not flaws_of(document))
    before, after = compile_policy(case.document), compile_policy(document)
    decided = [each.decide(case.call, case.chain, case.circumstances) for each in (before, after)]
    assert SCALE.index(decided[1].effect) >= SCALE.index(decided[0].effect)
    offered = [each.offered_tools(case.chain, case.circumstances) for each in (before, after)]
    assert offered[1] <= offered[0]


@settings(deadline=None)
@given(seed=SEEDS)
def test_what_may_run_is_offered(generated: Generated, seed: int) -> None:
    """A tool that some call may run is among the offered tools."""
    case = generated(seed, 1)[0]
    policy = compile_policy(case.document)
    decision = policy.decide(case.call, case.chain, case.circumstances)
    if isinstance(case.call, ToolCall) and decision.effect is not Effect.DENY:
        assert case.call.tool in policy.offered_tools(case.chain, case.circumstances)


@settings(deadline=None)
@given(
    seed=SEEDS,
    counts=st.dictionaries(
        st.sampled_from(["email", "card", "jwt", "undeclared"]), st.integers(0, 2)
    ),
    where=st.sampled_from([frozenset(), frozenset({"production"})]),
)
def test_settling_only_tightens(
    generated: Generated, seed: int, counts: dict[str, int], where: frozenset[str]
) -> None:
    """A settled decision is the same decision or a denial."""
    case = generated(seed, 1)[0]
    classes = case.document.classes
    if case.document.environments:
        classes = tuple(replace(each, environments=where) for each in classes)
    policy = compile_policy(replace(case.document, classes=classes))
    decision = policy.decide(case.call, case.chain, case.circumstances)
    settled = policy.settle(decision, Facts(counts=counts), case.circumstances)
    assert settled is decision or settled.effect is Effect.DENY


@settings(deadline=None)
@given(
    seed=SEEDS,
    left_out=st.sampled_from(
        [
            {"now": None},
            {"environment": None},
            {"resources": None},
            {"spent": {}},
            {"conversation": None},
        ]
    ),
)
def test_circumstances_that_are_left_out_never_allow_more(
    generated: Generated, seed: int, left_out: dict[str, Any]
) -> None:
    """What is not known is read strictly: without it no decision is milder than with it."""
    case = generated(seed, 1)[0]
    policy = compile_policy(case.document)
    given_all = policy.decide(case.call, case.chain, case.circumstances)
    less = replace(case.circumstances, **left_out)
    decided = policy.decide(case.call, case.chain, less)
    assert SCALE.index(decided.effect) >= SCALE.index(given_all.effect)
    assert policy.offered_tools(case.chain, less) <= policy.offered_tools(
        case.chain, case.circumstances
    )


def loosened(document: PolicyDocument) -> PolicyDocument:
    """A policy in which only rules that allow, and flows, ask where arguments come from.

    A rule that asks or denies for values from somewhere is about these values alone: the more of
    them there are, the stricter it is.
    """

    def plain(rule: RuleSpec) -> RuleSpec:
        asks = rule.effect is not Effect.ALLOW or any(
            each.origins is not None and each.otherwise is Effect.APPROVE for each in rule.arguments
        )
        kept = tuple(
            replace(each, origins=None)
            if asks and (rule.effect is Effect.DENY or each.otherwise is Effect.DENY)
            else each
            for each in rule.arguments
        )
        return replace(rule, arguments=kept)

    return replace(document, rules=tuple(map(plain, document.rules)))


@settings(deadline=None, max_examples=200)
@given(seed=SEEDS, word=st.sampled_from(["user", "tool:read", "host"]))
def test_what_is_relied_on_more_is_never_decided_more_strictly(
    generated: Generated, seed: int, word: str
) -> None:
    """One more origin for every value, or any origin at all, makes no decision stricter."""
    for case in generated(seed, 6):
        policy = compile_policy(loosened(case.document))
        known = case.circumstances
        more = {
            name: tuple(
                replace(
                    each,
                    words=each.words | {word},
                    carries=False,
                    addresses=tuple(words | {word} for words in each.addresses),
                )
                for each in values
            )
            for name, values in known.origins.items()
        }
        effects = [
            SCALE.index(policy.decide(case.call, case.chain, circumstances).effect)
            for circumstances in (
                replace(known, origins=more),
                known,
                replace(known, origins={}),
            )
        ]
        assert effects == sorted(effects)


@settings(deadline=None, max_examples=200)
@given(seed=SEEDS)
def test_a_conversation_that_is_not_known_is_never_decided_more_mildly(
    generated: Generated, seed: int
) -> None:
    """Without its state, or with more that it has seen, no decision on a call is milder."""
    for case in generated(seed, 6):
        policy = compile_policy(case.document)
        known = case.circumstances
        seen = {word for word in known.conversation or () if not word.startswith("asked:")}
        states = [frozenset[str](), frozenset(seen), frozenset({*seen, "untrusted"}), None]
        effects = [
            SCALE.index(
                policy.decide(case.call, case.chain, replace(known, conversation=state)).effect
            )
            for state in states
        ]
        assert effects == sorted(effects)


class Broken(Plain):
    """A constraint that cannot answer."""

    demand = "must not be asked"

    def problem_with(self, value: Frozen) -> str | None:
        """Fail."""
        raise ValueError(value)

    def rules_out(self, value: Frozen) -> bool:
        """Fail."""
        raise ValueError(value)

    def form(self) -> dict[str, Frozen]:
        """Return a form for the digest."""
        return {"broken": True}


FAILS = ArgumentSpec(name="x", constraint=Broken())
CERTAIN = ArgumentSpec(name="a", constraint=Const(value="other"))


@pytest.mark.parametrize("arguments", [(FAILS,), (CERTAIN, FAILS), (FAILS, CERTAIN)])
@pytest.mark.parametrize("effect", list(Effect))
def test_a_rule_that_cannot_be_evaluated_denies_or_allows_nothing(
    policy: Callable[..., Policy], arguments: tuple[ArgumentSpec, ...], effect: Effect
) -> None:
    """With a constraint that fails to answer a rule applies if it denies, and never otherwise."""
    broken = RuleSpec(
        id="broken",
        who=("agent:a",),
        effect=effect,
        tools=("read",),
        arguments=arguments,
        approval="leads" if effect is Effect.APPROVE else None,
    )
    anything = tuple(ArgumentSpec(name=name, constraint=Anything()) for name in "ax")
    plain = replace(broken, id="plain", effect=Effect.ALLOW, arguments=anything, approval=None)
    found = policy(broken, plain)
    call = ToolCall(
        id="c", tool="read", definition="d", received={}, resolved={"a": "value", "x": "value"}
    )
    chain = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))
    decision = found.decide(call, chain)
    denies = effect is Effect.DENY
    assert decision.rule == ("broken" if denies else "plain")
    assert decision.effect is (Effect.DENY if denies else Effect.ALLOW)
    assert summary(decision) == specified(found.document, call, chain)
    alone = policy(broken).decide(call, chain)
    assert alone.effect is Effect.DENY
    assert "value" not in repr(alone)
