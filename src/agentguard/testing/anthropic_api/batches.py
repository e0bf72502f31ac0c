# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do a batch of messages and a file look like on the wire?

A batch is answered when it is made; its results lie at the provider as a file.
"""

import json
from collections.abc import Mapping
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.anthropic_api.messages import message_body
from agentguard.testing.demands import demand_body, demand_list, demand_object, refuse
from agentguard.testing.error_bodies import anthropic_error
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply
from agentguard.testing.stored_files import StoredFile

_CREATED = "2026-01-01T00:00:00Z"
_EXPIRES = "2026-01-02T00:00:00Z"


def _parse(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    request = demand_body(
        received.body, {"requests", "user_profile_id"} | extra_fields, ("requests",)
    )
    for index, value in enumerate(demand_list(request["requests"], "requests")):
        entry = demand_object(value, f"requests.{index}")
        demand_object(entry.get("params"), f"requests.{index}.params")
    return request


def _no_body(_received: Received, _extra_fields: frozenset[str]) -> Mapping[str, Any]:
    return {}


def _create(exchange: Exchange, answer: Answer) -> Reply:
    lines = [
        json.dumps(_result(exchange, entry, index))
        for index, entry in enumerate(exchange.request["requests"])
    ]
    stored = exchange.files.add(
        "".join(f"{line}\n" for line in lines).encode(),
        filename="results.jsonl",
        purpose="batch_output",
        content_type="application/x-jsonl",
        created=exchange.created,
    )
    return Reply(answer.status, _batch(exchange, stored.id, len(lines)))


def _retrieve(exchange: Exchange, answer: Answer) -> Reply:
    stored = exchange.files.get(exchange.matched[0])
    lines = 0 if stored is None else stored.content.count(b"\n")
    return Reply(answer.status, _batch(exchange, exchange.matched[0], lines))


def _results(exchange: Exchange, answer: Answer) -> Reply:
    stored = exchange.files.get(exchange.matched[0])
    content = b"" if stored is None else stored.content
    return Reply(answer.status, content, {"content-type": "application/x-jsonl"})


def _batch(exchange: Exchange, batch_id: str, requests: int) -> dict[str, Any]:
    received = exchange.received
    before = received.url_path.partition("/messages/batches")[0]
    counts = {"processing": 0, "succeeded": requests, "errored": 0, "canceled": 0, "expired": 0}
    return {
        "id": batch_id,
        "type": "message_batch",
        "processing_status": "ended",
        "request_counts": counts,
        "created_at": _CREATED,
        "ended_at": _CREATED,
        "expires_at": _EXPIRES,
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": f"http://{received.header('host')}{before}/messages/batches/{batch_id}/results",
    }


def _result(exchange: Exchange, entry: dict[str, Any], index: int) -> dict[str, Any]:
    params = {"messages": [], **entry["params"]}
    answer = exchange.respond(params)
    if answer.status >= 300:  # noqa: PLR2004 - what is no success
        error = anthropic_error(answer.status, answer.text or "the provider was told to fail")
        result: dict[str, Any] = {"type": "errored", "error": error}
    else:
        message = message_body(answer, params, number=exchange.number * 1000 + index)
        result = {"type": "succeeded", "message": message}
    return {"custom_id": entry.get("custom_id"), "result": result}


CREATE_BATCH = Shape(parse=_parse, reply=_create)
RETRIEVE_BATCH = Shape(parse=_no_body, reply=_retrieve)
BATCH_RESULTS = Shape(parse=_no_body, reply=_results)


def _parse_upload(received: Received, _extra_fields: frozenset[str]) -> Mapping[str, Any]:
    if not any(part.filename is not None for part in received.parts):
        refuse("file", "is required")
    return {}


def _upload(exchange: Exchange, answer: Answer) -> Reply:
    part = next(part for part in exchange.received.parts if part.filename is not None)
    stored = exchange.files.add(
        part.content,
        filename=part.filename or "",
        purpose="",
        content_type=part.content_type or "application/octet-stream",
        created=exchange.created,
    )
    return Reply(answer.status, _file(stored))


def _list(exchange: Exchange, answer: Answer) -> Reply:
    listed = [_file(stored) for stored in exchange.files.every()]
    ends = {"first_id": None, "last_id": None}
    return Reply(answer.status, {"data": listed, "has_more": False, **ends})


def _file(stored: StoredFile) -> dict[str, Any]:
    return {
        "id": stored.id,
        "type": "file",
        "filename": stored.filename,
        "mime_type": stored.content_type,
        "size_bytes": len(stored.content),
        "created_at": _CREATED,
        "downloadable": True,
    }


UPLOAD = Shape(parse=_parse_upload, reply=_upload)
LIST = Shape(parse=_no_body, reply=_list)
