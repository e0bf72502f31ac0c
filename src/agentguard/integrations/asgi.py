# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a web application act for whoever sent the request?

Takes the bearer token of each HTTP request and WebSocket, has the guard verify it, and runs the
application under that identity: also while it streams its answer, in the tasks and threads that it
starts, and in none of its other requests. It needs no web framework.

INVARIANT: the application does not run for a request without exactly one token that counts, and
the answer does not say why (tests/integrations/test_asgi.py).
"""

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextlib import ExitStack
from typing import Any, TypeAlias

from agentguard.errors import IdentityRequired, TokenRefused
from agentguard.issuers import OURS
from agentguard.issuers.linking import Gatekeeper, Party, enter, links

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

UNAUTHENTICATED, FORBIDDEN, UNAVAILABLE = 401, 403, 503
POLICY_VIOLATION = 1008

_BEARER = re.compile(rb"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_WORDS = {
    UNAUTHENTICATED: b'{"error":"unauthorized"}',
    FORBIDDEN: b'{"error":"forbidden"}',
    UNAVAILABLE: b'{"error":"unavailable"}',
}
_DENIAL_RESPONSE = "websocket.http.response"


class IdentityMiddleware:
    """Runs an ASGI application under the identity that each request's token proves.

    Put it outside everything that calls guarded clients and tools, and inside what answers
    browsers' preflight requests, which carry no token.
    """

    def __init__(  # noqa: PLR0913 - each says one thing about requests
        self,
        app: App,
        guard: Gatekeeper,
        *,
        actor: Party | None = None,
        issuer: str | None = None,
        exempt: Iterable[str] = (),
        session: Callable[[Scope], str | None] | None = None,
        environment: str | None = None,
        refused: Callable[[IdentityRequired], None] | None = None,
    ) -> None:
        """Stand before an application.

        Args:
            app: the application.
            guard: what verifies.
            actor: who acts here for the subject of a token, such as ``agent:support``; it stands
                behind whoever acts in the token. If None, the token alone says who acts.
            issuer: the only issuer of the policy whose tokens count; any if None.
            exempt: exact paths that are served without a token. They are bound to nobody, so that
                every guarded call of theirs is refused, unless the server itself was started
                inside an identity block: start it outside.
            session: names the session of a request by its scope; if it is None or gives None,
                each request has one of its own. Sessions of different principals stay apart
                whatever it says.
            environment: the environment of the policy; the guard's own if None.
            refused: told why, for each request that is turned away, since the answer is not.

        Raises:
            ValueError: what is exempt is no list of paths.
        """
        paths = frozenset(exempt)
        if isinstance(exempt, str) or not all(each.startswith("/") for each in paths):
            raise ValueError("exempt must list whole paths, such as ('/health',)")
        self._app = app
        self._guard = guard
        self._actor = actor
        self._issuer = issuer
        self._exempt = paths
        self._session = session
        self._environment = environment
        self._refused = refused

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, WebSocket or lifespan."""
        kind = scope["type"]
        if kind == "lifespan" or (kind == "http" and scope["path"] in self._exempt):
            await self._app(scope, receive, send)
            return
        if kind not in {"http", "websocket"}:
            raise ValueError("a connection of this kind is not known, so it is refused")
        with ExitStack() as blocks:
            status = await self._bound(blocks, scope)
            if status is None:
                await self._app(scope, receive, send)
                return
        if kind == "http":
            await _answer(send, "http.response", status, told=_bearer(scope) is not None)
        else:
            await _close(scope, receive, send, status)

    async def _bound(self, blocks: ExitStack, scope: Scope) -> int | None:
        """Bind the running task; return the status of the answer where that is not possible."""
        token = _bearer(scope)
        if token is None:
            return UNAUTHENTICATED
        try:
            verified = await self._guard.verify_async(token, issuer=self._issuer)
            enter(
                blocks,
                self._guard,
                links(verified, self._actor),
                session=None if self._session is None else self._session(scope),
                environment=self._environment,
            )
        except IdentityRequired as refusal:
            told = refusal
        else:
            return None
        blocks.close()
        if self._refused is not None:
            self._refused(told)
        if not isinstance(told, TokenRefused):
            return FORBIDDEN
        return UNAVAILABLE if told.problem in OURS else UNAUTHENTICATED


def _bearer(scope: Scope) -> str | None:
    """Return the token of the one Authorization header, None where there is no such thing."""
    given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    found = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
    return None if found is None else found[1].decode("ascii")


async def _answer(send: Send, kind: str, status: int, *, told: bool) -> None:
    body = _WORDS[status]
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode("ascii")),
        (b"cache-control", b"no-store"),
    ]
    if status == UNAUTHENTICATED:
        # RFC 6750, 3: no error is named where no token was given.
        challenge = b'Bearer error="invalid_token"' if told else b"Bearer"
        headers.append((b"www-authenticate", challenge))
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": body})


async def _close(scope: Scope, receive: Receive, send: Send, status: int) -> None:
    await receive()  # the request to connect; a close before it would break the protocol
    if _DENIAL_RESPONSE in (scope.get("extensions") or {}):
        await _answer(send, _DENIAL_RESPONSE, status, told=_bearer(scope) is not None)
        return
    await send({"type": "websocket.close", "code": POLICY_VIOLATION})
