# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do embeddings and moderations look on the wire?

The vectors are made of the text by a digest: the same text gives the same vector.
"""

import base64
import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.demands import demand_body, refuse
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply
from agentguard.testing.tokens import tokens_in

FIELDS = frozenset({"dimensions", "encoding_format", "input", "model", "user"})
MODERATION_FIELDS = frozenset({"input", "model"})
DIMENSIONS = 8

_CATEGORIES = (
    "harassment", "harassment/threatening", "hate", "hate/threatening", "illicit",
    "illicit/violent", "self-harm", "self-harm/instructions", "self-harm/intent", "sexual",
    "sexual/minors", "violence", "violence/graphic",
)  # fmt: skip


def _parse(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    request = demand_body(received.body, FIELDS | extra_fields, ("input", "model"))
    if not isinstance(request["input"], str | list) or not request["input"]:
        refuse("input", "must be a string or an array that is not empty", code="invalid_type")
    if request.get("encoding_format", "float") not in ("float", "base64"):
        refuse("encoding_format", "must be 'float' or 'base64'")
    return request


def _reply(exchange: Exchange, answer: Answer) -> Reply:
    request = exchange.request
    embeddings = [
        {"object": "embedding", "index": index, "embedding": _vector(text, request)}
        for index, text in enumerate(_inputs(request["input"]))
    ]
    used = tokens_in(request["input"])
    body = {
        "object": "list",
        "data": embeddings,
        "model": request["model"],
        "usage": {"prompt_tokens": used, "total_tokens": used},
    }
    return Reply(answer.status, body)


EMBEDDINGS = Shape(parse=_parse, reply=_reply)


def _inputs(value: Any) -> list[Any]:
    """Return the texts or arrays of tokens, of which there may be one that is not in a list."""
    several = isinstance(value, list) and not isinstance(value[0], int)
    return value if several else [value]


def _vector(text: Any, request: Mapping[str, Any]) -> list[float] | str:
    digest = hashlib.shake_256(json.dumps(text).encode())
    drawn = digest.digest(request.get("dimensions") or DIMENSIONS)
    vector = [one / 256 - 0.5 for one in drawn]
    if request.get("encoding_format") == "base64":
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return vector


def _parse_moderation(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    return demand_body(received.body, MODERATION_FIELDS | extra_fields, ("input",))


def _moderate(exchange: Exchange, answer: Answer) -> Reply:
    given = exchange.request["input"]
    several = isinstance(given, list) and all(isinstance(one, str) for one in given)
    result = {
        "flagged": False,
        "categories": dict.fromkeys(_CATEGORIES, False),
        "category_scores": dict.fromkeys(_CATEGORIES, 0.0),
        "category_applied_input_types": {name: ["text"] for name in _CATEGORIES},
    }
    body = {
        "id": f"modr-{exchange.number}",
        "model": exchange.request.get("model", "omni-moderation-latest"),
        "results": [result] * (len(given) if several else 1),
    }
    return Reply(answer.status, body)


MODERATIONS = Shape(parse=_parse_moderation, reply=_moderate)
