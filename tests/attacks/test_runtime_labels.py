# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a value that the host program labelled leave in another form, or under a milder class?

The story: a record is labelled where it is read. Later the agent says it in other forms, and some
other part of the program labels the same value with a class that may pass.
"""

import base64
import json
from collections.abc import Callable

import pytest
from openai import OpenAI

from agentguard import Guard
from agentguard.testing import LoopbackProvider

VALUE = "Project Bluebird, phase 2"
POLICY = """\
version = 1
name = "labels"

[[identity]]
id = "agent:a"

[[provider]]
id = "here"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "chat"
who = "agent:a"
provider = "here"
model = "*"
then = "allow"

[[class]]
name = "harmless"
labelled = true
action = "label"

[[class]]
name = "project"
labelled = true
"""


@pytest.fixture
def guard(acting_under: Callable[[str], Guard]) -> Guard:
    """A guard with a class that passes and one that does not."""
    return acting_under(POLICY)


def say(client: OpenAI, text: str) -> str:
    """Say one thing and return the answer."""
    answer = client.chat.completions.create(model="m", messages=[{"role": "user", "content": text}])
    return str(answer.choices[0].message.content)


@pytest.mark.parametrize(
    "form",
    [
        VALUE,
        json.dumps({"about": [VALUE]}),
        f"x{base64.b64encode(VALUE.encode()).decode()}",
        VALUE.encode().hex(),
    ],
    ids=["plain", "JSON", "base64", "hexadecimal"],
)
def test_a_labelled_value_leaves_in_no_form(
    guard: Guard, client: OpenAI, provider: LoopbackProvider, form: str
) -> None:
    """What was labelled is hidden from then on, encoded as well."""
    guard.label({"title": VALUE}, "project")
    say(client, f"tell me of {form}")
    assert form.encode() not in provider.received_bytes()
    assert form[1:-1].encode() not in provider.received_bytes()


def test_a_labelled_value_comes_back_in_the_answer(
    guard: Guard, client: OpenAI, provider: LoopbackProvider
) -> None:
    """The user of the session reads the value that the model did not get."""
    guard.label({"title": VALUE}, "project")
    assert say(client, f"tell me of {VALUE}") == f"tell me of {VALUE}"
    assert b"[[PROJECT:" in provider.received_bytes()


@pytest.mark.parametrize("first", ["harmless", "project"])
def test_a_milder_label_does_not_undo_a_stricter_one(
    guard: Guard, client: OpenAI, provider: LoopbackProvider, first: str
) -> None:
    """In whatever order a value is labelled, the strictest of its classes decides."""
    guard.label(VALUE, first)
    guard.label(VALUE, "project" if first == "harmless" else "harmless")
    say(client, VALUE)
    assert VALUE.encode() not in provider.received_bytes()


def test_a_value_that_was_said_before_is_hidden_once_it_is_labelled(
    guard: Guard, client: OpenAI, provider: LoopbackProvider
) -> None:
    """What was remembered of a text as harmless is forgotten with a new label."""
    long = f"{VALUE} and so on and on, with more and more words behind it, and no end"
    for text in (VALUE, long):
        say(client, text)
    sent = len(provider.received_bytes())
    guard.label(VALUE, "project", everywhere=True)
    for text in (VALUE, long):
        say(client, text)
    assert VALUE.encode() not in provider.received_bytes()[sent:]
