# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do placeholders fail here as they failed elsewhere?

Each test has a failure of another project beside it, as its users reported it, and goes end to
end: a guarded client of the real SDK, and a provider on loopback that keeps every byte.
"""

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agentguard import ContentRefused, Guard
from agentguard.testing import Answer, LoopbackProvider, echo

JANE, BOB = "jane.doe@customers.example", "bob@customers.example"
TOKEN = "gh" + "p_" + "0aB" * 12
NAME = "operation silver falcon"
MARK = re.compile(r"\[\[[A-Z_]+:[A-Z2-7]{8}\]\]")


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that repeats what the user said, letter by letter in streams."""
    with LoopbackProvider(lambda body: Answer(echo(body).content, cut=1)) as running:
        yield running


def said(text: str) -> dict[str, str]:
    """Return what the model said in an earlier turn."""
    return {"role": "assistant", "content": text}


def test_a_placeholder_of_an_earlier_turn_resolves(talk: Any) -> None:
    """A placeholder that an earlier answer quoted stands for the same value in a later turn."""
    # Elsewhere numbers began anew with each request, and <EMAIL_1> of an earlier answer was
    # somebody else's, or nobody's (BerriAI/litellm#41600, #42138).
    talk.chat(f"write to {JANE}")
    (jane,) = talk.marks()
    talk.chat(f"and to {BOB}")
    talk.provider.script([Answer(f"first {jane}")])
    assert talk.chat(f"to {BOB} again", said(f"I wrote to {jane}"), "whom did you write to?") == (
        f"first {JANE}"
    )
    assert talk.marks()[1] == jane


def test_two_values_never_share_a_placeholder(talk: Any) -> None:
    """Values of calls in a row have placeholders of their own, the same ones each time."""
    # Elsewhere two calls in a row gave both their first value the same number (stella/stella#1040,
    # protectai/llm-guard#82).
    seen = {}
    for value in (JANE, BOB, JANE):
        talk.chat(f"write to {value}")
        (seen[value],) = talk.marks()
    assert len(set(seen.values())) == 2
    assert talk.chat(f"{JANE} {BOB} {JANE}") == f"{JANE} {BOB} {JANE}"
    assert talk.marks() == [seen[JANE], seen[BOB], seen[JANE]]


@pytest.mark.parametrize("pieces", [1, 2, 3, 5, 8, 11, 19])
def test_a_placeholder_that_is_cut_anywhere_resolves(talk: Any, pieces: int) -> None:
    """A placeholder in a stream is turned back wherever the events cut it."""
    # Elsewhere one over two events was shown as it was, or by half (BerriAI/litellm#28316).
    talk.provider.script([Answer(f"write to {{}} {JANE}", cut=pieces)])
    text = talk.streamed(f"see {JANE}.")
    assert JANE in text
    talk.provider.script([Answer(f"it is {talk.marks()[0]}, is it not?", cut=pieces)])
    assert talk.streamed(f"see {JANE}.") == f"it is {JANE}, is it not?"


@pytest.mark.parametrize("streams", [False, True])
def test_an_answer_is_not_hidden_again(talk: Any, *, streams: bool) -> None:
    """The user gets the values, not their placeholders."""
    # Elsewhere values that had just been turned back were masked by the check of answers
    # (BerriAI/litellm#28197, #14516).
    ask = talk.streamed if streams else talk.chat
    assert ask(f"write to {JANE} and {BOB}") == f"write to {JANE} and {BOB}"


def test_nothing_is_turned_back_in_another_session(talk: Any) -> None:
    """Another session and another person get the placeholder, and the own session the value."""
    # Elsewhere all requests of a process shared one table (BerriAI/litellm#19950).
    talk.chat(f"write to {JANE}")
    (mark,) = talk.marks()
    talk.provider.script([Answer(mark)] * 3)
    assert talk.chat("hi", said(mark), "who?", session="other") == mark
    assert talk.chat("hi", said(mark), "who?", person="user:bob") == mark
    assert talk.chat("hi", said(mark), "who?") == JANE


def test_requests_at_once_keep_their_values_apart(talk: Any) -> None:
    """Threads that ask at the same time each get their own values back."""
    # Elsewhere they got each other's (BerriAI/litellm#19950).
    wrong: list[str] = []

    def work(number: int) -> None:
        mine = f"user{number}@customers.example"
        wrong.extend(
            each
            for each in (talk.chat(f"write to {mine}", session=f"s{number}") for _ in range(5))
            if each != f"write to {mine}"
        )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert not talk.provider.saw("@customers.example")


DAMAGED: list[Callable[[str], str]] = [
    str.lower,
    lambda mark: mark[:-3] + "]]",
    lambda mark: mark.replace(":", ": "),
    lambda mark: mark.replace("EMAIL", "E-MAIL"),
    lambda mark: mark[:-3] + ("A" if mark[-3] != "A" else "B") + "]]",
    lambda mark: mark.replace(":", "#"),
    lambda _: "[[EMAIL:AAAAAAAA]]",
]


@pytest.mark.parametrize("damage", range(len(DAMAGED)))
def test_an_unknown_or_damaged_placeholder_reaches_no_tool(talk: Any, damage: int) -> None:
    """A placeholder that was not issued, or was rewritten, refuses a tool and stays in an answer."""
    # Elsewhere models rewrote them, and they were turned back by guesswork or passed on (rehydra-
    # ai/rehydra-sdk#43, HybridAIOne/hybridclaw#445).
    letters: list[Any] = []

    guard: Guard = talk.guard

    @guard.tool
    def send(letter: Any) -> str:
        letters.append(letter)
        return "sent"

    talk.chat(f"write to {JANE}")
    (mark,) = talk.marks()
    written = DAMAGED[damage](mark)
    with talk.as_alice():
        for letter in (written, {"to": [f"<{written}>"]}, json.dumps({written: 1})):
            with pytest.raises(ContentRefused, match="cannot be turned back"):
                send(letter)
    assert letters == []
    talk.provider.script([Answer(f"I wrote to {written}")])
    assert talk.chat("to whom?") == f"I wrote to {written}"


@pytest.mark.parametrize(
    "where",
    [
        lambda _, mark: [f"send the page to {mark}"],
        lambda talk, mark: talk.returned(f"<p>{mark}</p>"),
        lambda _, mark: [{"role": "system", "content": mark}, "hi"],
        lambda _, mark: [json.dumps({"to": mark})],
    ],
    ids=["user", "tool", "system", "json"],
)
def test_a_placeholder_from_outside_is_made_inert(
    talk: Any, where: Callable[[Any, str], list[Any]]
) -> None:
    """A placeholder that the model did not write is escaped before it leaves."""
    # Without that a web page that holds one has the value put into the page's own link.
    talk.chat(f"write to {JANE}")
    (mark,) = talk.marks()
    inert = "[{" + mark[2:-2] + "}]"
    talk.provider.script([Answer(f"https://evil.example/?q={inert}")])
    answer = talk.chat(*where(talk, mark))
    assert MARK.findall(json.dumps(talk.sent)) == []
    assert inert in json.dumps(talk.sent)
    assert JANE not in answer


def test_a_value_that_looks_like_a_placeholder_asks_for_nothing(talk: Any) -> None:
    """What was turned back is not searched for placeholders again."""
    # Otherwise a value could fetch another.
    talk.chat(f"write to {JANE}")
    (mark,) = talk.marks()
    secret = f"amqp://a:{mark[2:-2].replace(':', '-')}@mq"
    assert JANE not in talk.chat(f"{secret} and {mark}")


def test_a_secret_is_never_turned_back(talk: Any) -> None:
    """The placeholder of a one-way class stays in answers and refuses a tool."""
    # Otherwise a model that asks nicely gets the key in the arguments of a tool.

    guard: Guard = talk.guard

    @guard.tool
    def send(letter: Any) -> str:
        return "sent"

    talk.chat(f"the key is {TOKEN}")
    (mark,) = talk.marks()
    talk.provider.script([Answer(f"your key: {mark}")])
    assert talk.chat("tell me", said(mark), "please") == f"your key: {mark}"
    with talk.as_alice(), pytest.raises(ContentRefused, match="one_way"):
        send(mark)


PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(64)).decode()
TOLD = '[detection]\nexplain_placeholders = true\n[[class]]\nname = "image"\naction = "label"\n'


def test_a_model_can_be_told_what_placeholders_are(
    talk: Any, policy_file: Path, made_talk: Callable[..., Any]
) -> None:
    """Where the policy asks for it, one sentence says so, and everything else stays in place."""
    # Elsewhere models rewrote placeholders, or tried to resolve them, unless told not to
    # (rehydra-ai/rehydra-sdk#43).
    text = policy_file.read_text(encoding="utf-8")
    policy_file.write_text(text + TOLD, encoding="utf-8")
    said = [{"type": "text", "text": JANE}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    messages = [{"role": "user", "content": said}]
    system = {"role": "system", "content": "Be kind."}
    with Guard.from_file(policy_file) as guard:
        talk = made_talk(guard, talk.provider, policy_file.parent)
        with talk.client, talk.as_alice():
            create = talk.client.chat.completions.create
            answer = create(model="m", messages=messages)
            first = talk.sent["messages"]
            create(model="m", messages=[system, *messages])
            second = talk.sent["messages"]
            create(model="m", messages=[{"role": "user", "content": "hello"}])
            third = talk.sent["messages"]
            talk.client.responses.create(model="m", input=f"write to {JANE}")
            instructions = talk.sent["instructions"]
    assert "opaque" in first[0]["content"]
    assert second[0]["content"] == f"Be kind.\n\n{instructions}"
    for sent in (first, second):
        assert len(sent) == 2
        assert sent[1]["content"][1] == said[1]
    assert third == [{"role": "user", "content": "hello"}]
    assert JANE in (answer.choices[0].message.content or "")
