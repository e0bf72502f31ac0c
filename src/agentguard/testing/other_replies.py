# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does an endpoint answer that has no shape of its own?

One object that every method of the SDKs can parse: an id, an empty list, a state that no poller
waits on. Where a client expects bytes or events it gets some.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.openai_api.chat import DONE, STREAM_FAILED
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply, stream_of, typed

BYTES = b"bytes from the provider"
"""What an endpoint gives that gives no JSON."""
MODEL = "loopback-model"
"""The model that the provider says it has."""

_NO_JSON = re.compile("binary|octet-stream|jsonl|audio|image|zip")


def _parse(received: Received, _extra_fields: frozenset[str]) -> Mapping[str, Any]:
    try:
        body = json.loads(received.body)
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def other_object(exchange: Exchange) -> dict[str, Any]:
    """Return the object that stands for anything."""
    return {
        "id": exchange.matched[-1] if exchange.matched else f"obj_{exchange.number}",
        "object": "object",
        "type": "object",
        "created_at": exchange.created,
        # Clients wait for the end of everything but a session, which they want to find idle.
        "status": "idle" if "/agents/" in exchange.path else "completed",
        "deleted": exchange.received.method == "DELETE",
        "data": [],
        "output": [],
        "has_more": False,
        "first_id": None,
        "last_id": None,
        "next_page": None,
        "value": "ek_loopback",
        "name": "loopback",
        "thread_id": "thread_loopback",
        "file_counts": dict.fromkeys(("in_progress", "completed", "failed", "total"), 0),
    }


def _reply(exchange: Exchange, answer: Answer) -> Reply:
    body = other_object(exchange)
    accepted = exchange.received.header("accept") or ""
    if _wants_stream(exchange, accepted):
        run = {**body, "object": "thread.run", "required_action": None, "last_error": None}
        # Threads name their events beside the object; every other stream names them inside it.
        events = (
            b"event: thread.run.completed\ndata: " + json.dumps(run).encode() + b"\n\n"
            if "/threads" in exchange.path
            else typed({"type": "response.completed", "response": body, "sequence_number": 0}),
        )
        return stream_of(answer, events, failure=STREAM_FAILED, named=True, last=DONE)
    binary = _NO_JSON.search(accepted)
    return Reply(answer.status, BYTES if binary else body)


def _wants_stream(exchange: Exchange, accepted: str) -> bool:
    asked = dict(exchange.received.query).get("stream") == "true"
    return asked or exchange.request.get("stream") is True or "event-stream" in accepted


OTHER = Shape(parse=_parse, reply=_reply)


def _models(exchange: Exchange, answer: Answer) -> Reply:
    model = {
        "id": exchange.matched[0] if exchange.matched else MODEL,
        "object": "model",
        "type": "model",
        "display_name": "Loopback",
        "created": exchange.created,
        "created_at": "2026-01-01T00:00:00Z",
        "owned_by": "loopback",
    }
    if exchange.matched:
        return Reply(answer.status, model)
    listed = {"object": "list", "data": [model], "has_more": False}
    return Reply(answer.status, {**listed, "first_id": MODEL, "last_id": MODEL})


MODELS = Shape(parse=_parse, reply=_models)
