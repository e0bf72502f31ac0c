# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a call use up, and whose account is charged?

Reads the charges off a decision. How much is left is compared where they are written.

INVARIANT: a grant or a scope has one account wherever it is used, a limit one for each session
(tests/pipeline/test_charging.py).
"""

from agentguard.pipeline.steps import Progress
from agentguard.policy.grants import keys_of_grant
from agentguard.policy.limits import key_of_limit
from agentguard.policy.plans import account_scope
from agentguard.policy.scopes import keys_of_scope
from agentguard.vocabulary import Account, Caller, Charge, ChargeLimits, Effect, Spending


def account_of(key: str, caller: Caller) -> Account:
    """Return the account that a key stands for."""
    for grant in caller.grants:
        if key in keys_of_grant(grant):
            return Account(scope=grant.id, key=key)
    for scope in caller.scopes:
        if key in keys_of_scope(scope):
            return Account(scope=scope.id, key=key)
    planned = account_scope(key)
    return Account(scope=planned or caller.account_key, key=key)


def charges_of(progress: Progress) -> tuple[Charge, ...]:
    """Return what the decision makes the call use up."""
    decision = progress.decision
    if decision is None or decision.effect is Effect.DENY:
        return ()
    duties = [each for each in decision.obligations if isinstance(each, ChargeLimits)]
    return tuple(charge for each in duties for charge in each.charges) if duties else ()


def spendings_of(progress: Progress) -> tuple[Spending, ...]:
    """Return what is charged to which account; the strictest where one is named twice."""
    caller, found = progress.attempt.caller, dict[Account, Spending]()
    charges = charges_of(progress)
    if caller is None or not charges:
        return ()
    for each in charges:
        account = account_of(each.key, caller)
        known = found.get(account)
        found[account] = Spending(
            account=account,
            amount=each.amount if known is None else max(each.amount, known.amount),
            most=each.most if known is None else min(each.most, known.most),
        )
    return tuple(found[account] for account in sorted(found))


def limits_near(progress: Progress) -> tuple[str, ...]:
    """Return the limits of the rule that would have allowed the call."""
    near = None if progress.decision is None else progress.decision.nearest
    rules = progress.core.policy.rules if near is not None else ()
    names = next((rule.limits for rule in rules if near is not None and rule.id == near.rule), ())
    return tuple(map(key_of_limit, names))
