# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is an argument what is known of the caller?

INVARIANT: what is not known of somebody equals nothing, and rules nothing out
(tests/policy/test_contextual_constraints.py).
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

from agentguard.canonical import Frozen
from agentguard.policy.constraints.grounds import Plain, Scalar, derive, is_comparable, varied
from agentguard.policy.constraints.scalars import OneOf
from agentguard.vocabulary import Chain, Circumstances

_CLAIM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}")
_ID = "id"


class Holder(StrEnum):
    """Of whom something is known."""

    PERSON = "person"
    ACTOR = "actor"


@dataclass(frozen=True, slots=True, kw_only=True)
class EqualsClaim(Plain):
    """Equal, in type and value, to a claim of the caller; to one of them if it is a list.

    Attributes:
        holder: the person the call is made for, or who makes it.
        claim: the claim's name; ``id`` is the id of the principal.
        admitted: what the claim holds; None where nobody looked.
    """

    holder: Holder
    claim: str
    admitted: tuple[Scalar, ...] | None = field(default=None, repr=False, compare=False)
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is no name of a claim, or no value of one.

        Raises:
            ValueError: it is none.
        """
        if not _CLAIM.fullmatch(self.claim):
            raise ValueError("must be 'person.' or 'actor.' and the name of a claim")
        if self.admitted:
            OneOf(options=self.admitted)  # refuses what is the same nowhere
        what = "id" if self.claim == _ID else f"claim {self.claim!r}"
        derive(self, demand=f"must equal the {what} of {_WHOSE[self.holder]}")

    @property
    def contextual(self) -> bool:
        """Whether the answers depend on who calls and in what circumstances."""
        return True

    def in_context(self, chain: Chain, circumstances: Circumstances) -> Self:  # noqa: ARG002 - the claims stand in the chain
        """Return the constraint with what the claim of this chain holds."""
        return varied(self, admitted=_held(chain, self.holder, self.claim))

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        for known in self.admitted or ():
            if type(value) is type(known) and value == known:
                return None
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether the claim is known and *value* certainly differs from it."""
        return bool(self.admitted) and OneOf(options=self.admitted or ()).rules_out(value)

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"claim": f"{self.holder}.{self.claim}"}


_WHOSE = {Holder.PERSON: "the person that the call is made for", Holder.ACTOR: "who makes the call"}


def _held(chain: Chain, holder: Holder, claim: str) -> tuple[Scalar, ...] | None:
    principal = chain.person if holder is Holder.PERSON else chain.actor
    if principal is None:
        return None
    if claim == _ID:
        return (principal.id,)
    value = principal.claims.get(claim)
    values = value if isinstance(value, tuple) else (value,)
    known = tuple(
        each
        for each in values
        # Issuers send empty text for what they do not know, and a tool may take it for everything.
        if isinstance(each, bool | int | float | str) and is_comparable(each) and each != ""
    )
    return known if known and len(known) == len(values) else None
