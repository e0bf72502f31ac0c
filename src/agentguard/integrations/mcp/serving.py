# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an MCP server act for whoever sent the request?

For servers that are made with the ``mcp`` SDK: a verifier of tokens that asks the guard, and a
middleware that binds each message to the principals of the token that came with it. Every message
carries its own token, so that sessions of the transport, and their absence, make no difference.

INVARIANT: a message without a token that the guard verified reaches no handler, and the token
itself is not kept (tests/integrations/test_mcp_identity.py).
"""

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from pydantic import PrivateAttr

from agentguard.canonical import Frozen
from agentguard.errors import IdentityRequired, TokenRefused
from agentguard.issuers import Verified
from agentguard.issuers.linking import Gatekeeper, Party, enter, links

# JSON-RPC: the request is not one that this server takes.
INVALID_REQUEST = -32600


class VerifiedToken(AccessToken):
    """What the SDK is told of a token: its digest and whom it speaks for, not the token."""

    _verified: Verified = PrivateAttr()

    @property
    def verified(self) -> Verified:
        """Who the token speaks for."""
        return self._verified


class GuardTokenVerifier:
    """The ``token_verifier`` of an MCP server: a token counts where the guard says so."""

    def __init__(
        self,
        guard: Gatekeeper,
        *,
        issuer: str | None = None,
        refused: Callable[[TokenRefused], None] | None = None,
    ) -> None:
        """Verify with a guard.

        Args:
            guard: what verifies.
            issuer: the only issuer of the policy whose tokens count; any if None.
            refused: told why, for each token that does not count, since the SDK is not.
        """
        self._guard = guard
        self._issuer = issuer
        self._refused = refused

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what the SDK may know of a token, None for one that does not count.

        Scopes are those of the claims ``scope`` and ``scp``, where the issuer's table keeps them.
        """
        try:
            verified = await self._guard.verify_async(token, issuer=self._issuer)
        except TokenRefused as refusal:
            told = refusal
        else:
            return _known(token, verified)
        if self._refused is not None:
            self._refused(told)
        return None


class CallerMiddleware:
    """A middleware of an MCP server that binds each message to whoever sent it."""

    def __init__(
        self,
        guard: Gatekeeper,
        *,
        actor: Party | None = None,
        session: Callable[[ServerRequestContext[Any, Any]], str | None] | None = None,
        environment: str | None = None,
    ) -> None:
        """Stand before the handlers of a server.

        Args:
            guard: the guard that verified the tokens.
            actor: who acts here for the subject of a token; it stands behind whoever acts in the
                token. If None, the token alone says who acts.
            session: names the session of a message by its context; if it is None or gives None,
                each message has one of its own.
            environment: the environment of the policy; the guard's own if None.
        """
        self._guard = guard
        self._actor = actor
        self._session = session
        self._environment = environment

    async def __call__(
        self, ctx: ServerRequestContext[Any, Any], call_next: CallNext
    ) -> HandlerResult:
        """Handle one message under the identity of its token.

        Raises:
            MCPError: no token that the guard verified came with the message, or the policy does
                not know those whom it names.
        """
        with ExitStack() as blocks:
            if self._binds(blocks, ctx):
                return await call_next(ctx)
        raise MCPError(code=INVALID_REQUEST, message="Authentication required")

    def _binds(self, blocks: ExitStack, ctx: ServerRequestContext[Any, Any]) -> bool:
        token = get_access_token()
        if not isinstance(token, VerifiedToken):
            return False
        try:
            enter(
                blocks,
                self._guard,
                links(token.verified, self._actor),
                session=None if self._session is None else self._session(ctx),
                environment=self._environment,
            )
        except IdentityRequired:
            blocks.close()
            return False
        return True


def _known(token: str, verified: Verified) -> VerifiedToken:
    claims = verified.subject.claims
    known = VerifiedToken(
        token="sha256:" + hashlib.sha256(token.encode("utf-8")).hexdigest(),
        client_id=(verified.actor or verified.subject).id,
        scopes=[*_words(claims.get("scope")), *_words(claims.get("scp"))],
        expires_at=int(verified.expires_at.timestamp()),
        resource=verified.audience,
        subject=verified.subject.id,
        claims={"iss": verified.issuer},
    )
    known._verified = verified  # noqa: SLF001 - its own class
    return known


def _words(value: Frozen) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, tuple):
        return tuple(each for each in value if isinstance(each, str))
    return ()
