# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does one request of a client cross the boundary?

Between the guarded class and the drivers: what is handed over, and how the SDK's own ``request``
and its response are put around the dispatch.
"""

import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, get_origin

from agentguard.classification import Classifier
from agentguard.clients.request import Passage, listed_headers, operation_name
from agentguard.clients.response import is_stream, response_of, with_content
from agentguard.clients.seal import Ticket, issued
from agentguard.clients.shapes import MODEL_NAME
from agentguard.clients.state import state_of
from agentguard.clients.streams import checked_response
from agentguard.clients.surface import Surface
from agentguard.enforcement import Crossing, OpenStream
from agentguard.errors import UnguardedPath
from agentguard.pipeline import Response
from agentguard.telemetry import GEN_AI_PROVIDER, SERVER_ADDRESS, SERVER_PORT
from agentguard.vocabulary import Boundary, Call, ModelCall

# They read an answer that the SDK streams, but whose lines are no events.
LINE_DECODERS = frozenset({"JSONLDecoder", "AsyncJSONLDecoder"})


@dataclass(slots=True)
class Captured:
    """What the SDK was about to turn into a result: how, and from which HTTP response."""

    arguments: dict[str, Any]

    @property
    def http_response(self) -> Any:
        """The provider's response."""
        return self.arguments["response"]


def passage_of(client: Any, options: Any) -> Passage:
    """Return the passage of a guarded client's request."""
    state = state_of(client)
    return Passage(client, options, state.surface, state.enforcer.core.policy)


def crossing_of(client: Any, options: Any, passage: Passage, *, stream: bool) -> Crossing:
    """Return the crossing that a request of a guarded client is."""
    state = state_of(client)
    surface = state.surface
    return Crossing(
        boundary=Boundary.MODEL,
        surface=surface.sdk,
        operation=operation_name(surface, client, options),
        target=_shown_model(options, state.enforcer.core.classifier),
        carried=state.carried,
        describe=lambda call_id: passage.described(call_id, stream=stream),
        span_attributes=_request_attributes(client, surface),
        operation_span=not _observed(type(client), surface),
    )


def expects_events(cast_to: Any, *, stream: bool) -> bool:
    """Say whether a method of the SDK reads its answer as events, and not line by line."""
    kind = get_origin(cast_to) or cast_to
    return stream and getattr(kind, "__name__", "") not in LINE_DECODERS


def _shown_model(options: Any, classifier: Classifier) -> str:
    """Return the model's name for a span, unless it is classified data itself.

    Nothing is refused here: such a name, and a classifier that fails, are refused in the flow.
    """
    body = options.json_data
    model = body.get("model") if isinstance(body, Mapping) else None
    if not isinstance(model, str) or not MODEL_NAME.fullmatch(model):
        return ""
    with suppress(Exception):
        return "" if classifier.findings(model) else model
    return ""


def _request_attributes(client: Any, surface: Surface) -> dict[str, str | int]:
    """Return what the operation's span says from its start about where a request goes."""
    url = client.base_url
    port = url.port or (443 if url.scheme == "https" else 80)
    return {GEN_AI_PROVIDER: surface.provider, SERVER_ADDRESS: url.host, SERVER_PORT: port}


def _observed(kind: type, surface: Surface) -> bool:
    """Say whether another instrumentation makes the operation's span; looked up at each call."""
    inherited = next(
        (b.__dict__["request"] for b in kind.__mro__[1:] if "request" in b.__dict__), None
    )
    return not all(map(inspect.isfunction, (*surface.watched_methods(), inherited)))


def ticket_for(client: Any, call: Call, passage: Passage) -> Ticket:
    """Return the ticket for one dispatch of *call*."""
    if not isinstance(call, ModelCall):
        raise TypeError("a client of a provider dispatches model calls alone")
    policy = state_of(client).enforcer.core.policy
    return Ticket(
        client=id(client),
        call=call,
        admitted=passage.prepared(call),
        renewed=lambda: passage.prepared(call),
        paths=passage.paths(call),
        own=passage.own_path(),
        query=passage.query(),
        listed=listed_headers(policy, call),
        flags=state_of(client).surface.sign_in_flags,
    )


def sent(ticket: Ticket, send: Callable[[Any], Captured]) -> Captured:
    """Let the SDK send what was admitted, while its ticket is the current one.

    Raises:
        UnguardedPath: the seal stopped a request, whatever the SDK made of that.
    """
    refusal = None
    try:
        with issued(ticket):
            return send(ticket.admitted)
    except Exception as error:
        refusal = _refusal_behind(error, ticket)
        if refusal is None:
            raise
    raise refusal


async def sent_async(ticket: Ticket, send: Callable[[Any], Awaitable[Captured]]) -> Captured:
    """Like ``sent``, for an asynchronous client."""
    refusal = None
    try:
        with issued(ticket):
            return await send(ticket.admitted)
    except Exception as error:
        refusal = _refusal_behind(error, ticket)
        if refusal is None:
            raise
    raise refusal


def _refusal_behind(error: Exception, ticket: Ticket) -> UnguardedPath | None:
    """Return the seal's refusal behind what the SDK raised, if there is one."""
    refusal = ticket.refusal or (error if isinstance(error, UnguardedPath) else None)
    if refusal is not None:
        refusal.call_id, refusal.dispatched = ticket.call.id, ticket.sent
    return refusal


def read_answer(captured: Captured, ticket: Ticket, surface: Surface) -> Response:
    """Return what a response holds, reading its body unless it is a stream."""
    if not is_stream(captured.http_response):
        captured.http_response.read()
    try:
        return response_of(captured.http_response, ticket.call, surface)
    except BaseException:
        captured.http_response.close()  # nobody else would give its connection back
        raise


async def read_answer_async(captured: Captured, ticket: Ticket, surface: Surface) -> Response:
    """Like ``read_answer``, for an asynchronous client."""
    if not is_stream(captured.http_response):
        await captured.http_response.aread()
    try:
        return response_of(captured.http_response, ticket.call, surface)
    except BaseException:
        await captured.http_response.aclose()
        raise


def answered(captured: Captured, answer: Any) -> dict[str, Any]:
    """Return the arguments with which the SDK makes its result, from what was checked."""
    http_response = captured.http_response
    if isinstance(answer, OpenStream):
        response = checked_response(http_response, answer)
    else:
        response = with_content(http_response, answer)
    return {**captured.arguments, "response": response}
