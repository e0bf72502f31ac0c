# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which shape answers which path?

Finds the endpoint of a request, whatever stands before the API's own paths: ``/v1``, an Azure
deployment, or another prefix.
It knows the endpoints that have a shape of their own; every other one has the shape of none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from agentguard.testing.anthropic_api import batches as message_batches
from agentguard.testing.anthropic_api import messages
from agentguard.testing.exchange import Shape
from agentguard.testing.openai_api import (
    batches,
    chat,
    completions,
    embeddings,
    files,
    media,
    responses,
)
from agentguard.testing.other_replies import MODELS, OTHER
from agentguard.testing.received import Received

_BASE = re.compile(r"/openai/deployments/[^/]+(?=/)|(?:/[^/]*)*/v1(?:beta)?(?=/)|/openai(?=/)")
_ONE = "([^/]+)"

_OPENAI: tuple[tuple[str, str, Shape], ...] = (
    ("POST", "/chat/completions", chat.CHAT),
    ("POST", "/responses", responses.RESPONSES),
    ("POST", "/completions", completions.COMPLETIONS),
    ("POST", "/embeddings", embeddings.EMBEDDINGS),
    ("POST", "/moderations", embeddings.MODERATIONS),
    ("GET", "/models", MODELS),
    ("GET", f"/models/{_ONE}", MODELS),
    ("POST", "/files", files.UPLOAD),
    ("GET", "/files", files.LIST),
    ("GET", f"/files/{_ONE}", files.RETRIEVE),
    ("GET", f"/files/{_ONE}/content", files.FILE_CONTENT),
    ("DELETE", f"/files/{_ONE}", files.DELETE),
    ("POST", "/batches", batches.BATCHES),
    ("POST", "/audio/transcriptions", media.TRANSCRIPTIONS),
    ("POST", "/audio/translations", media.TRANSCRIPTIONS),
    ("POST", "/audio/speech", media.SPEECH),
    ("POST", "/images/generations", media.IMAGES),
    ("POST", "/images/edits", media.IMAGES),
    ("POST", "/images/variations", media.IMAGES),
    # Anthropic's models at Vertex and, where nothing is streamed, at Bedrock.
    ("POST", ".*/models/[^/]+:(?:stream)?[rR]awPredict", messages.MESSAGES),
    ("POST", f"/model/{_ONE}/invoke", messages.MESSAGES),
)
_ANTHROPIC: tuple[tuple[str, str, Shape], ...] = (
    ("POST", "/messages", messages.MESSAGES),
    ("POST", "/messages/count_tokens", messages.COUNT_TOKENS),
    ("POST", "/messages/batches", message_batches.CREATE_BATCH),
    ("GET", f"/messages/batches/{_ONE}", message_batches.RETRIEVE_BATCH),
    ("GET", f"/messages/batches/{_ONE}/results", message_batches.BATCH_RESULTS),
    ("POST", "/files", message_batches.UPLOAD),
    ("GET", "/files", message_batches.LIST),
    ("GET", f"/files/{_ONE}/content", files.FILE_CONTENT),
    ("GET", "/models", MODELS),
    ("GET", f"/models/{_ONE}", MODELS),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a request goes.

    Attributes:
        pair: the verb and the path without what stands before the API's own paths.
        path: the path of the pair.
        matched: the parts of the path that vary, unquoted.
        shape: how it is answered.
        anthropic: whether the client speaks Anthropic's API.
    """

    pair: str
    path: str
    matched: tuple[str, ...]
    shape: Shape
    anthropic: bool


def route_of(received: Received) -> Route:
    """Return where a request goes; every request goes somewhere."""
    anthropic = received.header("anthropic-version") is not None
    table = _ANTHROPIC if anthropic else _OPENAI
    for path in _paths(received.url_path):
        for verb, template, shape in table:
            found = re.fullmatch(template, path) if verb == received.method else None
            if found is not None:
                matched = tuple(map(unquote, found.groups()))
                return _route(received, path, matched, shape, anthropic=anthropic)
    path = next(_paths(received.url_path))
    return _route(received, path, (), OTHER, anthropic=anthropic)


def _route(
    received: Received, path: str, matched: tuple[str, ...], shape: Shape, *, anthropic: bool
) -> Route:
    pair = f"{received.method} {path}"
    return Route(pair=pair, path=path, matched=matched, shape=shape, anthropic=anthropic)


def _paths(path: str) -> Iterator[str]:
    """Yield what the path may be below its base: what the base says, else every ending of it."""
    base = _BASE.match(path)
    if base is not None:
        yield path[base.end() :]
        return
    yield path
    for at in range(1, len(path)):
        if path[at] == "/":
            yield path[at:]
