# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a host program say who acts, for whom, and how far?

The part of ``Guard`` about identities. It decides nothing itself: what is malformed or contradicts
what is already bound says ``identity``, and whether a token counts say the issuers.
"""

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from agentguard.guard.surfaces import surface_of
from agentguard.guard.telling import Telling
from agentguard.vocabulary import Caller, Grant, Principal, Scope, TaskScope

if TYPE_CHECKING:
    from agentguard.config.grants import Handed
    from agentguard.issuers import Verified
    from agentguard.wiring import Parts

T = TypeVar("T")


class Acting(Telling):
    """Binds identities to running code and to clients."""

    def __init__(self, parts: "Parts") -> None:
        self._parts = parts

    def identity(  # noqa: PLR0913 - each is a part of who calls, and how far
        self,
        actor: str | Principal,
        *,
        on_behalf_of: str | Principal | None = None,
        session: str | None = None,
        tenant: str | None = None,
        environment: str | None = None,
        grant: Grant | None = None,
        scope: Scope | None = None,
        key_file: str | os.PathLike[str] | None = None,
    ) -> AbstractContextManager[Caller]:
        """Bind the running code to an identity for the length of a ``with`` block.

        Inside another block the chain is extended, so that rights only narrow; an agent's block
        inside a person's is that agent acting for the person. A block is entered once. Do not keep
        it open across a ``yield``: the code outside would run under it.

        Args:
            actor: who acts, such as ``agent:support``, or a principal that was verified.
            on_behalf_of: the person the actor acts for, such as ``user:alice``; what was verified
                of one, or ``guard.person``.
            session: what memory and approvals hang on; a new one if None.
            tenant: whose data it is, such as ``acme``; the one that the policy file names if None.
            environment: the environment of the policy; the guard's own, or the one around, if
                None. Inside a block it cannot change.
            grant: what those around hand to the actor, made with ``guard.grant``.
            scope: what the run needs; nothing inside the block may do more.
            key_file: the private key of the actor, whose public part the policy lists.

        Raises:
            IdentityRequired: an id is malformed, or the key is not the actor's; when the block is
                entered, a contradiction to the block around, the policy or the grant.
            ConfigError: the scope cannot be read.
        """
        return self._parts.identities.block(
            self._proven(actor, key_file),
            on_behalf_of=on_behalf_of,
            session=session,
            tenant=tenant,
            environment=environment,
            grant=grant,
            scope=self._task_scope(scope),
        )

    def bind(  # noqa: PLR0913 - as above
        self,
        client: T,
        actor: str | Principal,
        *,
        on_behalf_of: str | Principal | None = None,
        session: str | None = None,
        tenant: str | None = None,
        environment: str | None = None,
        grant: Grant | None = None,
        scope: Scope | None = None,
        key_file: str | os.PathLike[str] | None = None,
    ) -> T:
        """Return a second client that carries its identity, for threads and workers.

        Takes what ``identity`` takes, beside the client.

        Raises:
            TypeError: not a model client.
            IdentityRequired: an id is malformed, the key is not the actor's, or something
                contradicts the block around, the policy or the grant.
            ConfigError: the scope cannot be read.
        """
        from agentguard.clients import bind_client

        surface = surface_of(client)
        if surface is None:
            raise TypeError(f"objects of type {type(client).__name__} cannot carry an identity")
        carried = self._parts.identities.narrowed(
            self._proven(actor, key_file),
            on_behalf_of=on_behalf_of,
            session=session,
            tenant=tenant,
            environment=environment,
            grant=grant,
            scope=self._task_scope(scope),
        )
        return bind_client(client, surface, self._parts.enforcer, carried)

    def narrow(self, scope: Scope) -> AbstractContextManager[Caller]:
        """Narrow the running code to what a task needs, for the length of a ``with`` block.

        The identity around stays as it is. Blocks inside can narrow further, and never widen.

        Raises:
            ConfigError: the scope cannot be read.
            IdentityRequired: no identity is bound, when the block is entered.
        """
        from agentguard.config.scopes import task_scope_of

        policy = self._parts.enforcer.core.policy
        return self._parts.identities.narrowing(task_scope_of(scope, policy))

    def _task_scope(self, scope: Scope | None) -> TaskScope | None:
        if scope is None:
            return None
        from agentguard.config.scopes import task_scope_of

        return task_scope_of(scope, self._parts.enforcer.core.policy)

    def person(self, id: str, *, claims: Mapping[str, object]) -> Principal:  # noqa: A002 - its word
        """Return a person of whom the program knows something, for ``on_behalf_of``.

        Rules compare arguments with it: ``args.customer = { claim = "person.customer" }``. The
        program vouches for it, as for the id; what a token says comes from ``guard.verify``.

        Raises:
            IdentityRequired: the id names no person, a claim is no plain value, or the policy
                declares another one.
        """
        return self._parts.identities.person(id, claims)

    def grant(
        self,
        holder: str,
        *,
        tools: "Handed",
        within: timedelta,
        calls: int | None = None,
        sums: Mapping[str, int | Decimal] | None = None,
        depth: int = 0,
    ) -> Grant:
        """Hand another agent a part of what the running identity may do.

        The holder takes it up with ``identity(..., grant=...)`` inside the block that made it.
        Its calls must be allowed by the rules to everybody in the chain, and keep within the grant.

        Args:
            holder: the agent or service that the grant is for.
            tools: the tools, each with what its arguments may be, written as ``args`` of a rule;
                None, or a mere list of tools, leaves the arguments to the rules.
            within: how long it lasts.
            calls: how many calls of tools it is good for, all together.
            sums: what an argument may add up to over all calls.
            depth: how many further agents the holder may put behind itself.

        Raises:
            ConfigError: the policy declares no such tool, or an argument is not written as in a
                rule.
            IdentityRequired: no identity is bound, it may not hand out that much itself, or the
                holder is no other agent.
            ValueError: a number or a length of time makes no sense.
        """
        from agentguard.config.grants import covers_of, sums_of

        sums = sums or {}
        covers = covers_of(tools, self._parts.enforcer.core.policy, summed=sums)
        return self._parts.identities.granted(
            holder,
            tools=covers,
            calls=calls,
            sums=sums_of(sums, covers),
            depth=depth,
            within=within,
        )

    def _proven(
        self, actor: str | Principal, key_file: str | os.PathLike[str] | None
    ) -> str | Principal:
        """Return the actor as the key in a file proves it, unchanged without one."""
        if key_file is None:
            return actor
        from agentguard.config.key_files import public_key_of_file

        return self._parts.identities.keyed(actor, public_key_of_file(key_file))

    def verify(self, token: str, *, issuer: str | None = None) -> "Verified":
        """Return who a signed token speaks for, as an issuer of the policy vouches for it.

        Verifying may fetch the issuer's keys, and wait for them; see ``verify_async``.

        Args:
            token: a JSON Web Token or a JWT-SVID, without ``Bearer``.
            issuer: the name of the only issuer that may have made it; any of the policy if None.

        Returns:
            The subject and, if the token names one, who acts for it; both fit for ``identity``.

        Raises:
            TokenRefused: the token does not count; ``problem`` says why, nothing says what it
                holds.
            ConfigError: the policy has no issuer of this name.
        """
        return self._parts.issuers.verify(token, issuer=issuer)

    async def verify_async(self, token: str, *, issuer: str | None = None) -> "Verified":
        """Do what ``verify`` does, without holding up the event loop while keys are fetched.

        Raises:
            TokenRefused: the token does not count.
            ConfigError: the policy has no issuer of this name.
        """
        return await self._parts.issuers.verify_async(token, issuer=issuer)
