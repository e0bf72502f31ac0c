# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What requests for embeddings, completions and moderations are read as."""

from typing import Any

import pytest

from agentguard.canonical import thaw
from agentguard.errors import ContentRefused
from agentguard.integrations.openai.simple import (
    COMPLETIONS,
    EMBEDDINGS,
    MODERATIONS,
    OPERATIONS,
    model_call,
)
from agentguard.operations import table_of
from agentguard.vocabulary import ModelCall, Reference

CANARY = "jane.doe@customers.example"


def read(path: str, body: Any, *, extra_fields: frozenset[str] = frozenset()) -> ModelCall:
    """Read a body as the guard does."""
    return model_call(
        "c1", body, origin="https://api.example:443", extra_fields=extra_fields, path=path
    )


IMAGE = {"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}
READ: dict[str, tuple[str, dict[str, Any]]] = {
    "one embedding": (EMBEDDINGS, {"model": "m", "input": "hi", "dimensions": 4}),
    "several embeddings": (EMBEDDINGS, {"model": "m", "input": ["hi", "ho"]}),
    "a completion": (COMPLETIONS, {"model": "m", "prompt": "hi", "suffix": "ho", "stop": ["x"]}),
    "several completions": (COMPLETIONS, {"model": "m", "prompt": ["hi", "ho"]}),
    "a completion without a prompt": (COMPLETIONS, {"model": "m"}),
    "a moderation": (MODERATIONS, {"input": "hi"}),
    "several moderations": (MODERATIONS, {"input": ["hi"], "model": "m"}),
    "a moderation of parts": (MODERATIONS, {"input": [{"type": "text", "text": "hi"}, IMAGE]}),
}


@pytest.mark.parametrize(("path", "body"), READ.values(), ids=READ)
def test_texts_are_read_whole(path: str, body: dict[str, Any]) -> None:
    """The call holds exactly the body and names its model, its operation and its answers."""
    call = read(path, body)
    assert thaw(call.payload) == body
    assert (call.model, call.pair, call.streams) == (body.get("model", ""), f"POST {path}", False)
    assert bool(call.answers) == (path == COMPLETIONS)


@pytest.mark.parametrize("path", OPERATIONS)
def test_an_operation_has_the_name_of_the_table(path: str) -> None:
    """Rules name an operation alike, whoever reads its body."""
    found = table_of("openai").find("POST", path)
    assert found is not None
    assert found.operation.label == OPERATIONS[path].name
    assert found.operation.fields >= set(OPERATIONS[path].body) - {"stream"}


def test_a_streamed_completion_is_noted() -> None:
    """The call says that events are asked for."""
    assert read(COMPLETIONS, {"model": "m", "prompt": "hi", "stream": True}).streams


def test_an_image_that_the_provider_would_fetch_is_a_reference() -> None:
    """A moderation by address makes the provider fetch it."""
    assert read(MODERATIONS, {"input": [IMAGE]}).references == {Reference.URL}


REFUSED: dict[str, tuple[str, Any]] = {
    "no object": (EMBEDDINGS, [CANARY]),
    "no model": (EMBEDDINGS, {"input": "hi"}),
    "no input": (EMBEDDINGS, {"model": "m"}),
    "no input to moderate": (MODERATIONS, {"model": "m"}),
    "tokens": (EMBEDDINGS, {"model": "m", "input": [1, 2]}),
    "lists of tokens": (EMBEDDINGS, {"model": "m", "input": [[1, 2]]}),
    "a text among tokens": (EMBEDDINGS, {"model": "m", "input": [CANARY, 2]}),
    "an object": (EMBEDDINGS, {"model": "m", "input": {"text": CANARY}}),
    "a prompt of tokens": (COMPLETIONS, {"model": "m", "prompt": [1, 2]}),
    "a prompt of lists of tokens": (COMPLETIONS, {"model": "m", "prompt": [[1]]}),
    "an unknown field": (COMPLETIONS, {"model": "m", "prompt": "hi", "note": CANARY}),
    "an unknown part": (MODERATIONS, {"input": [{"type": "audio", "audio": "AAAA"}]}),
    "an unknown field of a part": (MODERATIONS, {"input": [{"type": "text", "note": CANARY}]}),
    "a number to moderate": (MODERATIONS, {"input": [4]}),
    "streamed by a text": (COMPLETIONS, {"model": "m", "prompt": "hi", "stream": "yes"}),
}


@pytest.mark.parametrize(("path", "body"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_text_is_refused(path: str, body: Any) -> None:
    """Token ids and everything else that cannot be read are refused without showing them."""
    with pytest.raises(ContentRefused) as caught:
        read(path, body)
    assert CANARY not in repr(caught.value) + str(caught.value)


def test_the_refusal_of_tokens_says_what_to_send() -> None:
    """Who sends token ids learns that text is the remedy."""
    with pytest.raises(ContentRefused, match="send text"):
        read(EMBEDDINGS, {"model": "m", "input": [1, 2]})


def test_a_listed_extra_field_passes() -> None:
    """A field that the policy lists for the provider passes."""
    body = {"model": "m", "input": "hi", "truncate": "END"}
    call = read(EMBEDDINGS, body, extra_fields=frozenset({"truncate"}))
    assert thaw(call.payload) == body
