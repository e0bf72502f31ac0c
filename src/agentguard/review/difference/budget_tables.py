# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a budget, a rate or a loop let more happen than before?

Only what can be compared by itself is; everything else has changed, and may be wider
(tests/review/test_difference_tables.py).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from agentguard.canonical import Frozen
from agentguard.policy import PolicyDocument
from agentguard.policy.document.flow_forms import budget_form, loops_form, price_form, rate_form

BUDGET_TABLES = frozenset({"budget", "rate", "loops"})

# Without one of them there is no end to it.
_LIMITS = frozenset(
    {
        *("calls", "tokens_in", "tokens_out", "tokens", "money", "wall"),
        *("depth", "fan_out", "concurrent", "bytes_out"),
    }
)


def budget_tables(document: PolicyDocument) -> dict[str, Mapping[str, Frozen]]:
    """Return the tables about budgets, as they enter the digest; prices by their place."""
    return {
        "budget": {each.name: budget_form(each) for each in document.budgets},
        "price": {str(place): price_form(each) for place, each in enumerate(document.prices)},
        "rate": {each.name: rate_form(each) for each in document.rates},
        "loops": {} if document.loops is None else {"": loops_form(document.loops)},
    }


def budget_growth(table: str, key: str, before: Any, after: Any) -> int:
    """Return 1 where more may happen than before, -1 where less may, and 0 where neither is sure."""
    if key == "who":
        return _callers(set(before), set(after))
    if table == "loops" or key in _LIMITS:
        return _limits(_each(before), _each(after))
    return 0


def _callers(before: set[str], after: set[str]) -> int:
    """Nobody named is everybody; whoever is named no more is under it no more."""
    if not before or not after:
        return 1 if after else -1
    return -1 if before < after else 1 if after < before else 0


def _limits(before: Mapping[str, Decimal], after: Mapping[str, Decimal]) -> int:
    endless = Decimal("Infinity")
    pairs = [(before.get(name, endless), after.get(name, endless)) for name in {*before, *after}]
    if all(one <= other for one, other in pairs):
        return 1
    return -1 if all(one >= other for one, other in pairs) else 0


def _each(value: Any) -> Mapping[str, Decimal]:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return {name: Decimal(str(each)) for name, each in value.items()}
    return {"": Decimal(str(value))}
