# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does every use of an OpenAI client come to pass the guard?

The client keeps its identity as an object; its class becomes a subclass made on the fly, whose
``request`` takes the call through the guard once, above retries and signing. The SDK's
internals demand the ticket that ``request`` issues, so that a path around it is refused.

INVARIANT: a guarded class without guard state refuses (tests/attacks/test_openai_paths.py).
INVARIANT: what is sent is the very object that was admitted (same file).
"""

import inspect
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, NoReturn, TypeVar

from agentguard.classification import Classifier
from agentguard.enforcement import Crossing, Enforcer
from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.openai import request as requests
from agentguard.integrations.openai.chat import named_model
from agentguard.integrations.openai.operations import websocket_refusal
from agentguard.integrations.openai.seal import (
    Ticket,
    attach,
    is_sealed,
    issued,
    seal,
    ticket_of,
)
from agentguard.pipeline import Response
from agentguard.vocabulary import Boundary, Call, Caller, ModelCall

C = TypeVar("C")

STATE = "_agentguard_state"
GUARDED = "__agentguard_guarded__"
SUPPORTED = {"OpenAI", "AsyncOpenAI"}
SDK_HTTP_CLIENTS = {"SyncHttpxClientWrapper", "AsyncHttpxClientWrapper"}


@dataclass(frozen=True, slots=True)
class State:
    """What a guarded client carries."""

    enforcer: Enforcer
    carried: Caller | None


@dataclass(slots=True)
class Captured:
    """What the SDK was about to turn into a result: how, and from which HTTP response."""

    arguments: dict[str, Any]


def is_openai_client(target: object) -> bool:
    """Say whether *target* is a client of the OpenAI SDK, guarded or not."""
    return any(
        base.__name__ in SUPPORTED and base.__module__.partition(".")[0] == "openai"
        for base in type(target).__mro__
    )


def guard_client(client: C, enforcer: Enforcer, carried: Caller | None) -> C:
    """Guard a client in place and return it.

    Raises:
        TypeError: a subclass that is not guarded yet, such as a client for Azure.
        ConfigError: another guard has the client already.
    """
    kind = type(client)
    if getattr(kind, GUARDED, False):
        state = _state_of(client)
        if state.enforcer is not enforcer:
            raise ConfigError("the client is guarded by another guard already")
        return _arm_again(client, state, carried)
    if kind.__name__ not in SUPPORTED or kind.__module__.partition(".")[0] != "openai":
        raise TypeError(f"clients of type {kind.__name__} are not guarded yet: use OpenAI")
    _arm(client, State(enforcer=enforcer, carried=carried))
    return client


def _arm_again(client: C, state: State, carried: Caller | None) -> C:
    if carried is None or state.carried == carried:
        return client
    if state.carried is not None:
        raise ConfigError("the client carries an identity already: use guard.bind for another")
    armed: C = _arm(client, replace(state, carried=carried))
    return armed


def bind_client(client: C, enforcer: Enforcer, carried: Caller) -> C:
    """Return a second client, guarded and bound to *carried*; the first stays as it is."""
    guarded: Any = guard_client(client, enforcer, None)
    bound: C = _arm(guarded.copy(), State(enforcer=enforcer, carried=carried))
    return bound


def _arm(client: Any, state: State) -> Any:
    http_client = client._client  # noqa: SLF001 - the seal belongs there
    made_by_sdk = type(http_client).__name__ in SDK_HTTP_CLIENTS

    def report(error: UnguardedPath) -> None:
        _refuse(state, "raw_http", error)

    client._client = seal(http_client, report, made_by_sdk=made_by_sdk)  # noqa: SLF001 - see above
    client.__dict__[STATE] = state
    if not getattr(type(client), GUARDED, False):
        kind: Any = type(client)
        client.__class__ = guarded_class(kind)
    return client


def _state_of(client: Any) -> State:
    state = client.__dict__.get(STATE)
    if not isinstance(state, State):
        raise UnguardedPath(
            "a client of a guarded class was made without its guard, so it is refused",
            remedy="make a plain client and wrap it, or use with_options()",
        )
    return state


@lru_cache(maxsize=16)
def guarded_class(base: Any) -> type:
    """Return the guarded subclass of a client class; one for each class."""
    asynchronous = base.__name__.startswith("Async")
    members: dict[str, Any] = _twin_members(base)
    members |= _async_members(base) if asynchronous else _sync_members(base)
    members = {name: member for name, member in members.items() if hasattr(base, name)}
    members |= {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        GUARDED: True,
    }
    return type(base.__name__, (base,), members)


def _crossing(client: Any, options: Any, *, stream: bool) -> Crossing:
    state = _state_of(client)
    policy, classifier = state.enforcer.core.policy, state.enforcer.core.classifier
    return Crossing(
        boundary=Boundary.MODEL,
        operation=requests.operation_name(options),
        target=_shown_model(options, classifier),
        carried=state.carried,
        describe=lambda call_id: requests.described(
            call_id, client, options, policy, classifier, stream=stream
        ),
        span_attributes=requests.request_attributes(client),
        operation_span=not _observed(type(client)),
    )


def _shown_model(options: Any, classifier: Classifier) -> str:
    """Return the model's name for a span, unless it is classified data itself.

    Nothing is refused here: such a name, and a classifier that fails, are refused in the flow.
    """
    model = named_model(options.json_data)
    with suppress(Exception):
        return "" if classifier.findings(model) else model
    return ""


def _observed(kind: type) -> bool:
    """Say whether another instrumentation makes the operation's span; looked up at each call."""
    from openai.resources.chat.completions import AsyncCompletions, Completions

    methods = (Completions.__dict__.get("create"), AsyncCompletions.__dict__.get("create"))
    inherited = next(
        (b.__dict__["request"] for b in kind.__mro__[1:] if "request" in b.__dict__), None
    )
    return not all(inspect.isfunction(method) for method in (*methods, inherited))


def _refuse(state: State, operation: str, error: UnguardedPath) -> NoReturn:
    """Take a use of the client that is no call through the guard: written down, and refused."""

    def refuse(_: object) -> NoReturn:
        raise error

    crossing = Crossing(
        boundary=Boundary.MODEL,
        operation=operation,
        target="",
        carried=state.carried,
        describe=refuse,
        operation_span=False,
    )
    state.enforcer.call(crossing, refuse)
    raise error


def _required(client: Any, options: Any = None) -> Ticket:
    """Return the current ticket of *client*, for these options if there are any.

    Raises:
        UnguardedPath: there is none, so the call did not come through the guard.
    """
    ticket = ticket_of(client)
    if ticket is not None and ticket.refusal is not None:
        raise ticket.refusal
    if ticket is not None and (options is None or options.json_data is ticket.body):
        return ticket
    url = "" if options is None else str(options.url)
    if url.startswith(("ws://", "wss://")):
        _refuse(_state_of(client), "websocket", websocket_refusal(url))
    if ticket is not None:
        raise UnguardedPath("the body was changed after the guard had admitted it")
    error = UnguardedPath(
        "the client was used on a way that the guard does not decide, so it is refused",
        remedy="use client.chat.completions; websockets and raw requests are refused",
    )
    _refuse(_state_of(client), "internal", error)


def _ticket(client: Any, call: Call, body: Any) -> Ticket:
    if not isinstance(call, ModelCall):
        raise TypeError("an OpenAI client dispatches model calls alone")
    policy = _state_of(client).enforcer.core.policy
    return Ticket(
        client=id(client),
        origin=call.origin,
        body=body,
        payload=call.payload,
        listed=requests.listed_headers(policy, call),
    )


def _refusal(error: Exception, ticket: Ticket, call: Call) -> UnguardedPath | None:
    """Return the seal's refusal behind what the SDK raised, if there is one."""
    refusal = ticket.refusal or (error if isinstance(error, UnguardedPath) else None)
    if refusal is not None:
        refusal.call_id, refusal.dispatched = call.id, ticket.sent
    return refusal


def _twin_members(base: Any) -> dict[str, Any]:
    """Return the overrides that are the same in both twins."""

    def _build_request(self: Any, options: Any, **kwargs: Any) -> Any:
        ticket = _required(self, options)
        if not is_sealed(self._client):
            raise UnguardedPath(
                "the HTTP client was replaced after the client had been guarded",
                remedy="use with_options(http_client=...)",
            )
        requests.renew_body(options, ticket)
        built = base._build_request(self, options, **kwargs)  # noqa: SLF001 - the SDK's own step
        requests.refuse_deviations(built, ticket)
        attach(built, ticket)
        return built

    def _build_headers(self: Any, options: Any, **kwargs: Any) -> Any:
        headers = base._build_headers(self, options, **kwargs)  # noqa: SLF001 - the SDK's own step
        ticket = ticket_of(self)
        if ticket is not None:
            ticket.sdk_headers = headers
        return headers

    def _websocket_query_params(self: Any, url: Any, *_: Any, **__: Any) -> NoReturn:
        _refuse(_state_of(self), "websocket", websocket_refusal(str(url)))

    def auth_headers(self: Any) -> NoReturn:
        # Requests sign in with ``_auth_headers``; only websockets ask here.
        _refuse(_state_of(self), "websocket", websocket_refusal(""))

    def copy(self: Any, **kwargs: Any) -> Any:
        state = _state_of(self)
        return _arm(base.copy(self, **kwargs), replace(state))

    return {
        "_build_request": _build_request,
        "_build_headers": _build_headers,
        "_websocket_query_params_fallback": _websocket_query_params,
        "_websocket_query_params": _websocket_query_params,
        "auth_headers": property(auth_headers),
        "copy": copy,
        "with_options": copy,
    }


def _sync_members(base: Any) -> dict[str, Callable[..., Any]]:
    def request(
        self: Any, cast_to: Any, options: Any, *, stream: bool = False, **_streaming: Any
    ) -> Any:
        captured: list[Captured] = []

        def dispatch(call: Call) -> Response:
            copied, body = requests.prepared(options, call)
            ticket = _ticket(self, call, body)
            refusal = None
            try:
                with issued(ticket):
                    captured.append(base.request(self, cast_to, copied))
            except Exception as error:
                refusal = _refusal(error, ticket, call)
                if refusal is None:
                    raise
            if refusal is not None:
                raise refusal
            return requests.response_of(captured[0].arguments["response"], call)

        crossing = _crossing(self, options, stream=stream)
        content = _state_of(self).enforcer.call(crossing, dispatch)
        answered = _answered(captured[0], content)
        return base._process_response(self, **answered)  # noqa: SLF001 - the SDK's own step

    def _process_response(self: Any, **kwargs: Any) -> Any:
        if ticket_of(self) is not None:
            return Captured(kwargs)
        return base._process_response(self, **kwargs)  # noqa: SLF001 - the SDK's own step

    def _prepare_options(self: Any, options: Any) -> Any:
        _required(self, options)
        return base._prepare_options(self, options)  # noqa: SLF001 - the SDK's own step

    def _refresh_api_key(self: Any) -> Any:
        _required(self)
        return base._refresh_api_key(self)  # noqa: SLF001 - the SDK's own step

    return {
        "request": request,
        "_process_response": _process_response,
        "_prepare_options": _prepare_options,
        "_refresh_api_key": _refresh_api_key,
    }


def _async_members(base: Any) -> dict[str, Callable[..., Any]]:
    async def request(
        self: Any, cast_to: Any, options: Any, *, stream: bool = False, **_streaming: Any
    ) -> Any:
        captured: list[Captured] = []

        async def dispatch(call: Call) -> Response:
            copied, body = requests.prepared(options, call)
            ticket = _ticket(self, call, body)
            refusal = None
            try:
                with issued(ticket):
                    captured.append(await base.request(self, cast_to, copied))
            except Exception as error:
                refusal = _refusal(error, ticket, call)
                if refusal is None:
                    raise
            if refusal is not None:
                raise refusal
            return requests.response_of(captured[0].arguments["response"], call)

        crossing = _crossing(self, options, stream=stream)
        content = await _state_of(self).enforcer.call_async(crossing, dispatch)
        answered = _answered(captured[0], content)
        return await base._process_response(self, **answered)  # noqa: SLF001 - the SDK's own step

    async def _process_response(self: Any, **kwargs: Any) -> Any:
        if ticket_of(self) is not None:
            return Captured(kwargs)
        return await base._process_response(self, **kwargs)  # noqa: SLF001 - the SDK's own step

    async def _prepare_options(self: Any, options: Any) -> Any:
        _required(self, options)
        return await base._prepare_options(self, options)  # noqa: SLF001 - the SDK's own step

    async def _refresh_api_key(self: Any) -> Any:
        _required(self)
        return await base._refresh_api_key(self)  # noqa: SLF001 - the SDK's own step

    return {
        "request": request,
        "_process_response": _process_response,
        "_prepare_options": _prepare_options,
        "_refresh_api_key": _refresh_api_key,
    }


def _answered(captured: Captured, content: Any) -> dict[str, Any]:
    """Return the arguments with which the SDK makes its result, from the checked content."""
    response = requests.with_content(captured.arguments["response"], content)
    return {**captured.arguments, "response": response}
