# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does one request of a client cross the boundary?

Between the guarded class and the drivers: what is handed over, and how the SDK's own ``request``
and its response are put around the dispatch.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, get_origin

from agentguard.classification import Classifier
from agentguard.clients.relayed import Relay, relayed_response
from agentguard.clients.request import (
    Passage,
    copied_options,
    listed_headers,
    operation_name,
)
from agentguard.clients.response import is_stream, response_of, with_content
from agentguard.clients.seal import Ticket
from agentguard.clients.shapes import named_model
from agentguard.clients.state import state_of
from agentguard.clients.streams import checked_response
from agentguard.clients.surface import Surface
from agentguard.enforcement import Crossing, OpenStream
from agentguard.errors import CallRefused, GuardFailure, UnguardedPath
from agentguard.telemetry import GEN_AI_PROVIDER, SERVER_ADDRESS, SERVER_PORT
from agentguard.vocabulary import Boundary, Call, ModelCall

# They read an answer that the SDK streams, but whose lines are no events.
LINE_DECODERS = frozenset({"JSONLDecoder", "AsyncJSONLDecoder"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What the SDK hands to ``request``: the request, and what shall become of the answer."""

    cast_to: Any
    options: Any = field(repr=False)
    stream: bool
    stream_cls: Any


@dataclass(slots=True)
class Landing:
    """What comes back of one dispatch.

    Attributes:
        observed: whether an instrumentation gets the SDK's result, too.
        asked: how the result is made that the instrumentation gets, None for as it is asked for.
        arguments: with what the SDK was about to make its result; None before a response came.
        relay: what the caller reads a stream through that is observed.
        returned: what the instrumentation made of the SDK's result.
        observable: says what the instrumentation may see of an answer.
    """

    observed: bool
    asked: Asked | None = None
    arguments: dict[str, Any] | None = field(default=None, repr=False)
    relay: Relay | None = None
    returned: Any = field(default=None, repr=False)
    observable: Callable[[Any], Any] | None = field(default=None, repr=False)

    def observing(self, observable: Callable[[Any], Any]) -> None:
        """Take what says how much of an answer an instrumentation may see."""
        self.observable = observable

    @property
    def http_response(self) -> Any:
        """The provider's response."""
        return None if self.arguments is None else self.arguments["response"]


def passage_of(client: Any, options: Any) -> Passage:
    """Return the passage of a guarded client's request."""
    state = state_of(client)
    return Passage(client, options, state.surface, state.enforcer.core.policy)


def crossing_of(client: Any, asked: Asked, passage: Passage, landing: Landing) -> Crossing:
    """Return the crossing that a request of a guarded client is.

    Args:
        client: a guarded client.
        asked: what it is to send.
        passage: the request on its way through the guard.
        landing: takes what comes back.
    """
    state = state_of(client)
    surface, options = state.surface, asked.options
    events = expects_events(asked.cast_to, stream=asked.stream)
    return Crossing(
        boundary=Boundary.MODEL,
        surface=surface.sdk,
        operation=operation_name(surface, client, options),
        target=_shown_model(options, state.enforcer.core.classifier),
        carried=state.carried,
        describe=lambda call_id: passage.described(call_id, stream=events),
        span_attributes=_request_attributes(client, surface),
        operation_span=not landing.observed,
        observing=landing.observing,
    )


def expects_events(cast_to: Any, *, stream: bool) -> bool:
    """Say whether a method of the SDK reads its answer as events, and not line by line."""
    kind = get_origin(cast_to) or cast_to
    return stream and getattr(kind, "__name__", "") not in LINE_DECODERS


def _shown_model(options: Any, classifier: Classifier) -> str:
    """Return the model's name for a span, unless it is classified data itself.

    Nothing is refused here: such a name, and a classifier that fails, are refused in the flow.
    """
    model = named_model(options.json_data)
    with suppress(Exception):
        return "" if model and classifier.findings(model) else model
    return ""


def _request_attributes(client: Any, surface: Surface) -> dict[str, str | int]:
    """Return what the operation's span says from its start about where a request goes."""
    url = client.base_url
    port = url.port or (443 if url.scheme == "https" else 80)
    return {GEN_AI_PROVIDER: surface.provider, SERVER_ADDRESS: url.host, SERVER_PORT: port}


def ticket_for(client: Any, call: Call, passage: Passage, landing: Landing) -> Ticket:
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
        landing=landing,
        flags=state_of(client).surface.sign_in_flags,
    )


def refusal_behind(error: Exception, ticket: Ticket) -> CallRefused | None:
    """Return the seal's refusal behind what the SDK raised, if there is one."""
    refusal = ticket.refusal or (error if isinstance(error, UnguardedPath) else None)
    if refusal is not None:
        refusal.call_id, refusal.dispatched = ticket.call.id, ticket.sent
    return refusal


def result_for_observer(ticket: Ticket, client: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments with which the SDK makes the result that an observer gets.

    What is no stream must have been read.

    Raises:
        ContentRefused: the answer holds a class that may not be in one.
        GuardFailure: the answer cannot be checked.
    """
    landing: Landing = ticket.landing
    response, asked = arguments["response"], landing.asked
    if is_stream(response):
        landing.relay = Relay(response)
        response = landing.relay.response
    else:
        content = response_of(response, ticket.call, state_of(client).surface).content
        if landing.observable is None:
            raise GuardFailure("nothing says what may be observed", part="result")
        response = with_content(response, landing.observable(content))
    made = {**arguments, "response": response}
    return made if asked is None else {**made, **_kind_of_result(asked, asked.options)}


def without_parser(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments without the caller's own parser, which placeholders can fail."""
    options = copied_options(arguments["options"])
    options.post_parser = lambda parsed: parsed
    return {**arguments, "options": options}


def _kind_of_result(asked: Asked, options: Any) -> dict[str, Any]:
    return {
        "cast_to": asked.cast_to,
        "options": options,
        "stream": asked.stream,
        "stream_cls": asked.stream_cls,
    }


def answered(landing: Landing, asked: Asked, answer: Any) -> dict[str, Any]:
    """Return the arguments with which the SDK makes its result, from what was checked."""
    arguments, response = landing.arguments, landing.http_response
    if arguments is None:
        raise GuardFailure("an answer was checked that has not come", part="result")
    if not isinstance(answer, OpenStream):
        response = with_content(response, answer)
    elif landing.relay is None:
        response = checked_response(response, answer)
    else:
        landing.relay.call = answer
        response = relayed_response(response, landing.relay, landing.returned)
        landing.returned = None  # some observers end their span when nobody holds their stream
    kind = _kind_of_result(asked, arguments["options"])
    return {**arguments, **kind, "response": response}
