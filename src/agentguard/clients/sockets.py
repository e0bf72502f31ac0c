# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a guarded client open a websocket?

The resources that can connect get a class made on the fly, like the client itself. Their
connections are opened through the guard: one call for the connection, whose answer is all that
comes back on it, and one for each message that is sent. Where a version of the SDK, or a kind of
client, does not say where it would connect to before it does, websockets are refused.

INVARIANT: a websocket is opened through here or not at all (tests/attacks/sockets/test_socket_openings.py).
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache, update_wrapper
from typing import Any, NamedTuple, NoReturn

from agentguard.clients import socket_address
from agentguard.clients.socket_address import Pass, Stopped, described, issued, pass_of
from agentguard.clients.socket_frames import Line
from agentguard.clients.state import State, refuse, socket_named, state_of
from agentguard.enforcement import Crossing
from agentguard.errors import CallRefused, ContentRefused, UnguardedPath
from agentguard.pipeline import Response
from agentguard.vocabulary import Boundary, Call, Caller, ModelCall

# The attributes of clients and resources that lead to a resource which connects.
LEADING = frozenset({"beta", "forks", "live", "realtime", "responses", "sideband", "translations"})
REACHED = "__agentguard_sockets__"
OPTIONS = "websocket_connection_options"
FACTORY = "create_connection"
# Settings of the connection itself, none of which is sent.
KNOWN_OPTIONS = frozenset(
    {
        "close_timeout", "compression", "max_queue", "max_size", "open_timeout", "ping_interval",
        "ping_timeout", "ssl", "write_limit",
    }
)  # fmt: skip


class _Reached:
    """An attribute that holds a resource; whoever reaches it gets it able to connect guarded."""

    def __init__(self, inherited: Any, name: str) -> None:
        self._inherited = inherited
        self._name = name

    def __get__(self, holder: Any, kind: type | None = None) -> Any:
        if holder is None:
            return self._inherited
        return _armed(self._inherited.__get__(holder, kind))

    def __set__(self, holder: Any, value: Any) -> None:
        holder.__dict__[self._name] = value

    def __delete__(self, holder: Any) -> None:
        del holder.__dict__[self._name]


def _reached(base: Any, members: Mapping[str, Any] | None = None) -> dict[str, Any]:
    over = members or {}
    found = ((name, over.get(name, inspect.getattr_static(base, name, None))) for name in LEADING)
    return {name: _Reached(each, name) for name, each in found if hasattr(each, "__get__")}


def _armed(resource: Any) -> Any:
    """Give a resource the class whose ``connect`` goes through the guard."""
    kind: Any = type(resource)
    if not getattr(kind, REACHED, False):
        resource.__class__ = _guarded_resource(kind)
    return resource


@lru_cache(maxsize=64)
def _guarded_resource(base: Any) -> type:
    members: dict[str, Any] = {
        **_reached(base),
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        REACHED: True,
    }
    if hasattr(base, "connect"):

        def connect(self: Any, *arguments: Any, **options: Any) -> Any:
            options[OPTIONS] = _checked_options(options.get(OPTIONS), asynchronous=_is_async(base))
            manager = base.connect(self, *arguments, **options)
            if hasattr(manager, "_connect_ws"):
                _guard_manager(self._client, manager)
            return manager

        members["connect"] = _described_like(base.connect, connect)
    return type(base.__name__, (base,), members)


def _described_like(plain: Any, guarded: Any) -> Any:
    """Return a method that says of itself what the SDK's says, without leading to it."""
    update_wrapper(guarded, plain)
    del guarded.__wrapped__
    guarded.__signature__ = inspect.signature(plain)
    return guarded


def _is_async(kind: type) -> bool:
    return kind.__name__.startswith("Async")


def _checked_options(given: Mapping[str, Any] | None, *, asynchronous: bool) -> dict[str, Any]:
    """Return the settings of a connection, with the class that it is made of.

    Raises:
        ContentRefused: a setting by which more could be sent, or sent elsewhere.
    """
    options = dict(given or {})
    if not KNOWN_OPTIONS.issuperset(options):
        raise ContentRefused(
            f"{OPTIONS} holds a setting that the guard does not know",
            remedy="leave out what is not about the limits and times of the connection",
        )
    try:
        from agentguard.clients import socket_connections as guarded
    except ImportError:
        return options  # the SDK says what is missing
    kind = guarded.AsyncGuardedConnection if asynchronous else guarded.GuardedConnection
    return {**options, FACTORY: kind}


def _guard_manager(client: Any, manager: Any) -> None:
    """Let a manager connect through the guard, for the first time and again."""
    open_it = manager._connect_ws  # noqa: SLF001 - the SDK's one step that connects
    known: list[Caller] = []
    if inspect.iscoroutinefunction(open_it):

        async def connect_async(*arguments: Any) -> Any:
            return await _open_async(_Attempt(client, manager, known), lambda: open_it(*arguments))

        manager._connect_ws = connect_async  # noqa: SLF001 - see above
    else:

        def connect(*arguments: Any) -> Any:
            return _open(_Attempt(client, manager, known), lambda: open_it(*arguments))

        manager._connect_ws = connect  # noqa: SLF001 - see above


class _Attempt(NamedTuple):
    """What a manager is asked to do.

    Attributes:
        client: the guarded client.
        manager: the SDK's own.
        known: whom its first connection was opened for; it is that caller who connects again.
    """

    client: Any
    manager: Any
    known: list[Caller]


def _open(attempt: _Attempt, open_it: Callable[[], Any]) -> Any:
    with issued(Pass(client=id(attempt.client))) as asked, suppress(Stopped):
        open_it()
    opening = _Opening(attempt, asked)

    def dispatch(call: Call) -> Response:
        with _unsent(call), issued(opening.admitted(call)):
            return opening.opened(open_it())

    stream = opening.state.enforcer.call(opening.crossing(), dispatch)
    return opening.begun(stream)


async def _open_async(attempt: _Attempt, open_it: Callable[[], Any]) -> Any:
    with issued(Pass(client=id(attempt.client))) as asked, suppress(Stopped):
        await open_it()
    opening = _Opening(attempt, asked)

    async def dispatch(call: Call) -> Response:
        with _unsent(call), issued(opening.admitted(call)):
            return opening.opened(await open_it())

    stream = await opening.state.enforcer.call_async(opening.crossing(), dispatch)
    return opening.begun(stream)


@contextmanager
def _unsent(call: Call) -> Iterator[None]:
    """Say of a refusal of the handshake that it is about this call, which did not happen."""
    try:
        yield
    except CallRefused as refusal:
        refusal.call_id = call.id
        raise


class _Opening:
    """One attempt to open a websocket."""

    def __init__(self, attempt: _Attempt, asked: Pass) -> None:
        client = self._client = attempt.client
        self.state: State = state_of(client)
        self._known = attempt.known
        self._asked = asked
        self._connection: Any = None
        address = str(attempt.manager._prepare_url())  # noqa: SLF001 - the SDK's own step
        self._named = socket_named(self.state.surface, address)
        kind = type(client).__name__
        if asked.options is None or kind not in self.state.surface.socket_clients:
            self._refuse()

    def _refuse(self) -> NoReturn:
        known = ", ".join(sorted(self.state.surface.socket_clients))
        error = UnguardedPath(
            f"{self._named} is refused: this kind or version of client does not say where it would"
            " connect to before it does",
            remedy=f"use {known} of the newest version of the SDK",
        )
        refuse(self.state, self._named, error)

    def crossing(self) -> Crossing:
        """Return the crossing that opening the connection is."""
        options = self._asked.options
        return Crossing(
            boundary=Boundary.MODEL,
            surface=self.state.surface.sdk,
            operation=self._named,
            target="",
            carried=self._carried(),
            describe=lambda call_id: described(self._client, self.state, options, call_id),
            operation_span=False,
        )

    def _carried(self) -> Caller | None:
        return self._known[0] if self._known else self.state.carried

    def admitted(self, call: Call) -> Pass:
        """Return the pass under which the SDK connects."""
        if not isinstance(call, ModelCall):
            raise TypeError("a websocket of a provider is opened by a model call")
        enforcer, kind = self.state.enforcer, self.state.surface.sockets[call.pair]
        caller = enforcer.identities.presented(self._carried())
        provider = enforcer.core.policy.provider_of(call.origin)
        self._form = kind.form
        if caller is not None and not self._known:
            self._known.append(caller)
        return Pass(
            client=id(self._client),
            options=self._asked.options,
            admitted=True,
            listed=frozenset() if provider is None else provider.headers,
            keys=call.keys,
            line=Line(self.state, call, caller, kind),
        )

    def opened(self, connection: Any) -> Response:
        """Take the connection that the SDK made.

        Raises:
            UnguardedPath: it is not one that the guard had it make.
        """
        given = socket_address.current()
        if given is None or given.made is not connection:
            raise UnguardedPath("a websocket was opened past the guard, so it is refused")
        self._connection = connection
        return Response(content=None, form=self._form())

    def begun(self, stream: Any) -> Any:
        """Return the connection, on which everything that comes back is checked from now on."""
        self._connection.line.stream = stream
        return self._connection


def socket_members(base: Any, members: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a guarded class needs to open websockets, over its other members.

    Args:
        base: the SDK's class; one that has no way to open websockets needs nothing.
        members: what the guarded class defines otherwise.
    """
    if "_refresh_api_key" not in members:
        return {}
    steps = _async_steps if _is_async(base) else _sync_steps
    found = {
        **_reached(base, members),
        **steps(base, members["_prepare_options"], members["_refresh_api_key"]),
    }
    if "_websocket_query_params" in members:
        found["_websocket_query_params"] = _params(base, members["_websocket_query_params"])
    if "auth_headers" in members:
        found["auth_headers"] = property(_sign_in(base, members["auth_headers"]))
    return found


def _params(base: Any, refuse_them: Any) -> Callable[..., Any]:
    def _websocket_query_params(self: Any, *arguments: Any, **options: Any) -> Any:
        way = refuse_them if pass_of(self) is None else base._websocket_query_params  # noqa: SLF001 - the SDK's own step
        return way(self, *arguments, **options)

    return _websocket_query_params


def _sign_in(base: Any, refuse_it: Any) -> Callable[..., Any]:
    plain = inspect.getattr_static(base, "auth_headers")

    def auth_headers(self: Any) -> Any:
        given = pass_of(self)
        if given is None:
            return refuse_it.__get__(self)
        given.demand()
        return plain.__get__(self)

    return auth_headers


def _sync_steps(base: Any, prepare: Any, refresh: Any) -> dict[str, Any]:
    def _prepare_options(self: Any, options: Any) -> Any:
        given = pass_of(self)
        if given is None or _is_http(options):
            return prepare(self, options)
        return base._prepare_options(self, given.see(options))  # noqa: SLF001 - the SDK's own step

    def _refresh_api_key(self: Any) -> Any:
        given = pass_of(self)
        if given is None:
            return refresh(self)
        given.demand()
        return base._refresh_api_key(self)  # noqa: SLF001 - the SDK's own step

    return {"_prepare_options": _prepare_options, "_refresh_api_key": _refresh_api_key}


def _async_steps(base: Any, prepare: Any, refresh: Any) -> dict[str, Any]:
    async def _prepare_options(self: Any, options: Any) -> Any:
        given = pass_of(self)
        if given is None or _is_http(options):
            return await prepare(self, options)
        return await base._prepare_options(self, given.see(options))  # noqa: SLF001 - the SDK's own step

    async def _refresh_api_key(self: Any) -> Any:
        given = pass_of(self)
        if given is None:
            return await refresh(self)
        given.demand()
        return await base._refresh_api_key(self)  # noqa: SLF001 - the SDK's own step

    return {"_prepare_options": _prepare_options, "_refresh_api_key": _refresh_api_key}


def _is_http(options: Any) -> bool:
    return not str(options.url).startswith(("ws://", "wss://"))
