# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Whose account is a call charged to?"""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from agentguard.identity import Identities
from agentguard.pipeline.charging import account_of, spendings_of
from agentguard.vocabulary import (
    Account,
    Caller,
    Charge,
    ChargeLimits,
    Decision,
    Effect,
    Grant,
    Spending,
)

HELPER = Identities(lambda: "session").narrowed("agent:helper")
GRANT = Grant(
    id="g1",
    holder="agent:helper",
    tools={},
    calls=3,
    expires_at=datetime(2027, 1, 1, tzinfo=UTC),
)


def charge(key: str, amount: str = "1", most: str = "5") -> Charge:
    """Return a charge."""
    return Charge(key=key, amount=Decimal(amount), most=Decimal(most))


def spendings(caller: Caller, *charges: Charge, effect: Effect = Effect.ALLOW) -> Any:
    """Return what a decision with these charges uses up."""
    duties = (ChargeLimits(charges=charges),)
    decision = Decision(effect=effect, policy="p", obligations=duties)
    progress: Any = SimpleNamespace(decision=decision, attempt=SimpleNamespace(caller=caller))
    return spendings_of(progress)


def test_a_limit_is_of_the_session_and_a_grant_of_every_session() -> None:
    """The same grant in another session is the same account; the same limit is not."""
    here = replace(HELPER, grants=(GRANT,))
    there = replace(here, session="another")
    assert account_of("limit:few", here) != account_of("limit:few", there)
    assert account_of("grant:g1:calls", here) == account_of("grant:g1:calls", there)
    assert account_of("grant:g1:calls", here) == Account(scope="g1", key="grant:g1:calls")


def test_a_grant_that_the_caller_does_not_hold_is_no_account_of_its_own() -> None:
    """A key that merely begins like a grant's is counted in the session."""
    held = replace(HELPER, grants=(GRANT,))
    assert account_of("grant:g12:calls", held).scope == held.account_key
    assert account_of("grant:g1:calls", HELPER).scope == HELPER.account_key


def test_an_account_named_twice_is_charged_once_and_strictly() -> None:
    """Of two charges the larger amount and the smaller limit count."""
    found = spendings(HELPER, charge("limit:a", "2", "9"), charge("limit:a", "3", "10"))
    account = Account(scope=HELPER.account_key, key="limit:a")
    assert found == (Spending(account=account, amount=Decimal(3), most=Decimal(9)),)


def test_a_denied_call_uses_up_nothing() -> None:
    """What does not happen is not counted."""
    assert spendings(HELPER, charge("limit:a"), effect=Effect.DENY) == ()
