# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which budgets, prices and rates does the file name, and when is a loop a loop?"""

from datetime import timedelta
from decimal import Decimal, InvalidOperation

from agentguard.config.document import Tell
from agentguard.config.flow_document import BudgetTable, LoopsTable, PriceTable, RateTable
from agentguard.config.identities import span_of
from agentguard.policy import BudgetSpec, LoopsSpec, Path, PriceSpec, RateSpec

_AMOUNT = "must be an integer, or a decimal number in quotes, and not negative"


def budget_of(name: str, table: BudgetTable, path: Path, tell: Tell) -> BudgetSpec:
    """Return the budget that a table describes."""
    return BudgetSpec(
        name=name,
        scope=table.scope,
        per=_span(table.per, (*path, "per"), tell),
        who=tuple(table.who or ()),
        tools=tuple(table.tool or ()),
        providers=tuple(table.provider or ()),
        calls=table.calls,
        tokens_in=table.tokens_in,
        tokens_out=table.tokens_out,
        tokens=table.tokens,
        money=_amount(table.money, (*path, "money"), tell),
        bytes_out=tuple((table.bytes_out or {}).items()),
        wall=_span(table.wall, (*path, "wall"), tell),
        depth=table.depth,
        fan_out=table.fan_out,
        concurrent=table.concurrent,
        hold_at_most=_amount(table.hold_at_most, (*path, "hold_at_most"), tell),
    )


def price_of(table: PriceTable, path: Path, tell: Tell) -> PriceSpec:
    """Return the price that a table describes."""
    return PriceSpec(
        provider=table.provider,
        models=tuple(table.model or ()),
        tools=tuple(table.tool or ()),
        tokens_in=_amount(table.tokens_in, (*path, "tokens_in"), tell),
        tokens_out=_amount(table.tokens_out, (*path, "tokens_out"), tell),
        call=_amount(table.call, (*path, "call"), tell),
    )


def rate_of(name: str, table: RateTable) -> RateSpec:
    """Return the rate that a table describes."""
    return RateSpec(
        name=name,
        rate=table.rate or "",
        scope=table.scope,
        who=tuple(table.who or ()),
        tools=tuple(table.tool or ()),
        providers=tuple(table.provider or ()),
    )


def loops_of(table: LoopsTable) -> LoopsSpec:
    """Return when calls are a loop."""
    return LoopsSpec(
        same=table.same, turns=table.turns, failures=table.failures, refusals=table.refusals
    )


def _span(text: str | None, path: Path, tell: Tell) -> timedelta | None:
    return None if text is None else span_of(text, timedelta(), path, tell)


def _amount(value: object, path: Path, tell: Tell) -> Decimal | None:
    if value is None:
        return None
    amount = None
    if type(value) is int:
        amount = Decimal(value)
    elif isinstance(value, str):
        try:
            amount = Decimal(value)
        except InvalidOperation:
            amount = None
    if amount is None or not amount.is_finite() or amount < 0:
        tell(path, _AMOUNT)
        return None
    return amount
