# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a completion of the older kind look on the wire?

The body of an answer and the chunks of a streamed one, for ``POST /completions``.
Every prompt and every one of its ``n`` choices is answered the same.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.demands import demand_body, refuse
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.openai_api.chat import DONE, STREAM_FAILED
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply, sse, stream_of
from agentguard.testing.tokens import tokens_in, tokens_out

FIELDS = frozenset({
    "best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "model", "n",
    "presence_penalty", "prompt", "seed", "stop", "stream", "stream_options", "suffix",
    "temperature", "top_p", "user",
})  # fmt: skip


def _parse(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    request = demand_body(received.body, FIELDS | extra_fields, ("model", "prompt"))
    if not isinstance(request["prompt"], str | list | None):
        refuse("prompt", "must be a string or an array", code="invalid_type")
    return request


def _reply(exchange: Exchange, answer: Answer) -> Reply:
    request = exchange.request
    if request.get("stream"):
        chunks = map(sse, _chunks(exchange, answer))
        return stream_of(answer, chunks, failure=STREAM_FAILED, named=False, last=DONE)
    choices = [_choice(index, answer.text or "", "stop") for index in _indices(request)]
    body = {**_frame(exchange), "choices": choices, "usage": _usage(request, answer)}
    return Reply(answer.status, body)


COMPLETIONS = Shape(parse=_parse, reply=_reply, model=True)


def _chunks(exchange: Exchange, answer: Answer) -> Iterator[dict[str, Any]]:
    frame = _frame(exchange)
    indices = _indices(exchange.request)
    for text in answer.text_deltas():
        yield from ({**frame, "choices": [_choice(index, text, None)]} for index in indices)
    yield from ({**frame, "choices": [_choice(index, "", "stop")]} for index in indices)
    if (exchange.request.get("stream_options") or {}).get("include_usage"):
        yield {**frame, "choices": [], "usage": _usage(exchange.request, answer)}


def _indices(request: Mapping[str, Any]) -> range:
    prompt = request["prompt"]
    several = isinstance(prompt, list) and any(isinstance(one, str | list) for one in prompt)
    return range((len(prompt) if several else 1) * (request.get("n") or 1))


def _frame(exchange: Exchange) -> dict[str, Any]:
    return {
        "id": f"cmpl-{exchange.number}",
        "object": "text_completion",
        "created": exchange.created,
        "model": exchange.request["model"],
    }


def _choice(index: int, text: str, finish_reason: str | None) -> dict[str, Any]:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": finish_reason}


def _usage(request: Mapping[str, Any], answer: Answer) -> dict[str, int]:
    prompt, completion = tokens_in(request["prompt"]), tokens_out(answer)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }
