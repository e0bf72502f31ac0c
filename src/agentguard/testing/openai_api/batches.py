# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a batch bring back?

A batch whose file was uploaded here is run when it is made: each line is answered as a chat
completion would be, and the answers lie in its output file.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.demands import demand_body, demand_text
from agentguard.testing.error_bodies import openai_error
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.openai_api.chat import chat_body
from agentguard.testing.openai_api.response_objects import response_body
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply

FIELDS = frozenset({
    "completion_window", "endpoint", "input_file_id", "metadata", "output_expires_after",
})  # fmt: skip


def _parse(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    required = ("completion_window", "endpoint", "input_file_id")
    request = demand_body(received.body, FIELDS | extra_fields, required)
    demand_text(request["input_file_id"], "input_file_id")
    return request


def _reply(exchange: Exchange, answer: Answer) -> Reply:
    request = exchange.request
    given = exchange.files.get(request["input_file_id"])
    lines = [] if given is None else list(_requests(given.content))
    written = [json.dumps(_line(exchange, line, index)) for index, line in enumerate(lines)]
    output = exchange.files.add(
        "".join(f"{line}\n" for line in written).encode(),
        filename="output.jsonl",
        purpose="batch_output",
        created=exchange.created,
    )
    counts = {"total": len(lines), "completed": len(lines), "failed": 0}
    body = {
        "id": f"batch_{exchange.number}",
        "object": "batch",
        "endpoint": request["endpoint"],
        "errors": None,
        "input_file_id": request["input_file_id"],
        "completion_window": request["completion_window"],
        "status": "completed",
        "output_file_id": output.id,
        "error_file_id": None,
        "created_at": exchange.created,
        "request_counts": counts,
        "metadata": request.get("metadata"),
    }
    return Reply(answer.status, body)


BATCHES = Shape(parse=_parse, reply=_reply)


def _requests(content: bytes) -> Iterator[dict[str, Any]]:
    for line in content.splitlines():
        try:
            request = json.loads(line)
        except ValueError:
            continue
        if isinstance(request, dict) and isinstance(request.get("body"), dict):
            yield request


def _line(exchange: Exchange, line: dict[str, Any], index: int) -> dict[str, Any]:
    body = {"model": "loopback-model", "messages": [], **line["body"]}
    answer = exchange.respond(body)
    number = exchange.number * 1000 + index
    make = response_body if str(line.get("url")).endswith("/responses") else chat_body
    said = (
        openai_error(answer.status, answer.text or "the provider was told to fail")
        if answer.status >= 300  # noqa: PLR2004 - what is no success
        else make(answer, body, number=number, created=exchange.created)
    )
    return {
        "id": f"batch_req_{number}",
        "custom_id": line.get("custom_id"),
        "response": {"status_code": answer.status, "request_id": f"req_{number}", "body": said},
        "error": None,
    }
