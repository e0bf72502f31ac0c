# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which answer of a decider counts, when it is asked several questions?"""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.pipeline import NoAnswer, questions
from agentguard.vocabulary import (
    Boundary,
    CallAction,
    Chain,
    DecisionRequest,
    Effect,
    Principal,
    PrincipalKind,
    Verdict,
)

STRICTNESS = list(Effect)
UNATTENDED, ATTENDED = CallAction


def request(action: CallAction) -> DecisionRequest:
    """Return a question."""
    actor = Principal(id="agent:a", kind=PrincipalKind.AGENT)
    return DecisionRequest(
        call_id="c",
        action=action,
        subject=actor,
        chain=Chain(principals=(actor,)),
        boundary=Boundary.TOOL,
        tool="t",
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )


def answered(
    requests: list[DecisionRequest], answers: list[dict[CallAction, Effect]]
) -> tuple[Effect, list[CallAction]]:
    """Answer each question by its action, and return what comes of it."""
    asked: list[CallAction] = []
    flow = questions(requests)
    by_request = iter(answers)
    answer: dict[CallAction, Effect] = {}
    try:
        question = next(flow)
        while True:
            if question in requests:
                answer = next(by_request)
            asked.append(question.action)
            question = flow.send(Verdict(effect=answer[question.action]))
    except StopIteration as done:
        found: Effect = done.value
        return found, asked


EFFECTS = st.sampled_from(STRICTNESS)
ANSWERS = st.lists(st.fixed_dictionaries(dict.fromkeys(CallAction, EFFECTS)), max_size=4)


def meant(answer: dict[CallAction, Effect], action: CallAction) -> Effect:
    """Say what two answers mean for one question."""
    plain = answer[action]
    if plain is not Effect.DENY or action is ATTENDED:
        return plain
    return Effect.DENY if answer[ATTENDED] is Effect.DENY else Effect.APPROVE


@given(ANSWERS, st.sampled_from(CallAction))
def test_the_strictest_answer_wins(
    answers: list[dict[CallAction, Effect]], action: CallAction
) -> None:
    """Whatever is answered to which question, no answer is milder than the strictest of them."""
    requests = [request(action) for _ in answers]
    found, _ = answered(list(requests), answers)
    expected = max((meant(each, action) for each in answers), key=STRICTNESS.index, default=None)
    assert found is (expected or Effect.ALLOW)


def test_a_denial_ends_the_questions() -> None:
    """Once somebody may not, nobody else is asked about."""
    denies = dict.fromkeys(CallAction, Effect.DENY)
    allows = dict.fromkeys(CallAction, Effect.ALLOW)
    _, asked = answered([request(ATTENDED)] * 2, [denies, allows])
    assert asked == [ATTENDED]


@pytest.mark.parametrize("answer", [None, True, "yes", Effect.ALLOW, {"effect": "allow"}])
def test_what_is_no_verdict_is_no_answer(answer: object) -> None:
    """Nothing that merely looks like an answer is taken for one, at either question."""
    flow = questions([request(UNATTENDED)])
    next(flow)
    with pytest.raises(NoAnswer):
        flow.send(answer)
    flow = questions([request(UNATTENDED)])
    next(flow)
    flow.send(Verdict(effect=Effect.DENY))
    with pytest.raises(NoAnswer):
        flow.send(answer)
