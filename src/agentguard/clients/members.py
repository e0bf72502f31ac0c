# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the guarded class of a client override?

``request`` takes each call through the guard once, above retries and signing. The SDK's internals
demand the ticket that it issues, so that a path around it is refused. Copies are armed again.

INVARIANT: what is sent is the very object that was admitted (tests/attacks/test_openai_paths.py).
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from agentguard.clients.crossings import Asked
from agentguard.clients.observed import passed
from agentguard.clients.request import refuse_deviations, renew_body
from agentguard.clients.seal import attach, is_admitted, is_sealed, reattach, ticket_of
from agentguard.clients.sending import (
    crossed,
    crossed_async,
    landed,
    landed_async,
    sent,
    sent_async,
)
from agentguard.clients.state import (
    State,
    refuse_sign_in,
    refuse_socket,
    required_ticket,
    state_of,
)
from agentguard.errors import UnguardedPath

Arm = Callable[[Any, State], Any]


def overrides(base: Any, arm: Arm) -> dict[str, Any]:
    """Return what the guarded subclass of *base* defines.

    Args:
        base: a client class of an SDK.
        arm: guards a copy like the client that it was made from.
    """
    asynchronous = base.__name__.startswith("Async")
    return {
        **_shared_members(base, arm),
        **(_async_members(base) if asynchronous else _sync_members(base)),
    }


def _shared_members(base: Any, arm: Arm) -> dict[str, Any]:
    def _build_request(self: Any, options: Any, **kwargs: Any) -> Any:
        ticket = required_ticket(self, options)
        if not is_sealed(self._client):
            raise UnguardedPath(
                "the HTTP client was replaced after the client had been guarded",
                remedy="use with_options(http_client=...)",
            )
        renew_body(options, ticket)
        built = base._build_request(self, options, **kwargs)  # noqa: SLF001 - the SDK's own step
        refuse_deviations(built, ticket, state_of(self).surface)
        attach(built, ticket)
        return built

    def _build_headers(self: Any, options: Any, **kwargs: Any) -> Any:
        headers = base._build_headers(self, options, **kwargs)  # noqa: SLF001 - the SDK's own step
        ticket = ticket_of(self)
        if ticket is not None:
            ticket.sdk_headers = headers
        return headers

    def _websocket_query_params(self: Any, url: Any, *_: Any, **__: Any) -> NoReturn:
        refuse_socket(self, str(url))

    def auth_headers(self: Any) -> NoReturn:
        # Requests sign in with ``_auth_headers``; websockets, and code that sends by itself, ask here.
        refuse_sign_in(self)

    def copy(self: Any, **kwargs: Any) -> Any:
        state = state_of(self)
        arguments = state.surface.for_copy(self, kwargs)
        return arm(base.copy(self, **arguments), replace(state))

    members: dict[str, Any] = {
        "_build_request": _build_request,
        "_build_headers": _build_headers,
        "_websocket_query_params": _websocket_query_params,
        "copy": copy,
        "with_options": copy,
    }
    if hasattr(base, "_auth_headers"):
        members["auth_headers"] = property(auth_headers)
    return members


def _sync_request(base: Any) -> Callable[..., Any]:
    """Return the ``request`` of a guarded class: one call through the guard, above retries."""

    def request(
        self: Any, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None
    ) -> Any:
        asked = Asked(cast_to, options, stream, stream_cls)
        ticket = passed(self, asked)
        if ticket is None:
            return crossed(self, base, asked)
        return sent(self, base, asked, ticket)

    return request


def _sync_members(base: Any) -> dict[str, Callable[..., Any]]:
    def _process_response(self: Any, **kwargs: Any) -> Any:
        ticket = ticket_of(self)
        if ticket is not None:
            return landed(self, base, ticket, kwargs)
        return base._process_response(self, **kwargs)  # noqa: SLF001 - the SDK's own step

    def _copy_and_prepare(self: Any, options: Any) -> Any:
        if is_admitted(self, options):
            return options.model_copy()
        return base._copy_and_prepare(self, options)  # noqa: SLF001 - the SDK's own step

    def _prepare_options(self: Any, options: Any) -> Any:
        required_ticket(self, options)
        return base._prepare_options(self, options)  # noqa: SLF001 - the SDK's own step

    def _prepare_request(self: Any, request: Any) -> None:
        ticket = required_ticket(self)
        base._prepare_request(self, request)  # noqa: SLF001 - the SDK's own step
        reattach(request, ticket, state_of(self).surface.signing_headers)

    def _refresh_api_key(self: Any) -> Any:
        required_ticket(self)
        return base._refresh_api_key(self)  # noqa: SLF001 - the SDK's own step

    return {
        "request": _sync_request(base),
        "_process_response": _process_response,
        "_copy_and_prepare": _copy_and_prepare,
        "_prepare_options": _prepare_options,
        "_prepare_request": _prepare_request,
        "_refresh_api_key": _refresh_api_key,
    }


def _async_request(base: Any) -> Callable[..., Any]:
    """Return the ``request`` of a guarded class: one call through the guard, above retries."""

    async def request(
        self: Any, cast_to: Any, options: Any, *, stream: bool = False, stream_cls: Any = None
    ) -> Any:
        asked = Asked(cast_to, options, stream, stream_cls)
        ticket = passed(self, asked)
        if ticket is None:
            return await crossed_async(self, base, asked)
        return await sent_async(self, base, asked, ticket)

    return request


def _async_members(base: Any) -> dict[str, Callable[..., Any]]:
    async def _process_response(self: Any, **kwargs: Any) -> Any:
        ticket = ticket_of(self)
        if ticket is not None:
            return await landed_async(self, base, ticket, kwargs)
        return await base._process_response(self, **kwargs)  # noqa: SLF001 - the SDK's own step

    async def _copy_and_prepare(self: Any, options: Any) -> Any:
        if is_admitted(self, options):
            return options.model_copy()
        return await base._copy_and_prepare(self, options)  # noqa: SLF001 - the SDK's own step

    async def _prepare_options(self: Any, options: Any) -> Any:
        required_ticket(self, options)
        return await base._prepare_options(self, options)  # noqa: SLF001 - the SDK's own step

    async def _prepare_request(self: Any, request: Any) -> None:
        ticket = required_ticket(self)
        await base._prepare_request(self, request)  # noqa: SLF001 - the SDK's own step
        reattach(request, ticket, state_of(self).surface.signing_headers)

    async def _refresh_api_key(self: Any) -> Any:
        required_ticket(self)
        return await base._refresh_api_key(self)  # noqa: SLF001 - the SDK's own step

    return {
        "request": _async_request(base),
        "_process_response": _process_response,
        "_copy_and_prepare": _copy_and_prepare,
        "_prepare_options": _prepare_options,
        "_prepare_request": _prepare_request,
        "_refresh_api_key": _refresh_api_key,
    }
