# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is used up of budgets, by whom, and what is left?

Reads the ledger; what it shows comes from the policy and from those who call, never from a call.

INVARIANT: nothing in the ledger is changed (tests/cli/test_budgets_command.py).
"""

import argparse
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from agentguard.cli.output import CommandFailed, print_json, visible
from agentguard.config import load_ledger
from agentguard.policy import BudgetSpec
from agentguard.vocabulary import MONEY_UNIT, Measure, Used
from agentguard.wiring import now, open_ledger

_SHOWN_OF_A_SESSION = 12


def add_commands(commands: Any, shared: argparse.ArgumentParser) -> None:
    """Add ``budgets``."""
    command = commands.add_parser(
        "budgets",
        parents=[shared],
        help="see what is used up of budgets, by whom, and what is left",
        description="Show every budget whose time has not ended and that somebody has used.",
    )
    command.add_argument("--budget", metavar="NAME", help="only this one")
    command.set_defaults(run=_show)


def _show(options: argparse.Namespace) -> int:
    kept, document = load_ledger(options.config)
    if kept is None:
        raise CommandFailed("the policy file does not say where the ledger is")
    budgets = {each.name: each for each in document.budgets}
    if options.budget is not None and options.budget not in budgets:
        raise CommandFailed(f"the policy has no budget {visible(options.budget)!r}")
    at = int(now().timestamp())
    found: tuple[Used, ...] = ()
    if kept.file is None or kept.file.exists():
        ledger = open_ledger(kept)
        try:
            found = ledger.used(at)
        finally:
            ledger.close()
    rows = [
        _row(each, budgets.get(each.pot.budget), at)
        for each in found
        if options.budget is None or each.pot.budget == options.budget
    ]
    if options.json:
        print_json(rows)
        return 0
    for row in rows:
        print(_line(row))
    if not rows:
        print("nothing is used up")
    return 0


def _row(used: Used, budget: BudgetSpec | None, at: int) -> dict[str, str | None]:
    """Return one line as JSON holds it: every amount as text, since money is no float."""
    pot, key = used.pot, used.key
    settled = max(0, at - used.settled) if key == Measure.WALL else used.settled
    cap = None if budget is None else _cap(budget, key)
    left = None if cap is None else max(0, cap - settled - used.held)
    return {
        "budget": pot.budget,
        "scope": pot.scope,
        "owner": pot.owner,
        "issuer": pot.issuer or None,
        "environment": pot.environment or None,
        "measure": key,
        "used": _shown(key, settled),
        "held": _shown(key, used.held),
        "left": None if left is None else _shown(key, left),
        "most": None if cap is None else _shown(key, cap),
        "begins_anew": f"{datetime.fromtimestamp(pot.ends, UTC):%Y-%m-%dT%H:%M:%SZ}"
        if pot.ends
        else None,
    }


def _cap(budget: BudgetSpec, key: str) -> int | None:
    """Return how much there is in all; None where the policy no longer says so."""
    measure, _, of = key.partition(":")
    if measure == Measure.BYTES_OUT:
        return dict(budget.bytes_out).get(of)
    if measure == Measure.MONEY:
        return None if budget.money is None else int(budget.money * MONEY_UNIT)
    if measure == Measure.WALL:
        return None if budget.wall is None else int(budget.wall.total_seconds())
    found: int | None = getattr(budget, measure, None)
    return found


def _shown(key: str, amount: int) -> str:
    if key != Measure.MONEY:
        return str(amount)
    text = f"{Decimal(amount) / MONEY_UNIT:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _line(row: dict[str, str | None]) -> str:
    owner = row["owner"] or "nobody"
    if row["scope"] == "run":
        owner = owner[:_SHOWN_OF_A_SESSION]
    whose = f"{row['scope']} {visible(owner)}"
    if row["issuer"] is not None:
        whose += f" of {visible(row['issuer'])}"
    if row["environment"] is not None:
        whose += f" in {visible(row['environment'])}"
    left = "no longer in the policy" if row["left"] is None else f"{row['left']} left"
    held = "" if row["held"] == "0" else f", {row['held']} held"
    until = "" if row["begins_anew"] is None else f", anew {row['begins_anew']}"
    name = visible(row["budget"] or "")
    return f"{name:<16} {whose:<32} {row['measure']}: {row['used']} used{held}, {left}{until}"
