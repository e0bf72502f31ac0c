# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much may be used up, by whom together, and in what time?"""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum


class Scope(StrEnum):
    """Whose use is counted together.

    ``run``: a session, with everybody it is handed on to. ``agent``: one agent, in every session.
    ``person``: everything for one person. ``tenant``: everything for one tenant.
    """

    RUN = "run"
    AGENT = "agent"
    PERSON = "person"
    TENANT = "tenant"


@dataclass(frozen=True, slots=True, kw_only=True)
class BudgetSpec:
    """How much the calls that it is about may use up together.

    Attributes:
        name: its name in the policy.
        scope: whose use is counted together.
        per: the time after which it begins anew, None for never.
        who: ids, groups and globs of those who make the calls; empty for everybody.
        tools: the tools it is about; with none and no providers it is about every call.
        providers: the providers it is about.
        calls: how many calls.
        tokens_in, tokens_out, tokens: tokens of models.
        money: in the unit of ``[prices]``.
        bytes_out: how many bytes leave, by data class or family; ``*`` for all text.
        wall: how long after the first call of the scope there may be another.
        depth: how many agents may stand behind one another.
        fan_out: how many different agents may act.
        concurrent: how many calls may be under way at once.
        hold_at_most: of tokens and money, how much one call reserves at most beforehand.
    """

    name: str
    scope: Scope = Scope.RUN
    per: timedelta | None = None
    who: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()
    calls: int | None = None
    tokens_in: int | None = None
    tokens_out: int | None = None
    tokens: int | None = None
    money: Decimal | None = None
    bytes_out: tuple[tuple[str, int], ...] = ()
    wall: timedelta | None = None
    depth: int | None = None
    fan_out: int | None = None
    concurrent: int | None = None
    hold_at_most: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceSpec:
    """What a model costs, for a million tokens, or what a call of a tool costs.

    ``models`` holds names and globs; the first table that fits counts.
    """

    provider: str | None = None
    models: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    tokens_in: Decimal | None = None
    tokens_out: Decimal | None = None
    call: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RateSpec:
    """How many calls there may be in a time, such as ``60/minute``."""

    name: str
    rate: str
    scope: Scope = Scope.AGENT
    who: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    providers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LoopsSpec:
    """When calls that lead nowhere are a loop.

    Attributes:
        same: how often the same call may give the same result.
        turns: how often two calls may alternate with unchanged results.
        failures: how many calls in a row may fail.
        refusals: how many calls may be refused for a loop before the run is stopped.
    """

    same: int = 4
    turns: int = 3
    failures: int = 8
    refusals: int = 3
