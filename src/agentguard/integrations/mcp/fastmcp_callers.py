# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""For whom does the gateway act when a message comes?

For those whom the command line names, for those whom the token of the HTTP request names, or for
those whom the running code names already. Every message is bound on its own.

INVARIANT: a message that nobody stands behind is bound to nobody
(tests/attacks/frameworks/test_gateway_identities.py).
"""

import secrets
from contextlib import ExitStack
from typing import Protocol

from fastmcp.server.auth import TokenVerifier
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken

from agentguard.enforcement import Enforcer
from agentguard.errors import IdentityRequired
from agentguard.integrations.mcp.serving import GuardTokenVerifier, VerifiedToken
from agentguard.issuers.linking import Gatekeeper, Party, enter, links


class Binding(Protocol):
    """Says for whom the running code acts."""

    def bind(self, blocks: ExitStack) -> None:
        """Bind the running code until *blocks* are left.

        Raises:
            IdentityRequired: nobody stands behind it.
        """


class Named:
    """Binds every message to the same principals."""

    def __init__(
        self,
        guard: Gatekeeper,
        actor: Party,
        *,
        on_behalf_of: Party | None = None,
        session: str | None = None,
        environment: str | None = None,
    ) -> None:
        """Act as somebody.

        Args:
            guard: the guard.
            actor: who acts, such as ``agent:coder``.
            on_behalf_of: the person the actor acts for.
            session: what memory and approvals hang on; a new name, good for as long as this
                object is there, if None.
            environment: the environment of the policy; the guard's own if None.
        """
        self._guard = guard
        self._chain = ((actor, on_behalf_of),)
        self._session = session or _new_session()
        self._environment = environment

    def check(self) -> None:
        """Find out whether the policy knows those for whom this acts.

        Raises:
            IdentityRequired: it does not.
        """
        with ExitStack() as blocks:
            self.bind(blocks)

    def bind(self, blocks: ExitStack) -> None:
        """Bind the running code; see ``Binding``."""
        enter(
            blocks, self._guard, self._chain, session=self._session, environment=self._environment
        )


class FromToken:
    """Binds each message to the principals of the token that came with its request."""

    def __init__(
        self,
        guard: Gatekeeper,
        *,
        actor: Party | None = None,
        session: str | None = None,
        environment: str | None = None,
    ) -> None:
        """Act for whoever shows a token.

        Args:
            guard: the guard that verifies the tokens.
            actor: who acts here for the subject of a token; the token alone says it if None.
            session: as for ``Named``; different principals never share one.
            environment: the environment of the policy; the guard's own if None.
        """
        self._guard = guard
        self._actor = actor
        self._session = session or _new_session()
        self._environment = environment

    def bind(self, blocks: ExitStack) -> None:
        """Bind the running code; see ``Binding``."""
        token = get_access_token()
        if not isinstance(token, VerifiedToken):
            raise IdentityRequired("no token that the guard verified came with the message")
        enter(
            blocks,
            self._guard,
            links(token.verified, self._actor),
            session=self._session,
            environment=self._environment,
        )


class Ambient:
    """Leaves a message to those who stand behind the running code already."""

    def __init__(self, enforcer: Enforcer) -> None:
        """Ask this guard who acts."""
        self._enforcer = enforcer

    def bind(self, blocks: ExitStack) -> None:  # noqa: ARG002 - there is nothing to leave
        """Bind nothing; see ``Binding``."""
        if self._enforcer.identities.presented(None) is None:
            raise IdentityRequired("nobody stands behind the message")


class GuardTokens(TokenVerifier):
    """What lets an HTTP request in: a token that the guard verified."""

    def __init__(self, guard: Gatekeeper) -> None:
        """Verify with a guard."""
        super().__init__()
        self._verifier = GuardTokenVerifier(guard)

    async def verify_token(self, token: str) -> AccessToken | None:  # type: ignore[override]  # wider than fastmcp's own, which its middleware does not need
        """Return what is known of a token, None for one that does not count."""
        return await self._verifier.verify_token(token)


def _new_session() -> str:
    return f"mcp-gateway-{secrets.token_hex(16)}"
