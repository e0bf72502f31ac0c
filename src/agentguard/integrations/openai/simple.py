# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a request for embeddings, a completion or a moderation hold?

Reads requests that take a text or several. Whatever it cannot inspect, and every field that it
does not know, is refused. Token ids are refused: they stand for text that nobody here can read.
It decides nothing about identities, classes or models.

INVARIANT: every field of the body is known, or the policy lists it as an extra field of the
provider (tests/integrations/test_openai_simple.py).
Source: the API reference, and ``openai`` 3.54's request types.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agentguard.canonical import Frozen
from agentguard.clients.shapes import (
    TOP,
    At,
    Reading,
    Shape,
    anything,
    asks_for_stream,
    by_type,
    each,
    fetched,
    frozen_object,
    members,
    model_name,
    plain,
    refusal,
    spoken,
    text_or,
)
from agentguard.errors import ContentRefused
from agentguard.vocabulary import ModelCall, Speaker

EMBEDDINGS = "/embeddings"
COMPLETIONS = "/completions"
MODERATIONS = "/moderations"


def texts(_reading: Reading, value: Frozen, at: At) -> None:
    """Read a text or a list of texts."""
    if isinstance(value, str) or (
        isinstance(value, tuple) and all(isinstance(item, str) for item in value)
    ):
        return
    raise refusal(
        at,
        "holds something else than text",
        "send text; token ids are refused, since what they stand for cannot be inspected",
    )


_part = by_type(
    {
        "text": members({"text": plain, "type": plain}),
        "image_url": members({"image_url": members({"url": fetched}), "type": plain}),
    },
    remedy="send text or images in the form of the API",
)


def _text_or_part(reading: Reading, value: Frozen, at: At) -> None:
    text_or(_part)(reading, value, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Operation:
    """What is particular to one operation."""

    name: str
    body: Mapping[str, Shape]
    content: str | None = None
    model_required: bool = True
    answers: tuple[str, ...] = ()


OPERATIONS: Mapping[str, _Operation] = {
    EMBEDDINGS: _Operation(
        name="embeddings",
        content="input",
        body={
            "dimensions": plain,
            "encoding_format": plain,
            "input": texts,
            "model": plain,
            "user": plain,
        },
    ),
    COMPLETIONS: _Operation(
        name="text_completion",
        answers=("/choices/*/text",),
        body={
            "best_of": plain,
            "echo": plain,
            "frequency_penalty": plain,
            "logit_bias": anything,
            "logprobs": plain,
            "max_tokens": plain,
            "model": plain,
            "n": plain,
            "presence_penalty": plain,
            # One text holds what the user, the program and tools said; nothing tells them apart.
            "prompt": spoken(Speaker.TOOL, texts),
            "seed": plain,
            "stop": plain,
            "stream": plain,
            "stream_options": anything,
            "suffix": spoken(Speaker.TOOL, plain),
            "temperature": plain,
            "top_p": plain,
            "user": plain,
        },
    ),
    MODERATIONS: _Operation(
        name=f"POST {MODERATIONS}",
        content="input",
        model_required=False,
        body={"input": text_or(each(_text_or_part)), "model": plain},
    ),
}
_bodies = {path: members(operation.body) for path, operation in OPERATIONS.items()}


def model_call(
    call_id: str,
    body: object,
    *,
    origin: str,
    extra_fields: frozenset[str],
    path: str,
) -> ModelCall:
    """Return the call that a request body means.

    Args:
        call_id: the id that the call has.
        body: the request body as the SDK would serialise it.
        origin: scheme, host and port that the request goes to.
        extra_fields: further fields that the policy lets through to this provider.
        path: the path template of the operation.

    Raises:
        ContentRefused: the body holds what cannot be inspected or is not guarded.
    """
    operation = OPERATIONS[path]
    payload = frozen_object(body, operation.body)
    reading = Reading(extra_fields)
    _bodies[path](reading, payload, TOP)
    if operation.content is not None and payload.get(operation.content) is None:
        raise ContentRefused(f"field {operation.content!r} holds no content")
    named = operation.model_required or payload.get("model") is not None
    call = ModelCall(
        id=call_id,
        operation=operation.name,
        verb="POST",
        path=path,
        origin=origin,
        model=model_name(payload) if named else "",
        payload=payload,
        streams=asks_for_stream(payload),
        answers=operation.answers,
    )
    return reading.noted_on(call)
