# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who is calling, and for whom?

Reads and narrows the identity that the host has bound to the running code or to an object.
It does not say what an identity may do.

INVARIANT: principals come from the host alone; nothing here reads a prompt, an argument or a
model's output. A missing or contradicting identity refuses (tests/test_identity.py).
INVARIANT: a nested identity extends the chain, so that it can only narrow, wherever the block
was made (tests/attacks/test_identity_blocks.py).
"""

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token

from agentguard.errors import IdentityRequired
from agentguard.vocabulary import Caller, Chain, Lifetime, Principal, PrincipalKind

_ID = re.compile(r"(agent|user|service):[A-Za-z0-9][A-Za-z0-9._@/+-]{0,127}")

_SESSION = re.compile(r"[!-~]{1,256}")


def principal(id: str) -> Principal:  # noqa: A002 - the field's word for it
    """Return the declared principal with this id, such as ``agent:support``.

    Raises:
        IdentityRequired: the id does not read ``agent:``, ``user:`` or ``service:`` and a name.
    """
    match = _ID.fullmatch(id)
    if match is None:
        raise IdentityRequired(
            "a principal's id is malformed", remedy="write it as 'agent:support' or 'user:alice'"
        )
    return Principal(id=id, kind=PrincipalKind(match[1]))


def _parties(actor: str, on_behalf_of: str | None) -> tuple[Principal, Principal | None]:
    person = None if on_behalf_of is None else principal(on_behalf_of)
    if person is not None and person.kind is not PrincipalKind.USER:
        raise IdentityRequired("a call is made on behalf of a person: an id with 'user:'")
    return principal(actor), person


class Identities:
    """The identities that one guard has bound to running code.

    A context variable carries them: they follow tasks, and are lost in threads that do not copy
    the context. A lost identity refuses; bind the object instead.
    """

    def __init__(self, new_session: Callable[[], str], tenant: str | None = None) -> None:
        """Begin without any.

        Args:
            new_session: gives the id of a session that the host gives none.
            tenant: whose the running code is where the host names no tenant.
        """
        self._new_session = new_session
        self._tenant = tenant
        self._ambient: ContextVar[Caller | None] = ContextVar("agentguard_caller", default=None)

    def ambient(self) -> Caller | None:
        """Return the caller that the running code is bound to, if any."""
        return self._ambient.get()

    def narrowed(
        self,
        actor: str,
        *,
        on_behalf_of: str | None = None,
        session: str | None = None,
        tenant: str | None = None,
    ) -> Caller:
        """Return the caller that *actor* is, seen from the running code.

        Outside every block this is a new chain in a new session. Inside one, the actor is
        appended to the chain, so that every principal before it must be permitted as well.

        Raises:
            IdentityRequired: an id, the session or the tenant is malformed, *on_behalf_of* is no
                person, or one contradicts the person or tenant of the running code.
        """
        acting, person = _parties(actor, on_behalf_of)
        if session is not None and _SESSION.fullmatch(session) is None:
            raise IdentityRequired(
                "a session's id is malformed", remedy="give up to 256 printable ASCII characters"
            )
        if tenant is not None and _SESSION.fullmatch(tenant) is None:
            raise IdentityRequired(
                "a tenant's id is malformed", remedy="give up to 256 printable ASCII characters"
            )
        outer = self.ambient()
        if outer is None:
            principals = (acting,) if person is None else (person, acting)
            return self._caller(Chain(principals=principals), session, tenant or self._tenant)
        if outer.tenant is not None and tenant not in {None, outer.tenant}:
            raise IdentityRequired("a nested identity cannot act in another tenant")
        tenant = tenant or outer.tenant
        if person is not None and person != outer.chain.person:
            raise IdentityRequired("a nested identity cannot act for another person")
        if acting == outer.chain.actor:
            return self._caller(outer.chain, session, tenant, outer)
        chain = Chain(principals=(*outer.chain.principals, acting))
        return self._caller(chain, session, tenant, outer)

    def _caller(
        self, chain: Chain, session: str | None, tenant: str | None, outer: Caller | None = None
    ) -> Caller:
        lifetime = None
        if not session:
            session = self._new_session() if outer is None else outer.session
            lifetime = Lifetime() if outer is None else outer.lifetime
        return Caller(chain=chain, session=session, tenant=tenant, lifetime=lifetime)

    def block(
        self,
        actor: str,
        *,
        on_behalf_of: str | None = None,
        session: str | None = None,
        tenant: str | None = None,
    ) -> "IdentityBlock":
        """Return a block that binds the running code to *actor*.

        Raises:
            IdentityRequired: an id is malformed; a contradiction shows when it is entered.
        """
        _parties(actor, on_behalf_of)

        def narrowed() -> Caller:
            return self.narrowed(actor, on_behalf_of=on_behalf_of, session=session, tenant=tenant)

        return IdentityBlock(self._ambient, narrowed)

    def presented(self, carried: Caller | None) -> Caller | None:
        """Return who stands behind a call on an object that carries *carried*.

        The block decides when it agrees with what the object carries: then it says more.

        Raises:
            IdentityRequired: the block and the object name different principals, sessions or
                tenants.
        """
        ambient = self.ambient()
        if carried is None or ambient is None:
            return ambient or carried
        tail = ambient.chain.ids[-len(carried.chain.ids) :]
        if tail != carried.chain.ids:
            raise IdentityRequired(
                f"the object is bound to {carried.chain.actor.id!r}"
                f" and the running code to {ambient.chain.actor.id!r}",
                remedy="wrap without identity= to follow the block, or bind for this identity",
            )
        if carried.tenant not in {None, ambient.tenant}:
            raise IdentityRequired("the object and the running code name different tenants")
        if carried.lifetime is not None or carried.session == ambient.session:
            return ambient
        if ambient.lifetime is None:
            raise IdentityRequired("the object and the running code name different sessions")
        # The object's session has a name, so what was hidden in it is to be known here.
        return Caller(chain=ambient.chain, session=carried.session, tenant=ambient.tenant)


class IdentityBlock(AbstractContextManager[Caller]):
    """Binds the running code to an identity until it ends; can be entered once.

    The chain is read when the block is entered, so that a block that was made elsewhere narrows
    like any other. It is no decorator: a coroutine or a generator would run outside it.
    """

    def __init__(self, ambient: ContextVar[Caller | None], narrowed: Callable[[], Caller]) -> None:
        self._ambient = ambient
        self._narrowed = narrowed
        self._entered: tuple[Caller, Token[Caller | None]] | None = None

    def __enter__(self) -> Caller:
        """Bind the running code.

        Raises:
            IdentityRequired: the identity contradicts the block around.
            RuntimeError: the block was entered before.
        """
        if self._entered is not None:
            raise RuntimeError("an identity block is entered once; make another")
        caller = self._narrowed()
        self._entered = (caller, self._ambient.set(caller))
        return caller

    def __exit__(self, *_: object) -> None:
        """Give the running code back what it was.

        Raises:
            RuntimeError: blocks are left in another order than they were entered, or in another
                task; the running code is bound to nobody then.
        """
        if self._entered is None:
            raise RuntimeError("an identity block is left that was never entered")
        caller, token = self._entered
        if self._ambient.get() is not caller:
            self._ambient.set(None)
            raise RuntimeError(
                "identity blocks are left innermost first, in the task that entered them"
            )
        self._ambient.reset(token)
