# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A case fails where it is decided otherwise, and a rule fails that decides no case."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from agentguard.policy import IdentitySpec, PolicyDocument, RuleSpec, ToolSpec
from agentguard.policy.specified import DENIED
from agentguard.review import cases
from agentguard.review.cases import Expectation, judge
from agentguard.review.questions import Question
from agentguard.vocabulary import Effect, Impact

ALLOW = RuleSpec(
    id="allow", who=("agent:a",), persons=("user:*",), effect=Effect.ALLOW, tools=("read",)
)
DENY = replace(ALLOW, id="deny", effect=Effect.DENY, persons=("user:w",))
DOCUMENT = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a"),),
    tools=(ToolSpec(name="read", impact=Impact.READ_ONLY),),
    rules=(ALLOW, DENY),
)


def case(person: str, effect: Effect, rule: str | None = None) -> Expectation:
    """A case of reading for somebody."""
    question = Question(actor="agent:a", person=person, tool="read")
    return Expectation(name=person, question=question, effect=effect, rule=rule)


def test_every_rule_needs_a_case_that_it_decides() -> None:
    """A rule that is only outvoted in every case counts as one without a case."""
    allowed, denied = case("user:u", Effect.ALLOW), case("user:w", Effect.DENY, "deny")
    assert judge(DOCUMENT, [allowed, denied]).passed
    assert judge(DOCUMENT, [denied]).unexercised == ("allow",)
    assert judge(DOCUMENT, [allowed]).unexercised == ("deny",)


def test_a_case_that_is_decided_otherwise_fails() -> None:
    """A wrong expectation of effect or rule is told, and nothing else is."""
    wrong = judge(DOCUMENT, [case("user:u", Effect.DENY), case("user:w", Effect.DENY, "allow")])
    assert [each.problem is None for each in wrong.judged] == [False, False]
    assert not wrong.passed


def test_a_rule_in_shadow_counts_where_it_would_have_decided() -> None:
    """A deny rule that is recorded only is exercised by a case that it would have denied."""
    shadow = replace(DENY, shadow_until=date(2026, 12, 1))
    asked = case("user:w", Effect.ALLOW)
    today = replace(asked, question=replace(asked.question, now=datetime(2026, 11, 22, tzinfo=UTC)))
    assert judge(replace(DOCUMENT, rules=(ALLOW, shadow)), [today]).passed


def test_a_difference_from_the_specification_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """A case that the specification decides otherwise fails, though it is as expected."""
    monkeypatch.setattr(cases, "specified", lambda *_: DENIED)
    (judged,) = judge(DOCUMENT, [case("user:u", Effect.ALLOW)]).judged
    assert judged.problem is not None
    assert "specification" in judged.problem


def test_what_is_no_call_fails() -> None:
    """A case that asks about no call fails with what is wrong with it."""
    (judged,) = judge(DOCUMENT, [case("somebody", Effect.DENY)]).judged
    assert judged.problem is not None
    assert judged.explanation is None
