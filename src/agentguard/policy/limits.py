# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a call use up of the limits of its rules, and is there that much left?

Only looks at what was spent before; what makes sure that two calls at once do not use up the same
is the act that records them.

INVARIANT: what cannot be counted, or whose account is not known, is not within a limit
(tests/policy/test_limits.py).
"""

import re
from collections.abc import Iterable, Mapping
from decimal import ROUND_CEILING, Context, Decimal
from typing import NamedTuple

from agentguard.canonical import LARGEST_INTEGER, Frozen
from agentguard.policy.document import LimitSpec
from agentguard.policy.flaws import key_of
from agentguard.vocabulary import Charge

# Of the module's own: the host may have set another precision for its threads.
_EXACT = Context(prec=60)
BEYOND = 10**15
PLACES = 12
_SMALLEST = Decimal(1).scaleb(-PLACES)
_PLAIN = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,12})?")


class Exceeded(NamedTuple):
    """Why a call is not within a limit: where that shows, and what is demanded."""

    place: str
    problem: str


def key_of_limit(name: str) -> str:
    """Return the key of the account of a limit."""
    return f"limit:{name}"


def most_of(limit: LimitSpec) -> Decimal:
    """Return how much a session may use up of a limit in all."""
    return Decimal(limit.most or 0) if limit.calls is None else Decimal(limit.calls)


def charges_for(
    limits: Iterable[LimitSpec], arguments: Mapping[str, Frozen], spent: Mapping[str, Decimal]
) -> tuple[Charge, ...] | Exceeded:
    """Return what a call uses up, or the first limit that it is not within."""
    charges: list[Charge] = []
    for limit in limits:
        amount = Decimal(1)
        if limit.sum is not None:
            counted = amount_of(arguments.get(limit.sum))
            if counted is None:
                return Exceeded(
                    key_of(("args", limit.sum)),
                    f"must be a number that is not negative, to be counted under {limit.name!r}",
                )
            amount = counted
        key, most = key_of_limit(limit.name), most_of(limit)
        before = spent.get(key)
        if before is None or _EXACT.add(before, amount) > most:
            return Exceeded("limits", _told(limit))
        charges.append(Charge(key=key, amount=amount, most=most))
    return tuple(charges)


def together(
    left: tuple[Charge, ...], right: tuple[Charge, ...], spent: Mapping[str, Decimal]
) -> tuple[Charge, ...] | Exceeded:
    """Return what two calls use up together, or the first limit that they are not within."""
    charges = {each.key: each for each in left}
    for each in right:
        known = charges.get(each.key)
        amount = each.amount if known is None else _EXACT.add(each.amount, known.amount)
        if _EXACT.add(spent[each.key], amount) > each.most:
            name = each.key.partition(":")[2]
            return Exceeded(
                "limits", f"must have enough left of {name!r} for all calls in the request"
            )
        charges[each.key] = Charge(key=each.key, amount=amount, most=each.most)
    return tuple(charges[key] for key in sorted(charges))


def amount_of(value: Frozen) -> Decimal | None:
    """Return an argument as it is counted, None if it cannot be.

    What a floating-point number has beyond twelve places is rounded up.
    """
    amount: Decimal | None = None
    if type(value) is int and abs(value) <= LARGEST_INTEGER:
        amount = Decimal(value)
    elif type(value) is float and abs(value) < BEYOND:
        amount = Decimal(repr(value)).quantize(_SMALLEST, rounding=ROUND_CEILING, context=_EXACT)
    elif type(value) is str and _PLAIN.fullmatch(value):
        amount = Decimal(value)
    return amount if amount is not None and 0 <= amount < BEYOND else None


def _told(limit: LimitSpec) -> str:
    if limit.sum is None:
        return f"must have enough left of {limit.name!r}: {limit.calls} calls in a session"
    return f"must have enough left of {limit.name!r}: {limit.sum!r} up to {limit.most} in a session"
