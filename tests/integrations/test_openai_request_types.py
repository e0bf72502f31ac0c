# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Everything that the SDK's request types let a caller write is known to the readers."""

import collections.abc
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import pytest
import typing_extensions
from openai.types import (
    completion_create_params,
    embedding_create_params,
    moderation_create_params,
)
from openai.types.chat import completion_create_params as chat_params
from openai.types.responses import (
    input_token_count_params,
    response_compact_params,
    response_create_params,
)

from agentguard.canonical import freeze
from agentguard.clients.shapes import TOP, Reading, members
from agentguard.errors import ContentRefused
from agentguard.integrations.openai import chat, responses, simple

DEEPEST = 12
LISTS = (list, collections.abc.Sequence, collections.abc.Iterable)
SCALARS: dict[Any, Any] = {str: "text", int: 1, float: 0.5, bool: True, object: {"any": 1}}

BODIES: dict[str, tuple[Any, Any]] = {
    "chat": (chat_params.CompletionCreateParamsStreaming, chat.BODY),
    "response": (response_create_params.ResponseCreateParamsStreaming, "/responses"),
    "count": (input_token_count_params.InputTokenCountParams, "/responses/input_tokens"),
    "compact": (response_compact_params.ResponseCompactParams, "/responses/compact"),
    "embeddings": (embedding_create_params.EmbeddingCreateParams, "/embeddings"),
    "completion": (completion_create_params.CompletionCreateParamsStreaming, "/completions"),
    "moderation": (moderation_create_params.ModerationCreateParams, "/moderations"),
}
# Refused by name, which another test shows; beside it nothing else would be read.
LEFT_OUT = frozenset({"audio"})
# Refused on purpose: token ids, and a choice among tools that names no type.
REFUSED = (
    "field 'input' holds something else than text",
    "field 'prompt' holds something else than text",
    "field 'tool_choice/tools/0' holds no type of tool",
    "field 'tool_choice/allowed_tools/tools/0' holds no type of tool",
    "field 'modalities' asks for more than text",
)


def shape_of(name: str) -> Any:
    """Return the shape of a whole body."""
    body = BODIES[name][1]
    if isinstance(body, str):
        body = responses.BODIES[body] if body in responses.BODIES else simple.OPERATIONS[body].body
    return members(body)


def samples(kind: Any, depth: int = 0) -> list[Any]:
    """Return values of a type that together use every member and every alternative once."""
    origin, inner = get_origin(kind), get_args(kind)
    if kind is type(None) or depth > DEEPEST:
        return [None]
    if typing_extensions.is_typeddict(kind):
        return list(objects(kind, depth))
    if origin is Union:
        return [each for one in inner for each in samples(one, depth + 1)]
    if origin in LISTS:
        return [[item] for item in samples(inner[0], depth + 1)]
    if origin is dict:
        return [{"key": item} for item in samples(inner[1], depth + 1)]
    return [inner[0] if origin is Literal else SCALARS[kind]]


def objects(kind: Any, depth: int) -> Iterator[dict[str, Any]]:
    """Yield objects of a typed dictionary: one whole, then one for each further alternative."""
    hints = {name: hint for name, hint in get_type_hints(kind).items() if name not in LEFT_OUT}
    found = {name: samples(hint, depth + 1) for name, hint in hints.items()}
    whole = {name: values[0] for name, values in found.items()}
    yield whole
    for name, values in found.items():
        for value in values[1:]:
            yield {**whole, name: value}


@pytest.mark.parametrize("name", BODIES)
def test_every_member_at_every_depth_is_known(name: str) -> None:
    """No value of the SDK's request types meets the refusal of an unknown member or type."""
    shape, unknown = shape_of(name), []
    for sample in samples(BODIES[name][0]):
        try:
            shape(Reading(frozenset()), freeze(sample), TOP)
        except ContentRefused as refused:
            unknown.append(str(refused))
    assert [message for message in unknown if not message.startswith(REFUSED)] == []


@pytest.mark.parametrize("name", BODIES)
def test_the_samples_use_every_field(name: str) -> None:
    """The samples that the test above reads hold every field of the request type."""
    kind = BODIES[name][0]
    used = {field for sample in samples(kind) for field in sample}
    assert used == set(get_type_hints(kind)) - LEFT_OUT
