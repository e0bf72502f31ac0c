# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a websocket go, with what beside it, and was that admitted?

The SDK is run twice. The first time it only says where it would connect to, and is stopped
before it looks up a credential; that is decided. The second time it connects, with a pass for
exactly that address. Frames are read elsewhere.

INVARIANT: what a client asks for outside a pass is refused as before
(tests/attacks/sockets/test_socket_openings.py).
INVARIANT: a handshake says no more than was admitted (tests/clients/test_sockets.py).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from agentguard.canonical import Frozen
from agentguard.clients.credentials import known_credential, refuse_other_keys
from agentguard.clients.request import matched, own_headers
from agentguard.clients.shapes import MODEL_NAME
from agentguard.clients.socket_frames import Line
from agentguard.clients.state import State
from agentguard.errors import ContentRefused, UnguardedPath
from agentguard.operations import Match
from agentguard.vocabulary import Keys, ModelCall, Reference

HTTP_SCHEMES = {"ws": "http", "wss": "https", "http": "http", "https": "https"}
PORTS = {"http": 80, "https": 443}
CALL_ID = "call_id"
MODEL = "model"


class Stopped(Exception):
    """The SDK has said where it would connect to, and goes no further."""


@dataclass(slots=True, eq=False)
class Pass:
    """The right of one client to prepare a websocket, and once admitted to open it.

    Attributes:
        client: the id of the client that it was issued for.
        options: where the SDK would connect to, and the headers that the caller chose.
        admitted: whether the guard has decided on them.
        listed: lower-case names of the headers that the policy lets through.
        keys: the API keys that it may be opened with; None for any.
        line: what may pass on the connection.
        made: the connection that was made under it.
        valid: whether the SDK still works under it.
    """

    client: int
    options: Any = field(default=None, repr=False)
    admitted: bool = False
    listed: frozenset[str] = frozenset()
    keys: Keys | None = field(default=None, repr=False)
    line: Line | None = None
    made: Any = field(default=None, repr=False)
    valid: bool = True

    def see(self, options: Any) -> Any:
        """Take what the SDK is about to connect to, and return it.

        Raises:
            Stopped: it was only asked.
            UnguardedPath: it is something else than what was admitted.
        """
        if not self.admitted:
            self.options = options
            raise Stopped
        known = self.options
        if str(options.url) != str(known.url) or dict(options.headers) != dict(known.headers):
            raise UnguardedPath("the websocket's address was changed after it had been admitted")
        return options

    def demand(self) -> None:
        """Let the SDK have a credential.

        Raises:
            Stopped: it was only asked where it would connect to.
        """
        if not self.admitted:
            raise Stopped


_PASS: ContextVar[Pass | None] = ContextVar("agentguard_socket", default=None)


@contextmanager
def issued(given: Pass) -> Iterator[Pass]:
    """Make *given* the current one until the block ends."""
    token = _PASS.set(given)
    try:
        yield given
    finally:
        given.valid = False
        _PASS.reset(token)


def pass_of(client: object) -> Pass | None:
    """Return the current pass if it was issued for *client*."""
    given = _PASS.get()
    return given if given is not None and given.valid and given.client == id(client) else None


def current() -> Pass | None:
    """Return the current pass, if it was admitted."""
    given = _PASS.get()
    return given if given is not None and given.valid and given.admitted else None


def described(client: Any, state: State, options: Any, call_id: str) -> ModelCall:
    """Return the model call that opening a websocket is; its frames are calls of their own.

    Raises:
        UnguardedPath: the table does not list it, or its frames cannot be read.
        ContentRefused: the address holds something that is not documented.
    """
    surface, parts = state.surface, urlsplit(str(options.url))
    match = matched(surface, "WS", _path_below(client, parts))
    operation = match.operation
    kind = surface.sockets.get(operation.pair)
    if kind is None:
        raise UnguardedPath(f"{operation.pair} cannot be guarded, so it is always refused")
    origin = _origin(parts)
    provider = state.enforcer.core.policy.provider_of(origin)
    listed = frozenset[str]() if provider is None else provider.headers
    extra = frozenset[str]() if provider is None else provider.extra_fields
    headers = own_headers(client, options, surface, listed)
    query = _pairs(parts.query)
    if any(
        name not in {*operation.query, *surface.query, *kind.query, *extra} for name, _ in query
    ):
        raise ContentRefused(
            f"the websocket's address has a query parameter that {operation.pair} does not take",
            remedy="leave it out, or list it under the provider's extra_fields in the policy",
        )
    return ModelCall(
        id=call_id,
        operation=operation.label,
        kind=operation.kind,
        verb="WS",
        path=operation.path,
        origin=origin,
        model=_model(query),
        payload=(),
        address=_address(match, query, headers),
        references=_references(match, query),
        streams=True,
        credential=known_credential(client, options)
        if state.enforcer.core.policy.gate.keys
        else None,
    )


def _address(match: Match, query: list[tuple[str, str]], headers: list[str]) -> Frozen:
    return (*match.segments, *(part for pair in query for part in pair), *headers)


def _references(match: Match, query: list[tuple[str, str]]) -> frozenset[Reference]:
    """Return what is joined instead of begun: a call or a session that runs already."""
    joins = bool(match.segments) or any(name == CALL_ID for name, _ in query)
    return frozenset({Reference.CONVERSATION}) if joins else frozenset()


def _model(query: list[tuple[str, str]]) -> str:
    names = {value for name, value in query if name == MODEL}
    if not names:
        return ""
    name = names.pop()
    if names or not MODEL_NAME.fullmatch(name):
        raise ContentRefused("'model' in the websocket's address is not the name of a model")
    return name


def _origin(parts: SplitResult) -> str:
    scheme = HTTP_SCHEMES.get(parts.scheme)
    if scheme is None:
        raise UnguardedPath("a websocket goes to an address of an unknown scheme")
    return f"{scheme}://{parts.hostname}:{parts.port or PORTS[scheme]}"


def _path_below(client: Any, parts: SplitResult) -> str:
    """Return the path of a websocket below the base URL that its client opens websockets at."""
    base = getattr(client, "websocket_base_url", None) or client.base_url
    above = urlsplit(str(base)).path.rstrip("/")
    return parts.path.removeprefix(above) if parts.path.startswith(f"{above}/") else parts.path


def refuse_deviations(
    given: Pass, state: State, uri: Any, headers: Any, user_agent: str | None
) -> None:
    """Refuse a handshake that says more, or goes elsewhere, than what was admitted.

    Args:
        given: the pass under which the SDK connects.
        state: what the client carries.
        uri: the websocket library's own reading of the address.
        headers: what the SDK puts on the handshake.
        user_agent: what the SDK calls itself.

    Raises:
        UnguardedPath: another address, or a header that neither the SDK nor the policy knows.
        WrongKey: another API key than the one decided.
    """
    admitted = urlsplit(str(given.options.url))
    path, _, query = str(uri.resource_name).partition("?")
    if (
        (uri.host, uri.port) != (admitted.hostname, _port(admitted))
        or uri.secure is not (admitted.scheme in ("wss", "https"))
        or unquote(path) != unquote(admitted.path)
        or _pairs(query) != _pairs(admitted.query)
        or uri.username is not None
    ):
        raise UnguardedPath("the websocket goes to another address than the one decided")
    own = {*state.surface.sdk_headers, *given.listed, *map(str.lower, given.options.headers)}
    names = headers.keys() if isinstance(headers, Mapping) else [name for name, _ in headers or ()]
    if any(name.lower() not in own for name in names) or user_agent not in (
        None,
        *_agents(headers),
    ):
        raise UnguardedPath(
            "a header that the policy does not list was put on a websocket's handshake",
            remedy="list its name under the provider's headers",
        )
    both = headers.items() if isinstance(headers, Mapping) else headers or ()
    said = [(str(name).lower(), str(value)) for name, value in both]
    refuse_other_keys(given.keys, said, _pairs(query), given.listed)


def _agents(headers: Any) -> list[str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers or ()
    return [value for name, value in pairs if name.lower() == "user-agent"]


def _pairs(query: str) -> list[tuple[str, str]]:
    return parse_qsl(query, keep_blank_values=True)


def _port(parts: SplitResult) -> int:
    return parts.port or PORTS[HTTP_SCHEMES[parts.scheme]]
