# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""In which order do those whom a token names stand behind a call?

INVARIANT: everybody whom the token names stands in the chain, and what the host adds stands after
them, so that it can only narrow (tests/issuers/test_linking.py).
"""

from contextlib import AbstractContextManager, ExitStack
from typing import Protocol, TypeAlias

from agentguard.issuers.claims import Verified
from agentguard.vocabulary import Caller, Principal, PrincipalKind

# An actor as the host declares it, or what was verified of one.
Party: TypeAlias = str | Principal


class Gatekeeper(Protocol):
    """What a guard does for an adapter: verify a token, and bind the running code."""

    async def verify_async(self, token: str, *, issuer: str | None = None) -> Verified:
        """Return who a token speaks for."""
        ...

    def identity(
        self,
        actor: Party,
        *,
        on_behalf_of: Party | None = None,
        session: str | None = None,
        environment: str | None = None,
    ) -> AbstractContextManager[Caller]:
        """Return a block that binds the running code."""
        ...


def links(verified: Verified, actor: Party | None) -> tuple[tuple[Party, Party | None], ...]:
    """Return who acts and for whom, one block inside the other.

    Args:
        verified: whom the token names.
        actor: who acts at this side, None where nobody stands between.
    """
    subject = verified.subject
    acting: list[Party] = [each for each in (verified.actor, actor) if each is not None]
    if subject.kind is not PrincipalKind.USER or not acting:
        return tuple((each, None) for each in (subject, *acting))
    return ((acting[0], subject), *((each, None) for each in acting[1:]))


def enter(
    blocks: ExitStack,
    guard: Gatekeeper,
    chain: tuple[tuple[Party, Party | None], ...],
    *,
    session: str | None,
    environment: str | None,
) -> None:
    """Bind the running code to a chain, until *blocks* are left.

    Raises:
        IdentityRequired: the policy, the guard's environment or a block around contradicts.
    """
    for place, (actor, person) in enumerate(chain):
        first = place == 0
        blocks.enter_context(
            guard.identity(
                actor,
                on_behalf_of=person,
                session=session if first else None,
                environment=environment if first else None,
            )
        )
