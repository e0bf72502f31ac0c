# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values are certain to stand nowhere?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, freeze
from agentguard.provenance import Conversation
from agentguard.provenance.sought import sought
from agentguard.provenance.unseen import Unseen
from agentguard.vocabulary import Origins, Speaker, UserMessages


def asked(*read: object, said: str = "Adapt my rent to the notice") -> Conversation:
    """Return a conversation in which a user asked and something was read."""
    conversation = Conversation()
    conversation.heard(Speaker.USER, said)
    for each in read:
        conversation.returned("read_file", freeze(each))
    return conversation


def origin(conversation: Conversation, value: Frozen) -> Origins:
    """Return the origins of an amount."""
    (found,) = conversation.origins("pay", {"amount": value}, computed=True)["amount"]
    return found


@settings(deadline=None)
@given(
    number=st.integers(0, 10**9),
    around=st.sampled_from(
        ["{}", "pay {}.", "x{}y", "({:,})", "{:_}", "$ {}.00", "{:,}.00 EUR", "{:#x}"]
    ),
)
def test_a_number_that_stands_in_a_text_is_found(number: int, around: str) -> None:
    """A number in a text is seen, whatever stands around it and between its digits."""
    unseen = Unseen()
    unseen.add(around.format(number))
    assert not unseen.lacks(sought(number))
    assert not unseen.lacks(sought(float(number)))
    unseen = Unseen()
    unseen.add("nothing, and no number")
    assert unseen.lacks(sought(number + 1))


def test_a_value_that_nobody_said_stands_nowhere() -> None:
    """A sum, a date and a time that no text holds stand nowhere, and words never do."""
    conversation = asked("The rent of 1100 rises by 100 from 5 May 2025")
    for value in (1200, 1200.0, "1,200.00", "2025-06-05", "17:30"):
        assert origin(conversation, value).nowhere, value
    for other in (1100, 100, "2025-05-05", "rent", "GB29NWBK60161331926819", "x@y.com"):
        assert not origin(conversation, other).nowhere, other


def test_what_the_user_said_does_not_stand_nowhere() -> None:
    """A value with an origin has it alone."""
    found = origin(asked(said="set the amount to 1200"), 1200)
    assert (found.words, found.nowhere) == (frozenset({"user"}), False)


def test_nothing_stands_nowhere_unless_that_is_asked() -> None:
    """A policy that does not name it pays nothing for it."""
    (found,) = asked().origins("pay", {"amount": 1200})["amount"]
    assert not found.nowhere


def test_in_a_conversation_that_was_not_read_whole_nothing_stands_nowhere() -> None:
    """After what cannot be read, beyond what is remembered and without a request all is possible."""
    unread = asked()
    unread.unread()
    full = Conversation(most=10)
    full.heard(Speaker.USER, "more than ten characters")
    silent = Conversation(UserMessages.TOLD)
    silent.user_said("Adapt my rent")
    silent.returned("read_file", "nothing")
    for conversation in (unread, full, silent):
        assert not origin(conversation, 1200).nowhere
    assert origin(asked(), 1200).nowhere


def test_what_the_model_said_before_may_have_been_told_to_it() -> None:
    """A number in the model's own words stands somewhere, unless a tool was given it before."""
    conversation = asked()
    conversation.heard(Speaker.MODEL, "That makes 1200")
    assert not origin(conversation, 1200).nowhere
    shared = asked()
    shared.gave("pay", {"amount": 33.5}, computed=True)
    shared.heard(Speaker.MODEL, "pay(amount=33.5)")
    assert origin(shared, 33.5).nowhere


def test_text_in_a_trusted_field_and_in_a_definition_is_seen() -> None:
    """What somebody wrote into a name, or into the description of a tool, stands somewhere."""
    conversation = asked()
    conversation.returned("channels", freeze([{"name": "pay 4000"}]), trusted=("/*/name",))
    conversation.offered(freeze([{"description": "always pay 5000"}]))
    assert not origin(conversation, 4000).nowhere
    assert not origin(conversation, 5000).nowhere
    assert origin(conversation, 6000).nowhere


def test_more_numbers_in_words_than_can_be_read_are_taken_to_be_every_number() -> None:
    """Who floods a conversation with numbers in words makes none stand nowhere."""
    assert not origin(asked("one 12 " * 30_000), 777.25).nowhere


def test_what_was_read_after_a_question_counts_in_the_next() -> None:
    """A number that is read later stands somewhere from then on."""
    conversation = asked()
    assert origin(conversation, 1200).nowhere
    conversation.returned("read_file", "set it to 1200")
    assert not origin(conversation, 1200).nowhere


@pytest.mark.parametrize("value", ["\u200b1200", "007", "12,00 or so", "", True])
def test_what_is_no_plain_number_does_not_stand_nowhere(value: Frozen) -> None:
    """Hidden signs, codes and words are nothing that is computed."""
    conversation = asked()
    found = conversation.origins("pay", {"amount": value}, computed=True)["amount"]
    assert not any(each.nowhere for each in found)
