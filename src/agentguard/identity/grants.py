# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may one agent hand to another, and who may take it up?

A grant narrows and never widens: a rule must allow each call to every agent of the chain as well.
Whether a call keeps within a grant says ``policy.grants``.

INVARIANT: a grant that is handed on covers no more than the one it comes from, and is taken up
only behind those who handed it out (tests/test_identity_grants.py).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from agentguard.errors import IdentityRequired
from agentguard.identity.principals import principal
from agentguard.vocabulary import Caller, Chain, Covers, Grant, PrincipalKind, TaskScope


def made(  # noqa: PLR0913 - each is a part of what is handed over
    maker: Caller,
    holder: str,
    *,
    id: str,  # noqa: A002 - the field's word for it
    tools: Mapping[str, Covers],
    calls: int | None,
    sums: Mapping[str, Decimal],
    depth: int,
    within: timedelta,
    now: datetime,
    origin: object,
) -> Grant:
    """Return what *maker* hands to *holder*.

    Raises:
        IdentityRequired: the holder is no agent, or the maker may not hand out that much.
        ValueError: a number or a length of time makes no sense.
    """
    to = principal(holder)
    if to.kind is PrincipalKind.USER or to.id == maker.chain.actor.id:
        raise IdentityRequired(
            "a grant is for another agent or service",
            remedy="name another one than the running identity, with 'agent:' or 'service:'",
        )
    if not tools:
        raise ValueError("a grant covers at least one tool")
    if (calls is not None and calls < 1) or depth < 0 or any(most < 0 for most in sums.values()):
        raise ValueError("calls begin at 1, depth and sums at 0")
    if within <= timedelta(0):
        raise ValueError("within= is how long the grant lasts: more than nothing")
    for parent in maker.grants:
        _refuse_wider(parent, maker.chain, tools, calls, sums, depth)
    return Grant(
        id=id,
        holder=to.id,
        tools=dict(tools),
        calls=calls,
        sums=dict(sums),
        depth=depth,
        expires_at=min([now + within, *(parent.expires_at for parent in maker.grants)]),
        chain=maker.chain.ids,
        issuers=maker.chain.issuers,
        tenant=maker.tenant,
        environment=maker.environment,
        under=maker.grants,
        scopes=maker.scopes,
        origin=origin,
    )


def _refuse_wider(
    parent: Grant,
    chain: Chain,
    tools: Mapping[str, Covers],
    calls: int | None,
    sums: Mapping[str, Decimal],
    depth: int,
) -> None:
    wider = None
    if tools.keys() - parent.tools.keys():
        wider = "more tools"
    elif calls is not None and parent.calls is not None and calls > parent.calls:
        wider = "more calls"
    elif any(sums[name] > parent.sums[name] for name in sums.keys() & parent.sums.keys()):
        wider = "a larger sum"
    elif depth > parent.depth - behind(chain, parent) - 1:
        wider = "more depth"
    if wider is not None:
        raise IdentityRequired(
            f"a grant would hand on {wider} than {parent.holder!r} was granted",
            remedy="hand on at most what was granted; each agent behind another takes one of depth",
        )


def behind(chain: Chain, grant: Grant) -> int:
    """Return how many agents stand behind the holder of a grant in a chain."""
    after = chain.ids[len(grant.chain) :]
    return len(after) - 1 - after.index(grant.holder) if grant.holder in after else 0


def taken_up(
    grant: Grant, outer: Caller | None, actor: str, *, now: datetime | None, origin: object
) -> None:
    """Refuse a grant that is not taken up by its holder, behind those who handed it out.

    Raises:
        IdentityRequired: it is somebody else's, has ended, or belongs to another chain or guard.
    """
    if grant.holder != actor:
        raise IdentityRequired(
            f"the grant is for {grant.holder!r}", remedy="hand out a grant for each agent"
        )
    if grant.origin is not origin:
        raise IdentityRequired(
            "the grant was not made by this guard", remedy="hand it out with guard.grant"
        )
    if now is None or grant.expires_at <= now:
        raise IdentityRequired(f"the grant for {actor!r} has ended", remedy="hand out a new one")
    if (
        outer is None
        or outer.chain.ids[: len(grant.chain)] != grant.chain
        or outer.chain.issuers[: len(grant.chain)] != grant.issuers
        or (outer.tenant, outer.environment) != (grant.tenant, grant.environment)
    ):
        raise IdentityRequired(
            f"the grant for {actor!r} is taken up outside the identity that handed it out",
            remedy="enter it, or bind with it, inside that block; a thread needs a copy of the"
            " context: contextvars.copy_context().run",
        )


def joined(first: Iterable[Grant], then: Iterable[Grant]) -> tuple[Grant, ...]:
    """Return the grants of both, each once, in order."""
    return tuple({grant.id: grant for grant in (*first, *then)}.values())


def joined_scopes(first: Iterable[TaskScope], then: Iterable[TaskScope]) -> tuple[TaskScope, ...]:
    """Return the scopes of both, each once, in order."""
    return tuple({scope.id: scope for scope in (*first, *then)}.values())


def require_depth(caller: Caller) -> None:
    """Refuse a chain that puts more agents behind the holder of a grant than it may.

    Raises:
        IdentityRequired: there is one too many.
    """
    for grant in caller.grants:
        if behind(caller.chain, grant) > grant.depth:
            raise IdentityRequired(
                f"the grant for {grant.holder!r} lets it put {grant.depth} further agents behind"
                " itself",
                remedy="hand out the grant with a larger depth=",
            )
