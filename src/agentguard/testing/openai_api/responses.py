# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a response streamed?

The events of ``POST /responses`` in the order in which the API sends them, numbered.
"""

from collections.abc import Iterator
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.openai_api.response_objects import (
    output_items,
    parse_response_request,
    response_body,
)
from agentguard.testing.replies import Reply, stream_of, typed

Event = dict[str, Any]


def response_events(answer: Answer, body: dict[str, Any], number: int) -> Iterator[Event]:
    """Yield the events of a response with their sequence numbers.

    Args:
        answer: what is said, and how it is cut into deltas.
        body: the whole response.
        number: the one that the ids in the body are made of.
    """
    for sequence_number, event in enumerate(_events(answer, body, number)):
        yield {**event, "sequence_number": sequence_number}


def _events(answer: Answer, body: dict[str, Any], number: int) -> Iterator[Event]:
    begun = {**body, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(output_items(answer, number)):
        yield from _item_events(answer, item, index)
    yield {"type": "response.completed", "response": body}


def _item_events(answer: Answer, item: Event, index: int) -> Iterator[Event]:
    place = {"item_id": item["id"], "output_index": index}
    if item["type"] == "reasoning":
        empty, within = {**item, "summary": []}, _summary_events(answer, place)
    elif item["type"] == "message":
        empty = {**item, "status": "in_progress", "content": []}
        within = _message_events(answer, item, place)
    else:
        empty = {**item, "status": "in_progress", "arguments": ""}
        within = _arguments_events(answer, item, place)
    yield {"type": "response.output_item.added", "output_index": index, "item": empty}
    yield from within
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _summary_events(answer: Answer, place: Event) -> Iterator[Event]:
    place = {**place, "summary_index": 0}
    part = {"type": "summary_text", "text": answer.reasoning}
    kind = "response.reasoning_summary"
    yield {"type": f"{kind}_part.added", **place, "part": {**part, "text": ""}}
    for text in answer.deltas(answer.reasoning or ""):
        yield {"type": f"{kind}_text.delta", **place, "delta": text}
    yield {"type": f"{kind}_text.done", **place, "text": answer.reasoning}
    yield {"type": f"{kind}_part.done", **place, "part": part}


def _message_events(answer: Answer, item: Event, place: Event) -> Iterator[Event]:
    for index, part in enumerate(item["content"]):
        here = {**place, "content_index": index}
        refused = part["type"] == "refusal"
        field = "refusal" if refused else "text"
        kind = "response.refusal" if refused else "response.output_text"
        extra: Event = {} if refused else {"logprobs": []}
        deltas = answer.deltas(part["refusal"]) if refused else answer.text_deltas()
        yield {"type": "response.content_part.added", **here, "part": {**part, field: ""}}
        for text in deltas:
            yield {"type": f"{kind}.delta", **here, "delta": text, **extra}
        yield {"type": f"{kind}.done", **here, field: part[field], **extra}
        yield {"type": "response.content_part.done", **here, "part": part}


def _arguments_events(answer: Answer, item: Event, place: Event) -> Iterator[Event]:
    kind = "response.function_call_arguments"
    for text in answer.deltas(item["arguments"]):
        yield {"type": f"{kind}.delta", **place, "delta": text}
    yield {
        "type": f"{kind}.done",
        **place,
        "name": item["name"],
        "arguments": item["arguments"],
    }


def _reply(exchange: Exchange, answer: Answer) -> Reply:
    number = exchange.number
    body = response_body(answer, exchange.request, number=number, created=exchange.created)
    if not exchange.request.get("stream"):
        return Reply(answer.status, body)
    failure = {
        "type": "error",
        "code": "server_error",
        "message": "the provider was told to fail in the stream",
        "param": None,
        "sequence_number": 0,
    }
    events = response_events(answer, body, number)
    return stream_of(answer, map(typed, events), failure=failure, named=True)


RESPONSES = Shape(parse=parse_response_request, reply=_reply, model=True)
