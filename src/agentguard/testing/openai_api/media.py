# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do sound and images look on the wire?

Transcriptions and translations say the answer's text; speech and images are a few bytes that
stand for a file.
"""

import base64
from collections.abc import Iterator, Mapping
from typing import Any

from agentguard.testing.answers import Answer
from agentguard.testing.demands import demand_body, refuse
from agentguard.testing.exchange import Exchange, Shape
from agentguard.testing.openai_api.chat import DONE, STREAM_FAILED
from agentguard.testing.received import Received
from agentguard.testing.replies import Reply, stream_of, typed

SOUND = b"RIFF$\x00\x00\x00WAVEfmt "
"""What the provider gives for speech."""
PICTURE = b"\x89PNG\r\n\x1a\n"
"""What the provider gives for an image."""

_AS_TEXT = frozenset({"text", "srt", "vtt"})


def form_fields(received: Received) -> dict[str, Any]:
    """Return the fields of a form that are no files; a repeated one keeps its last value."""
    return {
        part.name: part.content.decode(errors="replace")
        for part in received.parts
        if part.filename is None
    }


def _parse_form(received: Received, _extra_fields: frozenset[str]) -> Mapping[str, Any]:
    if not any(part.filename is not None for part in received.parts):
        refuse("file", "is required", code="missing_required_parameter")
    return form_fields(received)


def _transcribe(exchange: Exchange, answer: Answer) -> Reply:
    request = exchange.request
    text = answer.text or ""
    if request.get("stream") == "true":
        events = map(typed, _transcript_events(answer))
        return stream_of(answer, events, failure=STREAM_FAILED, named=True, last=DONE)
    kind = request.get("response_format", "json")
    if kind in _AS_TEXT:
        headers = {"content-type": "text/plain; charset=utf-8"}
        return Reply(answer.status, f"{text}\n".encode(), headers)
    usage = {"type": "duration", "seconds": 1}
    if kind == "verbose_json":
        segment = {"id": 0, "start": 0.0, "end": 1.0, "seek": 0, "text": text, "tokens": []}
        measured = {"temperature": 0.0, "avg_logprob": 0.0, "compression_ratio": 1.0}
        full = {**segment, **measured, "no_speech_prob": 0.0}
        timed = {"task": "transcribe", "language": "english", "duration": 1.0, "segments": [full]}
        return Reply(answer.status, {**timed, "text": text, "usage": usage})
    return Reply(answer.status, {"text": text, "usage": usage})


def _transcript_events(answer: Answer) -> Iterator[dict[str, Any]]:
    for text in answer.text_deltas():
        yield {"type": "transcript.text.delta", "delta": text}
    yield {"type": "transcript.text.done", "text": answer.text or ""}


TRANSCRIPTIONS = Shape(parse=_parse_form, reply=_transcribe, model=True)


def _parse_speech(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    fields = {"input", "model", "voice", "instructions", "response_format", "speed"}
    required = ("input", "model", "voice")
    return demand_body(received.body, fields | {"stream_format"} | extra_fields, required)


def _speak(exchange: Exchange, answer: Answer) -> Reply:
    if exchange.request.get("stream_format") == "sse":
        sound = base64.b64encode(SOUND).decode()
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        events: tuple[dict[str, Any], ...] = (
            {"type": "speech.audio.delta", "audio": sound},
            {"type": "speech.audio.done", "usage": usage},
        )
        return stream_of(answer, map(typed, events), failure=STREAM_FAILED, named=True)
    return Reply(answer.status, SOUND, {"content-type": "audio/wav"})


SPEECH = Shape(parse=_parse_speech, reply=_speak)


def _parse_image(received: Received, extra_fields: frozenset[str]) -> Mapping[str, Any]:
    if received.parts:
        return _parse_form(received, extra_fields)
    body = received.json
    if not isinstance(body, dict):
        refuse("prompt", "is required", code="missing_required_parameter")
    return body


def _draw(exchange: Exchange, answer: Answer) -> Reply:
    picture = base64.b64encode(PICTURE).decode()
    usage = {
        "input_tokens": 1,
        "input_tokens_details": {"image_tokens": 0, "text_tokens": 1},
        "output_tokens": 1,
        "total_tokens": 2,
    }
    if exchange.request.get("stream") in (True, "true"):
        verb = "edit" if exchange.path.endswith("edits") else "generation"
        made = {
            "b64_json": picture,
            "created_at": exchange.created,
            "size": "1024x1024",
            "quality": "low",
            "background": "opaque",
            "output_format": "png",
        }
        events = (
            {"type": f"image_{verb}.partial_image", **made, "partial_image_index": 0},
            {"type": f"image_{verb}.completed", **made, "usage": usage},
        )
        return stream_of(answer, map(typed, events), failure=STREAM_FAILED, named=True, last=DONE)
    images = [{"b64_json": picture, "revised_prompt": answer.text}]
    return Reply(answer.status, {"created": exchange.created, "data": images, "usage": usage})


IMAGES = Shape(parse=_parse_image, reply=_draw, model=True)
