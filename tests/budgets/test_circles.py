# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Circles are seen in digests alone, in runs of any length."""

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.budgets import Circle, Loop, Rounds
from agentguard.budgets.loops import MOST_REMEMBERED

A, B, SENT, LOST = b"a", b"b", b"sent", b"lost"


def circle(rounds: Rounds, call: bytes, *, polls: bool = False) -> Circle | None:
    """What a call would go on with, where three of each are allowed."""
    return rounds.circle(call, same=3, turns=2, failures=3, polls=polls)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.binary(max_size=4), unique=True, max_size=40))
def test_different_calls_are_no_circle(calls: list[bytes]) -> None:
    """Calls that are all different are no circle, whatever they give."""
    rounds = Rounds()
    for call in calls:
        assert circle(rounds, call) is None
        rounds.returned(call, SENT, polls=False)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from((SENT, LOST)), max_size=12))
def test_only_unchanged_results_count(results: list[bytes]) -> None:
    """A call is refused exactly when its last three results are the same."""
    rounds = Rounds()
    for result in results:
        rounds.returned(A, result, polls=False)
    found = circle(rounds, A)
    same = len(results) >= 3 and len(set(results[-3:])) == 1
    assert (found is not None and found.reached) == same


def test_turns_with_a_changed_result_are_no_circle() -> None:
    """Two calls that take turns go on as long as one of them tells something else."""
    rounds = Rounds()
    for n in range(8):
        rounds.returned(A, SENT, polls=True)
        rounds.returned(B, str(n).encode(), polls=False)
    assert circle(rounds, A) is None


def test_a_success_ends_a_row_of_failures() -> None:
    """Failures count only in a row."""
    rounds = Rounds()
    for _ in range(5):
        rounds.failed()
        rounds.failed()
        rounds.returned(A, SENT, polls=True)
    assert circle(rounds, B) is None
    for _ in range(3):
        rounds.failed()
    found = circle(rounds, B)
    assert found == Circle(loop=Loop.FAILURES, count=3, reached=True)


def test_something_new_ends_the_count_of_refusals() -> None:
    """A run that got on after a refusal is not stopped for what it did long before."""
    rounds = Rounds()
    assert rounds.refused() == 1
    rounds.returned(A, SENT, polls=False)
    assert rounds.refused() == 1
    rounds.returned(A, SENT, polls=False)
    assert rounds.refused() == 2


def test_a_long_run_is_not_remembered_whole() -> None:
    """What lies too far back is forgotten."""
    rounds = Rounds()
    for n in range(2 * MOST_REMEMBERED):
        rounds.returned(str(n).encode(), SENT, polls=False)
    assert repr(rounds) == f"Rounds({MOST_REMEMBERED} calls)"
