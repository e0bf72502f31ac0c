# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The model is told what placeholders are, once, where it is told other things."""

from collections.abc import Mapping
from typing import Any

import pytest

from agentguard.canonical import freeze, thaw
from agentguard.pipeline.explaining import SENTENCE, explained
from agentguard.redaction import Vault, find_placeholders
from agentguard.vocabulary import (
    Action,
    Attachment,
    DataClass,
    EncodedText,
    ModelCall,
    Speaker,
    Utterance,
)

EMAIL = DataClass(name="email", family="pii", action=Action.TOKENISE)


@pytest.fixture
def vault() -> Vault:
    """A vault with one value."""
    vault = Vault(b"k" * 32)
    vault.issue(data_class=EMAIL, value="jane", reversible=True, source="/a")
    return vault


@pytest.fixture
def mark(vault: Vault) -> str:
    """Its placeholder."""
    return vault.issue(data_class=EMAIL, value="jane", reversible=True, source="/a")


def call(payload: Mapping[str, Any], instructions: str | None, **more: Any) -> ModelCall:
    """A call of a model."""
    return ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="http://127.0.0.1:1",
        model="m",
        payload=freeze(payload),
        instructions=instructions,
        **more,
    )


def told(made: ModelCall, vault: Vault) -> Any:
    """Return the payload once the model is told."""
    return thaw(explained(made, vault).payload)


def user(text: Any) -> dict[str, Any]:
    """Return what the user says."""
    return {"role": "user", "content": text}


def test_the_sentence_holds_no_placeholder() -> None:
    """What explains marks is none itself."""
    assert find_placeholders(SENTENCE) == []
    assert "[[" not in SENTENCE


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, SENTENCE),
        ("", SENTENCE),
        ("Be kind.", f"Be kind.\n\n{SENTENCE}"),
        (
            [{"type": "text", "text": "Be kind."}],
            [{"type": "text", "text": "Be kind."}, {"type": "text", "text": SENTENCE}],
        ),
    ],
)
@pytest.mark.parametrize("member", ["instructions", "system"])
def test_a_member_of_its_own_becomes_longer(
    vault: Vault, mark: str, member: str, before: Any, after: Any
) -> None:
    """The sentence stands behind what the host wrote, in the same form."""
    payload = {"input": f"write to {mark}"} | ({} if before is None else {member: before})
    assert told(call(payload, member), vault) == {**payload, member: after}


@pytest.mark.parametrize("role", ["system", "developer"])
def test_the_first_system_message_becomes_longer(vault: Vault, mark: str, role: str) -> None:
    """A chat that begins with what the model is told keeps its messages and their number."""
    system = {"role": role, "content": "Be kind."}
    payload = {"messages": [system, user(mark), system]}
    longer = {"role": role, "content": f"Be kind.\n\n{SENTENCE}"}
    assert told(call(payload, "messages"), vault) == {"messages": [longer, user(mark), system]}


def test_a_chat_without_one_gets_a_message_and_its_places_move(vault: Vault, mark: str) -> None:
    """What pointed to a message points to the same message afterwards."""
    messages = [user("hi"), user([mark, "label"])]
    payload: dict[str, Any] = {"messages": messages, "n": 1}
    made = call(
        payload,
        "messages",
        model_authored=("/messages/0", "/tools"),
        attachments=(
            Attachment(
                pointer="/messages/1/content/1", data_class="image", label="label", content=""
            ),
        ),
        encoded=(EncodedText(pointer="/messages/1", prefix=""), EncodedText(pointer="", prefix="")),
        utterances=(Utterance(pointer="/messages/1/content", speaker=Speaker.USER),),
    )
    result = explained(made, vault)
    first = {"role": "system", "content": SENTENCE}
    assert thaw(result.payload) == {"messages": [first, *messages], "n": 1}
    assert result.model_authored == ("/messages/1", "/tools")
    assert [each.pointer for each in result.attachments] == ["/messages/2/content/1"]
    assert [each.pointer for each in result.encoded] == ["/messages/2", ""]
    assert [each.pointer for each in result.utterances] == ["/messages/2/content"]


@pytest.mark.parametrize(
    "payload",
    [
        {"messages": [user("hello [[EMAIL:AAAAAAAA]]")]},
        {"messages": [user("hello")]},
        {"messages": "[[EMAIL"},
    ],
)
def test_without_a_placeholder_of_the_session_nothing_is_said(
    vault: Vault, payload: dict[str, Any]
) -> None:
    """A request that hides nothing leaves as the host wrote it."""
    made = call(payload, "messages")
    assert explained(made, vault) is made


def test_an_operation_without_such_a_place_stays_as_it_is(vault: Vault, mark: str) -> None:
    """Embeddings and old completions are told nothing."""
    made = call({"input": mark}, None)
    assert explained(made, vault) is made


def test_a_key_can_be_a_placeholder(vault: Vault, mark: str) -> None:
    """A placeholder counts wherever it stands."""
    assert told(call({"metadata": {mark: 1}}, "system"), vault)["system"] == SENTENCE
