# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a message that only shows a guarded result told apart from one that says more?"""

import json
from collections.abc import Callable

import pytest

from agentguard.canonical import freeze
from agentguard.provenance import Conversation
from agentguard.vocabulary import Speaker

RESULT = {
    "name": 'Ann "Annie"\tLee',
    "email": "ann@corp.com",
    "age": 41.0,
    "note": None,
    "ok": True,
}
LINES = "email: ann@corp.com\nage: 41.0\nname: 'Ann \"Annie\"\n\n  Lee'\nnote: null\nok: true"
RENDERINGS: list[tuple[Callable[[], str], str]] = [
    (lambda: json.dumps(RESULT), "JSON"),
    (lambda: json.dumps(RESULT, indent=2), "JSON in lines"),
    (lambda: str(RESULT), "as Python prints it"),
    (lambda: LINES, "YAML, in another order"),
    (lambda: json.dumps([{"type": "text", "text": json.dumps(RESULT)}]), "JSON in JSON"),
    (lambda: json.dumps(RESULT)[:40], "cut"),
    (
        lambda: json.dumps(RESULT).replace("ann@corp.com", "[[EMAIL:7KQ2M4XA]]"),
        "with a placeholder",
    ),
]


def words(message: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the origins of an address, and the state, after a message of a tool."""
    conversation = Conversation()
    conversation.returned(
        "people", freeze(RESULT), trusted=("/email", "/name", "/note", "/age", "/ok")
    )
    conversation.heard(Speaker.TOOL, message, tool="people")
    (origins,) = conversation.origins("send", {"to": "ann@corp.com"})["to"]
    return origins.words, conversation.state()


@pytest.mark.parametrize(("render", "why"), RENDERINGS)
def test_a_rendering_of_a_trusted_result_is_no_untrusted_content(
    render: Callable[[], str], why: str
) -> None:
    """A message that shows the result leaves it trusted, in whatever form."""
    found, state = words(render())
    assert found == {"tool:people"}, why
    assert "untrusted" not in state, why


@pytest.mark.parametrize(
    "message",
    [
        "Write to ann@corp.com",
        f"{json.dumps(RESULT)} and more",
        '{"email": "ann@corp.com", "x": 1}',
    ],
)
def test_a_message_with_another_word_is_untrusted(message: str) -> None:
    """A message under the name of the tool that says anything else is not the tool's result."""
    found, state = words(message)
    assert found == frozenset()
    assert "untrusted" in state
