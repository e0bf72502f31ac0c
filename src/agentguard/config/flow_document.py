# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which shape have the tables about flow, egress and budgets?

The rest of the file's tables, and how tables are read, are in ``document``.
"""

from datetime import date
from typing import Any, ClassVar

from pydantic import Field

from agentguard.config.document import Impacts, Name, Names, OneOrMany, Table
from agentguard.config.settings import LedgerPlace, RatesPlace
from agentguard.policy import Scope, Tier
from agentguard.vocabulary import Effect, Remember, UserMessages

_Spelled = Field(default=None, strict=False)


class FlowTable(Table):
    """``[[flow]]``."""

    needed = ("id", "then")
    id: Name | None = None
    who: OneOrMany | None = None
    tool: OneOrMany | None = None
    impact: Impacts | None = None
    outward: bool = False
    after: OneOrMany | None = None
    targets_from: OneOrMany | None = None
    addresses_from: OneOrMany | None = None
    arguments_from: OneOrMany | None = None
    unless_asked: bool = False
    then: Effect | None = _Spelled
    approval: Name | None = None
    remember: Remember = Field(default=Remember.VALUE, strict=False)


class ProvenanceTable(Table):
    """``[provenance]``."""

    user_messages: UserMessages = Field(default=UserMessages.ALL, strict=False)


class EvidenceTable(Table):
    """``[[provider.evidence]]``."""

    needed: ClassVar[tuple[str, ...]] = ("tier", "kind", "sha256", "reviewed_by", "expires")
    tier: Tier | None = _Spelled
    kind: Name | None = None
    scope: str = ""
    sha256: Name | None = None
    reviewed_by: Name | None = None
    period_end: date | None = None
    expires: date | None = None
    retention_days: int | None = None
    training: bool | None = None
    sub_processors: Names | None = None
    breach_notice: Name | None = None


class KeyTable(Table):
    """``[[provider.key]]``."""

    needed = ("fingerprint", "who")
    fingerprint: Name | None = None
    who: OneOrMany | None = None


class TermsTable(Table):
    """One line of ``[egress.terms]``."""

    retention_days: int | None = None
    training: bool | None = None
    sub_processors: Names | None = None
    breach_notice: Name | None = None


class EgressTable(Table):
    """``[egress]``; each line of terms is read on its own."""

    needs: dict[Name, Name] | None = None
    unlabelled: Name | None = None
    regions: dict[Name, OneOrMany] | None = None
    terms: dict[Name, Any] | None = None


class BudgetTable(Table):
    """``[budget.NAME]``."""

    scope: Scope = Field(default=Scope.RUN, strict=False)
    per: Name | None = None
    who: OneOrMany | None = None
    tool: OneOrMany | None = None
    provider: OneOrMany | None = None
    calls: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens: int | None = None
    money: Any = None
    bytes_out: dict[Name, int] | None = None
    wall: Name | None = None
    depth: int | None = None
    fan_out: int | None = None
    concurrent: int | None = None
    hold_at_most: Any = None


class PriceTable(Table):
    """``[[price]]``."""

    provider: Name | None = None
    model: OneOrMany | None = None
    tool: OneOrMany | None = None
    tokens_in: Any = None
    tokens_out: Any = None
    call: Any = None


class RateTable(Table):
    """``[rate.NAME]``."""

    needed = ("rate",)
    rate: Name | None = None
    scope: Scope = Field(default=Scope.AGENT, strict=False)
    who: OneOrMany | None = None
    tool: OneOrMany | None = None
    provider: OneOrMany | None = None


class LoopsTable(Table):
    """``[loops]``."""

    same: int = 4
    turns: int = 3
    failures: int = 8
    refusals: int = 3


class LedgerTable(Table):
    """``[ledger]``."""

    store: LedgerPlace = Field(default=LedgerPlace.SQLITE, strict=False)
    file: Name | None = None
    dsn_env: Name | None = None
    rates: RatesPlace = Field(default=RatesPlace.MEMORY, strict=False)
    redis_env: Name | None = None
