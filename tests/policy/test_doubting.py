# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where values come from is told in words that hold nothing of them."""

from hypothesis import given
from hypothesis import strategies as st

from agentguard.policy.doubting import (
    doubt_about,
    doubt_about_addresses,
    doubt_about_asking,
    doubt_about_unknown,
    in_words,
    telling,
)
from agentguard.vocabulary import (
    AskApproval,
    Decision,
    Doubt,
    Effect,
    Origins,
    Remember,
    TellDoubts,
)

USER = frozenset({"user"})
MAIL = Origins(untrusted=True, sources=("the result of read_email (call 3)",))
ASKING = Decision(effect=Effect.APPROVE, policy="p", obligations=(AskApproval(profile="leads"),))


def test_it_is_told_where_a_value_was_seen_and_where_not() -> None:
    """A doubt names the sources of the values in doubt, and the origins that were wanted."""
    known = Origins(words=USER, sources=("the user's words",))
    assert doubt_about("to", (known, MAIL), USER).told == (
        "only seen in the result of read_email (call 3), not in the user's words"
    )
    assert doubt_about("to", (), USER).told == "not seen anywhere before, not in the user's words"
    assert doubt_about_unknown("to", (known, MAIL)).told == doubt_about("to", (MAIL,), USER).told


def test_a_source_is_told_once_and_many_are_counted() -> None:
    """Sources are told once each, three by name, and of more how many there are."""
    twice = doubt_about("to", (MAIL, MAIL), USER).told
    assert twice.count("read_email") == 1
    many = Origins(sources=tuple(f"page {number}" for number in range(5)))
    assert "page 0, page 1, page 2 and 2 more" in doubt_about("to", (many,), USER).told


def test_addresses_are_told_of_with_the_texts_that_hold_them() -> None:
    """Of addresses in a text it is told where this text was seen."""
    plain = Origins(sources=("the user's words",))
    carrying = Origins(carries=True, sources=("page 1",))
    told = doubt_about_addresses("body", (plain, carrying), USER).told
    assert "page 1" in told
    assert "the user's words" in told.partition(", not in ")[2]
    assert "may hold" in doubt_about_addresses("body", (), USER).told


@given(
    st.sets(st.sampled_from(["user", "system", "host", "approved", "plan", "nowhere", "tool:a"]))
)
def test_every_origin_has_words_for_people(accepted: set[str]) -> None:
    """Each origin that a rule accepts is told, by a name that is not the policy's word for it."""
    told = in_words(accepted)
    assert len(told.split(" or ")) == max(1, min(2, len(accepted)))
    assert ("anything else" in told) is (len(accepted) > 2)
    assert bool(told) is bool(accepted)


def test_of_an_argument_people_are_told_once() -> None:
    """What was told first of an argument stays, and what counts for least is remembered."""
    one, other = Doubt(argument="to", told="one"), Doubt(argument="to", told="other")
    asking = doubt_about_asking()
    first = telling(ASKING, [one], Remember.SOURCE)
    second = telling(first, [other, asking], Remember.NOTHING)
    assert second.obligations == (
        AskApproval(profile="leads"),
        TellDoubts(doubts=(one, asking), remember=Remember.NOTHING),
    )
    assert telling(ASKING, []) is ASKING
