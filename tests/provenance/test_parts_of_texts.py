# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a text that is put together of what was said known by its parts?"""

from agentguard.provenance import Conversation
from agentguard.vocabulary import Origins, Speaker


def heard(*, untrusted: str = "") -> Conversation:
    """Return a conversation about a dinner."""
    conversation = Conversation()
    conversation.heard(Speaker.USER, "Make an event called 'Dinner at {name}' for my trip to Rome.")
    conversation.returned("places", ("Golden Fork", "Blue Door"), trusted=("",))
    if untrusted:
        conversation.returned("reviews", untrusted)
    return conversation


def origins(conversation: Conversation, title: str) -> tuple[Origins, ...]:
    """Return the origins of a title."""
    return conversation.origins("create_event", {"title": title})["title"]


def test_each_part_has_its_own_origin() -> None:
    """The user's words and a name from a trusted list are told apart."""
    found = origins(heard(), "Dinner at Golden Fork")
    assert [each.words for each in found] == [{"user"}, {"tool:places"}]


def test_words_of_grammar_between_parts_carry_nothing() -> None:
    """What stands between the parts may be words of grammar."""
    found = origins(heard(), "Dinner at Golden Fork for my trip to Rome")
    assert all(each.words for each in found)


def test_a_word_that_nobody_said_leaves_no_parts() -> None:
    """One more word, and the text stands nowhere."""
    assert [each.words for each in origins(heard(), "Dinner at Golden Fork SECRET")] == [set()]


def test_a_part_that_untrusted_content_says_as_well_has_no_origin() -> None:
    """A trusted name that a review names is no longer from the list."""
    found = origins(heard(untrusted="Golden Fork is the best"), "Dinner at Golden Fork")
    assert [each.words for each in found] == [{"user"}, set()]


def test_the_users_words_alone_make_no_name() -> None:
    """A run of the user's words that names nothing does not become a name in this way."""
    assert [each.words for each in origins(heard(), "for my trip")] == [set()]
