# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a policy decide its cases as expected, and does every rule have a case?

Every case is decided twice: by the compiled policy and by the specification. A rule counts as
exercised when a case is decided by it; nothing takes a rule out of this.
It reads no file.

INVARIANT: a rule, or a flow, that decides no case fails the test (tests/review/test_cases_judged.py).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from agentguard.policy import PolicyDocument, Specified, compile_policy, specified
from agentguard.policy.decision import Policy
from agentguard.review.explaining import Explanation, explain
from agentguard.review.questions import NotAQuestion, Question
from agentguard.vocabulary import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """A call, and what should be decided about it.

    Attributes:
        name: what the case is called.
        question: the call.
        effect: what should be decided.
        rule: the rule that should decide; None where that does not matter.
    """

    name: str
    question: Question
    effect: Effect
    rule: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """How a case went.

    Attributes:
        expectation: the case.
        problem: why it failed, None where it did not.
        explanation: what was decided; None for a case that could not be asked.
    """

    expectation: Expectation
    problem: str | None
    explanation: Explanation | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How all cases went.

    Attributes:
        judged: the cases, in their order.
        unexercised: the ids of the rules and flows that decide no case, in the order of the policy.
    """

    judged: tuple[Judged, ...]
    unexercised: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Whether every case went as expected and every rule has one."""
        return not self.unexercised and all(each.problem is None for each in self.judged)


def judge(document: PolicyDocument, cases: Iterable[Expectation]) -> Verdict:
    """Decide cases and say which rules none of them exercises."""
    policy = compile_policy(document)
    judged = tuple(_judged(document, policy, each) for each in cases)
    exercised = frozenset(
        rule
        for each in judged
        if each.explanation is not None
        for rule in each.explanation.exercised
    )
    return Verdict(
        judged=judged,
        unexercised=tuple(
            name
            for name in (*(e.id for e in document.rules), *(e.id for e in document.flows))
            if name not in exercised
        ),
    )


def _judged(document: PolicyDocument, policy: Policy, expectation: Expectation) -> Judged:
    try:
        explanation = explain(document, expectation.question, policy)
    except NotAQuestion as error:
        return Judged(expectation=expectation, problem=str(error), explanation=None)
    problem = _disagreement(document, explanation) or _disappointment(expectation, explanation)
    return Judged(expectation=expectation, problem=problem, explanation=explanation)


def _disagreement(document: PolicyDocument, explanation: Explanation) -> str | None:
    question, decision = explanation.question, explanation.decision
    wanted: Specified = specified(
        document, question.call(document), question.chain(), question.circumstances(document)
    )
    said = decision.effect.value, None if decision.effect is Effect.DENY else decision.rule
    should = wanted.effect.value, None if wanted.effect is Effect.DENY else wanted.rule
    if said == should:
        return None
    return (
        f"the compiled policy says {said} where its specification says {should}:"
        " please report this as a bug of agentguard"
    )


def _disappointment(expectation: Expectation, explanation: Explanation) -> str | None:
    decision = explanation.decision
    if explanation.effect is not expectation.effect:
        return f"expected {expectation.effect.value!r}, but it is {explanation.effect.value!r}"
    if expectation.rule is not None and expectation.rule not in explanation.exercised:
        decided = "no rule" if decision.rule is None else f"rule {decision.rule!r}"
        return f"expected rule {expectation.rule!r} to decide, but {decided} did"
    return None
