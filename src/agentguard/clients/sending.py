# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is one request of a client taken through the guard, sent, and made into a result?

For synchronous and for asynchronous clients. Where an instrumentation watches, the SDK makes two
results of one response: one with placeholders, for the instrumentation, and the caller's.

INVARIANT: a response is turned into the caller's result once it was checked, and not before
(tests/attacks/observers/test_observers.py).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from agentguard.clients.crossings import (
    Asked,
    Landing,
    answered,
    crossing_of,
    passage_of,
    refusal_behind,
    result_for_observer,
    ticket_for,
    without_parser,
)
from agentguard.clients.originals import request_is_observed
from agentguard.clients.response import is_stream, response_of
from agentguard.clients.seal import Ticket, issued
from agentguard.clients.state import state_of
from agentguard.pipeline import UNANSWERED, Response
from agentguard.vocabulary import Call

Through = Callable[[Asked, Ticket], Any]
ThroughAsync = Callable[[Asked, Ticket], Awaitable[Any]]

PREPARES = "_copy_and_prepare"


def crossed(client: Any, base: Any, asked: Asked, through: Through | None = None) -> Any:
    """Take a request through the guard and return the SDK's result.

    Args:
        client: a guarded client.
        base: the SDK's class that it had.
        asked: what is to be sent, and what shall become of the answer.
        through: sends it by way of a method that an instrumentation has replaced.
    """
    state = state_of(client)
    if hasattr(base, PREPARES):
        asked = replace(asked, options=base._copy_and_prepare(client, asked.options))  # noqa: SLF001 - the SDK's own step
    passage = passage_of(client, asked.options)
    landing = Landing(observed=_is_observed(base, state.surface.sdk, through))

    def dispatch(call: Call) -> Response:
        ticket, refusal = ticket_for(client, call, passage, landing), None
        try:
            if through is None:
                landing.returned = sent(client, base, asked, ticket)
            else:
                landing.returned = through(asked, ticket)
        except Exception as error:
            refusal = refusal_behind(error, ticket)
            if refusal is None:
                setattr(error, UNANSWERED, ticket.unanswered)
                raise
        if refusal is not None:
            raise refusal
        if landing.arguments is not None and not is_stream(landing.http_response):
            landing.http_response.read()
        try:
            return _response_of(landing, ticket, client)
        except BaseException:
            landing.http_response.close()  # nobody else would give its connection back
            raise

    crossing = crossing_of(client, asked, passage, landing)
    answer = state.enforcer.call(crossing, dispatch)
    if landing.arguments is None:
        return landing.returned
    return base._process_response(client, **answered(landing, asked, answer))  # noqa: SLF001 - the SDK's own step


async def crossed_async(
    client: Any, base: Any, asked: Asked, through: ThroughAsync | None = None
) -> Any:
    """Like ``crossed``, for an asynchronous client."""
    state = state_of(client)
    if hasattr(base, PREPARES):
        asked = replace(asked, options=await base._copy_and_prepare(client, asked.options))  # noqa: SLF001 - the SDK's own step
    passage = passage_of(client, asked.options)
    landing = Landing(observed=_is_observed(base, state.surface.sdk, through))

    async def dispatch(call: Call) -> Response:
        ticket, refusal = ticket_for(client, call, passage, landing), None
        try:
            if through is None:
                landing.returned = await sent_async(client, base, asked, ticket)
            else:
                landing.returned = await through(asked, ticket)
        except Exception as error:
            refusal = refusal_behind(error, ticket)
            if refusal is None:
                setattr(error, UNANSWERED, ticket.unanswered)
                raise
        if refusal is not None:
            raise refusal
        if landing.arguments is not None and not is_stream(landing.http_response):
            await landing.http_response.aread()
        try:
            return _response_of(landing, ticket, client)
        except BaseException:
            await landing.http_response.aclose()
            raise

    crossing = crossing_of(client, asked, passage, landing)
    answer = await state.enforcer.call_async(crossing, dispatch)
    if landing.arguments is None:
        return landing.returned
    return await base._process_response(client, **answered(landing, asked, answer))  # noqa: SLF001 - the SDK's own step


def _is_observed(base: Any, sdk: str, through: object) -> bool:
    return through is not None or request_is_observed(base, sdk)


def _response_of(landing: Landing, ticket: Ticket, client: Any) -> Response:
    if landing.arguments is None:  # what stands in the method's place answered by itself
        return Response(content=None)
    response = response_of(landing.http_response, ticket.call, state_of(client).surface)
    return replace(response, unanswered=ticket.unanswered)


def sent(client: Any, base: Any, asked: Asked, ticket: Ticket) -> Any:
    """Let the SDK send what was admitted, while its ticket is the current one."""
    with issued(ticket):
        return base.request(
            client, asked.cast_to, ticket.admitted, stream=asked.stream, stream_cls=asked.stream_cls
        )


async def sent_async(client: Any, base: Any, asked: Asked, ticket: Ticket) -> Any:
    """Like ``sent``, for an asynchronous client."""
    with issued(ticket):
        return await base.request(
            client, asked.cast_to, ticket.admitted, stream=asked.stream, stream_cls=asked.stream_cls
        )


def landed(client: Any, base: Any, ticket: Ticket, arguments: dict[str, Any]) -> Any:
    """Take up what the SDK was about to make its result with.

    Returns:
        The result that an instrumentation sees; nothing where none watches.
    """
    landing: Landing = ticket.landing
    landing.arguments = arguments
    if not landing.observed:
        return None
    if not is_stream(arguments["response"]):
        arguments["response"].read()
    seen = result_for_observer(ticket, client, arguments)
    try:
        return base._process_response(client, **seen)  # noqa: SLF001 - the SDK's own step
    except Exception:  # noqa: BLE001 - placeholders are not what the caller's types expect
        seen = without_parser(seen)
    return base._process_response(client, **seen)  # noqa: SLF001 - the SDK's own step


async def landed_async(client: Any, base: Any, ticket: Ticket, arguments: dict[str, Any]) -> Any:
    """Like ``landed``, for an asynchronous client."""
    landing: Landing = ticket.landing
    landing.arguments = arguments
    if not landing.observed:
        return None
    if not is_stream(arguments["response"]):
        await arguments["response"].aread()
    seen = result_for_observer(ticket, client, arguments)
    try:
        return await base._process_response(client, **seen)  # noqa: SLF001 - the SDK's own step
    except Exception:  # noqa: BLE001 - placeholders are not what the caller's types expect
        seen = without_parser(seen)
    return await base._process_response(client, **seen)  # noqa: SLF001 - the SDK's own step
