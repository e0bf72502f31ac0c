# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is counted together, and what does a call hold of it until it has ended?

Amounts are integers, so that a sum is exact in every store: tokens, bytes, calls, seconds, and
money in billionths of its unit.
"""

from dataclasses import dataclass, field
from enum import StrEnum

MONEY_UNIT = 10**9
"""How many parts of money make one unit of it."""

LARGEST_AMOUNT = 2**62
"""The most that anything may be capped at; a sum of two still fits where stores keep numbers."""


class Measure(StrEnum):
    """What is counted."""

    CALLS = "calls"
    TOKENS_IN = "tokens_in"
    TOKENS_OUT = "tokens_out"
    TOKENS = "tokens"
    MONEY = "money"
    BYTES_OUT = "bytes_out"
    WALL = "wall"
    DEPTH = "depth"
    FAN_OUT = "fan_out"
    CONCURRENT = "concurrent"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Pot:
    """What is counted together under one budget.

    Attributes:
        budget: the budget's name.
        scope: whose use is counted together, in the word of the policy.
        owner: the session's key, or the id of the agent, the person or the tenant; empty for
            those who have none.
        issuer: whose token vouches for the owner, empty where none does.
        environment: the environment, empty where the policy has none.
        starts: when its time began, in seconds since 1970, 0 where it never begins anew.
        ends: when it begins anew, 0 for never.
    """

    budget: str
    scope: str
    owner: str
    issuer: str = ""
    environment: str = ""
    starts: int = 0
    ends: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What a call takes out of one pot.

    Attributes:
        pot: the pot.
        measure: what is counted; ``of`` says of which class where that is bytes.
        of: the class or family, ``*`` for everything; empty for every other measure.
        cap: how much there may be in all.
        least: how much the call needs at least.
        amount: how much it takes; None for all that is left.
        member: with ``fan_out``, who acts.
    """

    pot: Pot
    measure: Measure
    of: str = ""
    cap: int
    least: int = 0
    amount: int | None = 0
    member: str = ""

    @property
    def key(self) -> str:
        """What is counted, in one word, such as ``bytes_out:pii``."""
        return f"{self.measure.value}:{self.of}" if self.of else self.measure.value


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLine:
    """A rate that a call counts under: how often, and whose calls count together."""

    name: str
    rate: str
    parts: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What a call takes before it is dispatched.

    Attributes:
        id: the call's.
        lines: what it takes, all of it or nothing.
        at: the time, in seconds since 1970.
        lease_until: when others may take it, if the call has not ended by then.
    """

    id: str
    lines: tuple[Line, ...]
    at: int
    lease_until: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """How much of one pot is used up, and how much is held.

    ``since`` is when it was first used, in seconds since 1970, for what is limited in time.
    """

    pot: Pot
    key: str
    settled: int
    held: int
