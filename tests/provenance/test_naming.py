# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a request name a thing, or do its words only happen to stand in it?"""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen
from agentguard.provenance import Conversation
from agentguard.vocabulary import Speaker


def is_named(text: str, tool: str, argument: str, value: Frozen) -> bool:
    """Say whether the user named a value."""
    conversation = Conversation()
    conversation.heard(Speaker.USER, text)
    (origins,) = conversation.origins(tool, {argument: value}, verbs=("pay",))[argument]
    return "user" in origins.words


NAMED = [
    ("Post it in the 'general' channel", "post_message", "channel", "general", "quoted"),
    ("Post it in the general channel", "post_message", "channel", "general", "the cue follows"),
    ("Post it in #general", "post_message", "channel", "general", "marked"),
    ("Post it in channel lobby", "post_message", "channel", "lobby", "the cue precedes"),
    ("Post it in a channel called general", "post_message", "channel", "general", "called so"),
    ("general", "post_message", "channel", "general", "an answer of one word"),
    ("Send it to Alice", "send", "recipient", "Alice", "written like a name"),
    ("Send Alice's notes", "send", "recipient", "Alice", "of somebody"),
    ("Spotify sent me a note", "send_money", "recipient", "Spotify", "a name may come first"),
    ("Mail Sarah Baker about it", "send", "recipient", "Sarah Baker", "a name of two words"),
    ("Stay at City Hub", "reserve_hotel", "hotel", "City Hub", "a name that begins ordinarily"),
    ("Add Dora to External_0", "add_user", "channel", "External_0", "an identifier"),
    ("the password '1j1l-2k3j'", "update_password", "password", "1j1l-2k3j", "letters and digits"),
    ("Invite Tom, Ann and Eve", "send", "recipient", "Ann", "one of several names"),
    ("Tell O'Neill & Sons", "send", "recipient", "O'Neill & Sons", "a name with a sign"),
    ("send the notes to bob", "send", "recipient", "bob", "addressed"),
    ("share it with bob and ann", "share", "user", "bob", "addressed beside another"),
    ("Delete file 13", "delete_file", "file_id", "13", "the cue precedes"),
    ("Delete file 13", "delete_file", "file_id", 13, "as a number"),
    ("Delete files 11, 12 and 13", "delete_file", "file_id", "13", "in a list"),
    ("Delete the file with id 13", "delete_file", "file_id", "13", "with a link between"),
    ("Delete #13", "delete_file", "file_id", "13", "marked"),
    ("13", "delete_file", "file_id", "13", "an answer of one number"),
    ("Pay Bob 50 euros", "send_money", "amount", 50, "a currency follows"),
    ("Pay Bob $50", "send_money", "amount", 50, "a currency precedes"),
    ("Pay Miller GmbH 120 for the work", "send_money", "amount", 120, "what the verb is about"),
    ("Raise it: pay 7 up to 50", "send_money", "amount", 50, "up to"),
    ("Refund that 10.00 I got", "send_money", "amount", 10.0, "written with a fraction"),
    ("The rent is 2200", "send_money", "amount", 2200, "a long number"),
    (
        "my 100 most recent transactions",
        "get_most_recent_transactions",
        "n",
        100,
        "the cue follows",
    ),
    ("Write to External: Hi, i am a bot", "send", "body", "Hi, i am a bot", "after a colon"),
    (
        "Tell them we meet at noon behind the house",
        "send",
        "body",
        "we meet at noon behind the house",
        "a long run",
    ),
]


@pytest.mark.parametrize(("text", "tool", "argument", "value", "why"), NAMED)
def test_what_a_request_names_is_the_users(
    text: str, tool: str, argument: str, value: Frozen, why: str
) -> None:
    """A value that the request says to be what the argument holds is the user's."""
    assert is_named(text, tool, argument, value), why


ACCIDENTS = [
    ("What do we do on June 13?", "delete_file", "file_id", "13", "a part of a date"),
    ("What do we do at 13:00?", "delete_file", "file_id", "13", "a part of a time"),
    ("Read the 13 pages", "delete_file", "file_id", "13", "a count of something else"),
    ("Read file13.txt", "delete_file", "file_id", "13", "a part of a name"),
    ("Delete file 130", "delete_file", "file_id", "13", "a part of a number"),
    ("Delete 3 of them", "delete_file", "file_id", "3", "a verb is no cue of an identifier"),
    ("Add 3 activities", "add_item", "id", 3, "a verb is no cue of an identifier"),
    ("Send it to all of them", "post", "channel", "all", "a channel called all"),
    ("Tell the team about it", "post", "channel", "the team", "a channel called the team"),
    ("Tell the team about it", "post", "channel", "team", "a channel called team"),
    ("Read my mail, please", "post", "channel", "mail", "a channel called mail"),
    ("In channel the team uses", "post", "channel", "the team", "an article is no name"),
    ("Summarise the hiking trip", "post", "channel", "hiking trip", "said of something else"),
    ("Find the report", "read_file", "path", "report", "a file named like a word"),
    ("Please do it. Find Bob", "post", "channel", "find", "how a sentence begins"),
    ("Mail Sarah Baker", "send", "recipient", "Sarah", "a part of a name"),
    ("Mail Sarah Baker", "send", "recipient", "Baker", "the other part"),
    ("Mail Sarah Baker", "send", "recipient", "Sarah Bakerson", "a longer name"),
    ("post to team-updates channel", "post", "channel", "updates", "a part of a name"),
    ("Send it on Monday", "post", "channel", "Monday", "days are written like names"),
    ("SEND IT TO EVERY SPOT", "post", "channel", "SPOT", "who shouts writes no names"),
    ("write to marketing people", "post", "channel", "marketing", "a part of who is addressed"),
    ("send it to the pals", "post", "channel", "the pals", "an article is no name"),
    ("in March 2022", "send_money", "amount", 2022, "a year"),
]


@pytest.mark.parametrize(("text", "tool", "argument", "value", "why"), ACCIDENTS)
def test_what_only_stands_there_is_not_the_users(
    text: str, tool: str, argument: str, value: Frozen, why: str
) -> None:
    """A value whose words stand in the request for another reason is not the user's."""
    assert not is_named(text, tool, argument, value), why


PLAIN = "please read my mail and tell all of the team about what we do in the office today"


@settings(deadline=None)
@given(st.integers(0, 15), st.integers(1, 2))
def test_a_run_of_ordinary_words_names_nothing(first: int, length: int) -> None:
    """One or two of the words of a plain sentence are no name of a channel."""
    words = PLAIN.split()
    value = " ".join(words[first : first + length])
    if first > 0 and first + length < len(words):
        assert not is_named(PLAIN, "post", "channel", value)


def test_a_word_is_looked_at_in_every_place() -> None:
    """An accident before does not hide that the word is named later."""
    assert is_named("The 13 pages of June 13 are in file 13.", "read_file", "file_id", 13)
