# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much of its limits has a session used up, and may it use more?

Charges a call to its accounts inside the transaction that writes its intent entry, and gives back
what a call that did not happen was charged. What a call uses up is said elsewhere.

INVARIANT: no account ever holds more than the charge that made it so allows, however many
processes charge it at once (tests/stores/test_spending.py, tests/attacks/test_spent_limits.py).
INVARIANT: a process that dies between intent and dispatch leaves the call charged.
INVARIANT: an amount that cannot be read counts as used up.
"""

import decimal
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from agentguard.stores.failures import StoreFailure
from agentguard.vocabulary import Account, Spending

MOST_DIGITS = 1200
"""More than any number of JSON has, written out; a longer amount is refused."""

# Sums are exact, or an error.
_EXACT = decimal.Context(prec=2 * MOST_DIGITS, traps=[decimal.Inexact, decimal.InvalidOperation])


def check_charges(charges: Sequence[Spending]) -> None:
    """Refuse charges that could spoil the batch that they are written with.

    Raises:
        StoreFailure: an amount is no amount, or an account is named twice.
    """
    if not charges:
        return
    if not all(_is_amount(each.amount) and _is_amount(each.most) for each in charges):
        raise StoreFailure("what a call uses up of a limit must be a number, and not negative")
    if len({each.account for each in charges}) != len(charges):
        raise StoreFailure("a call is charged to an account once")


def _is_amount(amount: Decimal) -> bool:
    if not amount.is_finite() or amount < 0:
        return False
    digits, exponent = amount.as_tuple().digits, amount.as_tuple().exponent
    return isinstance(exponent, int) and len(digits) + abs(exponent) <= MOST_DIGITS


def charge(
    connection: sqlite3.Connection, call_id: str, charges: Iterable[Spending]
) -> Account | None:
    """Charge a call to its accounts.

    Returns:
        None when it was; else an account that does not hold it, and whoever calls undoes what
        was written here.
    """
    for each in charges:
        place = (each.account.scope, each.account.key)
        total = _sum(_held(connection, each.account), each.amount)
        if total is None or total > each.most:
            return each.account
        _write(connection, each.account, total)
        connection.execute(
            "INSERT INTO charge VALUES (?, ?, ?, ?)", (call_id, *place, str(each.amount))
        )
    return None


def give_back(connection: sqlite3.Connection, call_id: str) -> None:
    """Take back what a call was charged, if it was charged anything."""
    rows = connection.execute(
        "DELETE FROM charge WHERE call_id = ? RETURNING scope, key, amount", (call_id,)
    ).fetchall()
    for scope, key, amount in rows:
        account = Account(scope=scope, key=key)
        left = _difference(_held(connection, account), _read(amount))
        if left is not None and left >= 0:
            _write(connection, account, left)


def spent(connection: sqlite3.Connection, accounts: Iterable[Account]) -> Mapping[Account, Decimal]:
    """Return what is used up of accounts.

    Raises:
        StoreFailure: an amount cannot be read.
    """
    found: dict[Account, Decimal] = {}
    for account in accounts:
        amount = _held(connection, account)
        if amount is None:
            raise StoreFailure("what is used up of a limit cannot be read")
        found[account] = amount
    return found


def _held(connection: sqlite3.Connection, account: Account) -> Decimal | None:
    row = connection.execute(
        "SELECT amount FROM spent WHERE scope = ? AND key = ?", (account.scope, account.key)
    ).fetchone()
    return Decimal(0) if row is None else _read(row[0])


def _write(connection: sqlite3.Connection, account: Account, amount: Decimal) -> None:
    connection.execute(
        "INSERT INTO spent VALUES (?, ?, ?)"
        " ON CONFLICT (scope, key) DO UPDATE SET amount = excluded.amount",
        (account.scope, account.key, str(amount)),
    )


def _read(text: object) -> Decimal | None:
    try:
        amount = Decimal(str(text))
    except decimal.InvalidOperation:
        return None
    return amount if _is_amount(amount) else None


def _sum(held: Decimal | None, more: Decimal) -> Decimal | None:
    if held is None:
        return None
    try:
        total = _EXACT.add(held, more)
    except decimal.DecimalException:
        return None
    return total if _is_amount(total) else None


def _difference(held: Decimal | None, less: Decimal | None) -> Decimal | None:
    if held is None or less is None:
        return None
    try:
        return _EXACT.subtract(held, less)
    except decimal.DecimalException:
        return None
