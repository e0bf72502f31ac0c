# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who stands behind the running code, and behind a call on an object?

Works out callers from what the host names and from the block around. It does not decide anything
about calls.

INVARIANT: inside a block person, tenant, environment, grants and scopes stay as they are; the
chain, the grants and the scopes can only grow (tests/test_identity.py,
tests/test_identity_environments.py, tests/test_identity_scopes.py).
"""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from agentguard.errors import IdentityRequired
from agentguard.identity.blocks import IdentityBlock
from agentguard.identity.grants import joined, joined_scopes, made, require_depth, taken_up
from agentguard.identity.principals import (
    Declarations,
    Party,
    contradict,
    established,
    keyed,
    principal,
    require_current,
    require_person,
    require_same,
    require_still_declared,
    require_word,
)
from agentguard.vocabulary import (
    Caller,
    Chain,
    Covers,
    Grant,
    Lifetime,
    Principal,
    PrincipalKind,
    TaskScope,
)

_BIND_INSIDE = "bind the object inside the block that it is used in"


class Identities:
    """The identities that one guard has bound to running code.

    A context variable carries them: they follow tasks, and are lost in threads that do not copy
    the context. A lost identity refuses; bind the object instead.

    ``declarations`` is replaced as a whole when another policy comes into force.
    """

    def __init__(
        self,
        new_session: Callable[[], str],
        tenant: str | None = None,
        *,
        environment: str | None = None,
        declarations: Declarations | None = None,
        now: Callable[[], datetime] | None = None,
    ) -> None:
        """Begin without any.

        Args:
            new_session: gives the id of a session that the host gives none, and of a grant.
            tenant: whose the running code is where the host names no tenant.
            environment: the only environment of the running code, None to name it in each block.
            declarations: what the policy declares.
            now: tells the time; without it every evidence that ends has ended.
        """
        self.declarations = declarations or Declarations()
        self._new_session = new_session
        self._tenant = tenant
        self._environment = environment
        self._now = now
        self._origin = object()
        self._ambient: ContextVar[Caller | None] = ContextVar("agentguard_caller", default=None)

    def ambient(self) -> Caller | None:
        """Return the caller that the running code is bound to, if any."""
        return self._ambient.get()

    def narrowed(
        self,
        actor: Party,
        *,
        on_behalf_of: Party | None = None,
        session: str | None = None,
        tenant: str | None = None,
        environment: str | None = None,
        grant: Grant | None = None,
        scope: TaskScope | None = None,
    ) -> Caller:
        """Return the caller that *actor* is, seen from the running code.

        Outside every block this is a new chain in a new session. Inside one, the actor is
        appended to the chain, so that every principal before it must be permitted as well.

        Raises:
            IdentityRequired: an id, the session or the tenant is malformed, *on_behalf_of* is no
                person, one contradicts the block around or the policy, evidence has ended, or the
                grant is not for this.
        """
        acting, person = self._parties(actor, on_behalf_of)
        require_word(session, "session")
        require_word(tenant, "tenant")
        outer = self.ambient()
        if grant is not None:
            taken_up(grant, outer, acting.id, now=self._time(), origin=self._origin)
        if outer is None:
            principals = (acting,) if person is None else (person, acting)
            chain, tenant = Chain(principals=principals), tenant or self._tenant
        else:
            self._require_agreement(outer, actor, on_behalf_of, tenant)
            chain, tenant = _behind(outer.chain, acting), outer.tenant or tenant
        grants = () if outer is None else outer.grants
        named, lifetime = self._session(session, outer)
        caller = Caller(
            chain=chain,
            session=named,
            tenant=tenant,
            environment=self._environment_of(environment, outer),
            grants=grants if grant is None else joined(grants, (*grant.under, grant)),
            scopes=self._scopes(outer, grant, scope),
            lifetime=lifetime,
        )
        self._require_admissible(caller)
        return caller

    def block(
        self,
        actor: Party,
        *,
        on_behalf_of: Party | None = None,
        session: str | None = None,
        tenant: str | None = None,
        environment: str | None = None,
        grant: Grant | None = None,
        scope: TaskScope | None = None,
    ) -> IdentityBlock:
        """Return a block that binds the running code to *actor*.

        Raises:
            IdentityRequired: an id is malformed; a contradiction shows when it is entered.
        """
        self._parties(actor, on_behalf_of)

        def narrowed() -> Caller:
            return self.narrowed(
                actor,
                on_behalf_of=on_behalf_of,
                session=session,
                tenant=tenant,
                environment=environment,
                grant=grant,
                scope=scope,
            )

        return IdentityBlock(self._ambient, narrowed)

    def narrowing(self, scope: TaskScope) -> IdentityBlock:
        """Return a block in which the running code stays who it is, and may do no more than this.

        Outside every identity nobody is there to be narrowed, which shows when it is entered.
        """

        def narrowed() -> Caller:
            outer = self.ambient()
            if outer is None:
                raise IdentityRequired(
                    "no identity is bound that could be narrowed",
                    remedy="narrow inside 'with guard.identity(...)', or give it scope=",
                )
            return replace(outer, scopes=self._scopes(outer, None, scope))

        return IdentityBlock(self._ambient, narrowed)

    def keyed(self, actor: Party, public_key: str) -> Principal:
        """Return the actor that the holder of a key is.

        Raises:
            IdentityRequired: the policy does not list the key for it.
        """
        return keyed(actor, public_key, self.declarations)

    def person(self, id: str, claims: Mapping[str, object]) -> Principal:  # noqa: A002 - as above
        """Return a person of whom the host claims something.

        Raises:
            IdentityRequired: it is no person, or the policy declares something else.
        """
        found = replace(principal(id), claims=claims)  # type: ignore[arg-type]  # frozen below
        require_person(found)
        return established(found, self.declarations)

    def granted(
        self,
        holder: str,
        *,
        tools: Mapping[str, Covers],
        calls: int | None = None,
        sums: Mapping[str, Decimal] | None = None,
        depth: int = 0,
        within: timedelta,
    ) -> Grant:
        """Return what the running identity hands to another agent.

        Raises:
            IdentityRequired: no identity is bound, it may not hand out that much, or the holder is
                no agent.
            ValueError: a number or a length of time makes no sense.
        """
        maker, now = self.ambient(), self._time()
        if maker is None or now is None:
            raise IdentityRequired(
                "no identity is bound, so nobody hands out this grant",
                remedy="call guard.grant inside 'with guard.identity(...)'",
            )
        require_current(maker.chain.principals, now)
        return made(
            maker,
            holder,
            id=self._new_session(),
            tools=tools,
            calls=calls,
            sums=sums or {},
            depth=depth,
            within=within,
            now=now,
            origin=self._origin,
        )

    def presented(self, carried: Caller | None) -> Caller | None:
        """Return who stands behind a call on an object that carries *carried*.

        The block decides when it agrees with what the object carries: then it says more. The
        grants and the scopes of both hold.

        Raises:
            IdentityRequired: the block and the object name different principals, sessions,
                tenants or environments, or say different things of one; or the policy has come to
                say something else of one.
        """
        found = self._agreed(carried)
        if found is not None:
            require_still_declared(found.chain.principals, self.declarations)
        return found

    def _agreed(self, carried: Caller | None) -> Caller | None:
        """Return the caller that the block and the object agree on."""
        ambient = self.ambient()
        if carried is None or ambient is None:
            return ambient or carried
        _require_one_caller(carried, ambient)
        grants = joined(ambient.grants, carried.grants)
        scopes = joined_scopes(ambient.scopes, carried.scopes)
        if len(grants) > len(ambient.grants) or len(scopes) > len(ambient.scopes):
            ambient = replace(ambient, grants=grants, scopes=scopes)
        if carried.lifetime is not None or carried.session == ambient.session:
            return ambient
        if ambient.lifetime is None:
            raise IdentityRequired(
                "the object and the running code name different sessions",
                remedy="bind the object inside the block, without session=",
            )
        # The object's session has a name, so what was hidden in it is to be known here.
        return replace(ambient, session=carried.session, lifetime=None)

    def _scopes(
        self, outer: Caller | None, grant: Grant | None, own: TaskScope | None
    ) -> tuple[TaskScope, ...]:
        """Return what is narrowed here: what was around, and around whoever made the grant."""
        around = () if outer is None else outer.scopes
        handed = () if grant is None else grant.scopes
        new = () if own is None else (replace(own, id=self._new_session()),)
        return joined_scopes(around, (*handed, *new))

    def _time(self) -> datetime | None:
        return None if self._now is None else self._now()

    def _parties(
        self, actor: Party, on_behalf_of: Party | None
    ) -> tuple[Principal, Principal | None]:
        acting = established(actor, self.declarations)
        if on_behalf_of is None:
            return acting, None
        person = established(on_behalf_of, self.declarations)
        require_person(person)
        return acting, person

    def _require_agreement(
        self, outer: Caller, actor: Party, on_behalf_of: Party | None, tenant: str | None
    ) -> None:
        """Refuse what contradicts the block around."""
        if outer.tenant is not None and tenant not in {None, outer.tenant}:
            raise IdentityRequired(
                "a nested identity cannot act in another tenant",
                remedy="leave the block around before acting in another tenant",
            )
        if on_behalf_of is not None:
            first = outer.chain.principals[0]
            if first.kind is not PrincipalKind.USER or first.id != _id(on_behalf_of):
                raise IdentityRequired(
                    "a nested identity cannot act for another person",
                    remedy="name the person in the outermost block",
                )
            require_same(on_behalf_of, first, self.declarations)
        if _id(actor) == outer.chain.actor.id:
            require_same(actor, outer.chain.actor, self.declarations)

    def _session(self, named: str | None, outer: Caller | None) -> tuple[str, Lifetime | None]:
        if named is not None:
            return named, None
        if outer is None:
            return self._new_session(), Lifetime()
        return outer.session, outer.lifetime

    def _environment_of(self, named: str | None, outer: Caller | None) -> str | None:
        """Return the one environment that is named.

        Raises:
            IdentityRequired: there is none, or another one than around.
        """
        known = self.declarations.environments
        if named is not None and named not in known:
            raise IdentityRequired("the policy has no such environment", remedy=_naming(known))
        around = self._environment if outer is None else outer.environment
        if around is not None and named not in {None, around}:
            raise IdentityRequired(
                f"what runs in environment {around!r} cannot act in another",
                remedy="leave the environment out, or name it outside"
                " where Guard.from_file names none",
            )
        chosen = around if named is None else named
        if chosen is None and known:
            raise IdentityRequired(
                "the policy has environments, and none is named", remedy=_naming(known)
            )
        return chosen

    def _require_admissible(self, caller: Caller) -> None:
        """Refuse a caller that may not act here or now, or is one too many."""
        require_current(caller.chain.principals, self._time())
        require_depth(caller)
        for each in caller.chain.principals:
            allowed = self.declarations.of(each.id).environments
            if allowed and caller.environment not in allowed:
                raise IdentityRequired(
                    f"{each.id!r} may not act in environment {caller.environment!r}",
                    remedy="name it under environments of its [[identity]]",
                )


def _id(party: Party) -> str:
    return party.id if isinstance(party, Principal) else party


def _behind(chain: Chain, acting: Principal) -> Chain:
    if acting.id == chain.actor.id:
        return chain
    return Chain(principals=(*chain.principals, acting))


def _naming(known: frozenset[str]) -> str:
    if not known:
        return "leave the environment out, or list it under environments of the policy"
    names = ", ".join(map(repr, sorted(known)))
    return (
        f"name one of {names}: Guard.from_file(..., environment=...)"
        " or guard.identity(..., environment=...)"
    )


def _require_one_caller(carried: Caller, ambient: Caller) -> None:
    """Refuse an object that is bound to somebody else than the running code.

    Raises:
        IdentityRequired: they contradict each other.
    """
    tail = ambient.chain.principals[-len(carried.chain.principals) :]
    if tuple(each.id for each in tail) != carried.chain.ids:
        raise IdentityRequired(
            f"the object is bound to {carried.chain.actor.id!r}"
            f" and the running code to {ambient.chain.actor.id!r}",
            remedy="wrap without identity= to follow the block, or bind for this identity",
        )
    if any(map(contradict, tail, carried.chain.principals)):
        raise IdentityRequired(
            "the object and the running code claim different things of one principal",
            remedy=_BIND_INSIDE,
        )
    if carried.tenant not in {None, ambient.tenant}:
        raise IdentityRequired(
            "the object and the running code name different tenants", remedy=_BIND_INSIDE
        )
    if carried.environment != ambient.environment:
        raise IdentityRequired(
            "the object and the running code act in different environments", remedy=_BIND_INSIDE
        )
