# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an HTTP response become the answer that is checked, and the result of the SDK?

The SDK makes its result from a response that holds what was checked, and nothing else. Streams
are taken apart in ``streams``.

INVARIANT: an answer that cannot be checked is withheld (tests/clients/test_response.py).
"""

import codecs
import json
import sys
from contextlib import suppress
from typing import Any

from agentguard.canonical import members_once
from agentguard.clients.shapes import MODEL_NAME
from agentguard.clients.surface import Surface
from agentguard.errors import GuardFailure
from agentguard.pipeline import Response
from agentguard.telemetry import (
    GEN_AI_FINISH_REASONS,
    GEN_AI_INPUT_TOKENS,
    GEN_AI_OUTPUT_TOKENS,
    GEN_AI_RESPONSE_ID,
    GEN_AI_RESPONSE_MODEL,
)
from agentguard.vocabulary import ModelCall

FINISH_REASONS = frozenset(
    {
        "stop", "length", "tool_calls", "content_filter", "end_turn", "max_tokens",
        "stop_sequence", "tool_use", "pause_turn", "refusal",
    }
)  # fmt: skip
DROPPED_RESPONSE_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})
# Under this name a response holds the open connection, past everything that was checked.
CONNECTION = "network_stream"
EVENTS = "text/event-stream"
LINES = frozenset({"application/x-ndjson", "application/jsonl", "application/x-jsonl"})

# Bytes that are no more than ASCII are the same text in each; in UTF-7, say, they are not.
LIKE_ASCII = frozenset({"utf-8", "ascii", "iso8859-1", "cp1252"})

Attributes = dict[str, str | int | tuple[str, ...]]


def is_stream(http_response: Any) -> bool:
    """Say whether a response is a stream of events."""
    return _media_type(http_response) == EVENTS


def _media_type(http_response: Any) -> str:
    value: str = http_response.headers.get("content-type", "")
    return value.partition(";")[0].strip().lower()


def response_of(http_response: Any, call: ModelCall, surface: Surface) -> Response:
    """Return what a response holds, with the facts for the operation's span.

    Its body must have been read, unless it is a stream of events. What is neither JSON nor text
    nor events is content that no detector reads; it comes back as it is. Text is what can be read
    as text, whatever it is called: files of results come as ``application/octet-stream``.

    Raises:
        GuardFailure: events where none were asked for, or an answer that should be JSON and is
            none, so that it cannot be checked; it is withheld.
    """
    if is_stream(http_response):
        if not call.streams:
            raise _withheld("is a stream of events, which was not asked for", call)
        form = surface.form(call)
        if form is None:
            raise _withheld("is a stream of events that cannot be checked", call)
        return Response(content=None, form=form)
    media_type = _media_type(http_response)
    if call.streams:
        raise _withheld("is no stream of events", call)
    if not http_response.content and not call.answers:
        return Response(content=None)
    if media_type in LINES:
        return Response(content=_lines(http_response.content, call))
    return _whole(http_response, media_type, call)


def _whole(http_response: Any, media_type: str, call: ModelCall) -> Response:
    if call.answers or media_type.endswith("json") or not media_type:
        content = _json(http_response.content)
        if isinstance(content, list) and call.answers:
            raise _withheld("is no JSON object", call)
        if content is not None:
            return Response(content=content, attributes=attributes_of(content))
        if not media_type.startswith("text/"):
            raise _withheld("is no JSON", call)
    text = _text(http_response)
    if text is None and media_type.startswith("text/"):
        raise _withheld("is text in an encoding that is not read", call)
    return Response(content=text)


def _json(body: bytes) -> Any:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict | list) else None


def _lines(body: bytes, call: ModelCall) -> list[Any]:
    found = [_json(line) for line in body.split(b"\n") if line.strip()]
    if None in found:
        raise _withheld("has a line that is no JSON", call)
    return found


def _text(http_response: Any) -> str | None:
    """Return what the caller would read as text, None where it is none or reads otherwise."""
    try:
        charset = codecs.lookup(http_response.charset_encoding or "utf-8").name
        text: str = http_response.content.decode("utf-8")
    except (LookupError, ValueError):
        return None
    return text if charset in LIKE_ASCII else None


def _withheld(problem: str, call: ModelCall) -> GuardFailure:
    return GuardFailure(
        f"the provider's response {problem}, so it is withheld",
        part="result",
        call_id=call.id,
        dispatched=True,
    )


def attributes_of(content: Any) -> Attributes:
    """Collect what the operation's span says of an answer; identifiers and counts alone."""
    found: Attributes = {}
    if not isinstance(content, dict):
        return found
    for key, name in (("id", GEN_AI_RESPONSE_ID), ("model", GEN_AI_RESPONSE_MODEL)):
        if isinstance(content.get(key), str) and MODEL_NAME.fullmatch(content[key]):
            found[name] = content[key]
    usage = content.get("usage")
    tokens = (
        ("prompt_tokens", GEN_AI_INPUT_TOKENS),
        ("input_tokens", GEN_AI_INPUT_TOKENS),
        ("completion_tokens", GEN_AI_OUTPUT_TOKENS),
        ("output_tokens", GEN_AI_OUTPUT_TOKENS),
    )
    if isinstance(usage, dict):
        found |= {name: usage[key] for key, name in tokens if isinstance(usage.get(key), int)}
    reasons = tuple(map(str, _reasons(content)))
    if reasons and FINISH_REASONS.issuperset(reasons):
        found[GEN_AI_FINISH_REASONS] = reasons
    return found


def _reasons(content: dict[str, Any]) -> list[object]:
    choices = content.get("choices")
    if isinstance(choices, list):
        return [each.get("finish_reason") for each in choices if isinstance(each, dict)]
    return [content["stop_reason"]] if content.get("stop_reason") is not None else []


def with_content(http_response: Any, content: Any) -> Any:
    """Return a response equal to *http_response* that holds *content* as its body.

    It is the same one when that is what it holds already, and nothing came before it.
    """
    body = http_response.content
    new = (
        body if content is None or _says(http_response, content) else _bytes(http_response, content)
    )
    if new == body and not http_response.history:
        return http_response
    return rebuilt(http_response, content=new)


def _bytes(http_response: Any, content: Any) -> bytes:
    """Return how *content* is written in a response of this type."""
    if isinstance(content, str):
        return content.encode("utf-8", "surrogatepass")
    if _media_type(http_response) in LINES:
        return b"".join(_written(line) + b"\n" for line in content)
    return _written(content)


def _says(http_response: Any, content: Any) -> bool:
    """Say whether a body is *content* and nothing else, such as a key that stands there twice."""
    if isinstance(content, str):
        return False
    try:
        found = json.loads(http_response.content, object_pairs_hook=members_once)
    except ValueError:
        return False
    return bool(found == content)


def _written(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass")


def library_of(http_response: Any) -> Any:
    """Return the HTTP library's module, of which a response is, without importing one."""
    return sys.modules[_own_class(http_response).__module__.partition(".")[0]]


def _own_class(http_response: Any) -> Any:
    """Return the HTTP library's own class of a response; others may take other arguments."""
    for kind in type(http_response).__mro__:
        if kind.__name__ == "Response" and kind.__module__.startswith("httpx"):
            return kind
    raise TypeError(f"a response of type {type(http_response).__name__} cannot be checked")


def rebuilt(http_response: Any, **body: Any) -> Any:
    """Return a response with the same status and headers and another body."""
    headers = [
        (name, value)
        for name, value in http_response.headers.raw
        if name.lower().decode("latin-1") not in DROPPED_RESPONSE_HEADERS
    ]
    extensions = {
        name: value for name, value in http_response.extensions.items() if name != CONNECTION
    }
    made = _own_class(http_response)(
        status_code=http_response.status_code,
        headers=headers,
        request=http_response.request,
        extensions=extensions,
        # What came with a redirect was not checked.
        history=[rebuilt(each, content=b"") for each in http_response.history],
        **body,
    )
    if "content" in body:
        with suppress(RuntimeError):  # a response that no transport made has taken no time
            made.elapsed = http_response.elapsed
    return made
