# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a call use up, and in which account is that kept?"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Account:
    """What is counted together.

    Attributes:
        scope: the session's key, or the id of a grant, a scope or a plan, whose budget is its own.
        key: what is counted in it: ``limit:NAME``, ``grant:ID:...``, ``scope:ID:...`` or
            ``plan:ID:...``.
    """

    scope: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a call uses up of one account, and how much may be used of it in all."""

    account: Account
    amount: Decimal
    most: Decimal
