# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which budgets and rates is a call under, and what does its model or tool cost?

Groups and globs are expanded once, at load. What a call takes out of its budgets says ``pipeline``,
how much there is left the store that keeps them.

INVARIANT: a budget that names neither tools nor providers is about every call
(tests/policy/test_budget_selection.py).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from agentguard.policy.document import BudgetSpec, PolicyDocument, PriceSpec, RateSpec
from agentguard.policy.globs import Glob, is_glob
from agentguard.policy.rules import expand
from agentguard.policy.targets import tools_named
from agentguard.vocabulary import Call, Principal, ToolCall

S = TypeVar("S", BudgetSpec, RateSpec)

Matches = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class About(Generic[S]):
    """A budget or a rate, and whose calls of what it is about."""

    spec: S
    who: Matches
    tools: frozenset[str]
    providers: frozenset[str]

    def is_about(self, call: Call, actor: Principal, provider: str | None) -> bool:
        """Say whether a call counts under it."""
        if not self.who(actor.id):
            return False
        if not self.spec.tools and not self.spec.providers:
            return True
        if isinstance(call, ToolCall):
            return call.tool in self.tools
        return provider in self.providers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Budgets:
    """The budgets, rates and prices of a policy."""

    budgets: tuple[About[BudgetSpec], ...] = ()
    rates: tuple[About[RateSpec], ...] = ()
    _prices: tuple[tuple[PriceSpec, Matches, frozenset[str]], ...] = ()

    def __bool__(self) -> bool:
        """Say whether anything is counted at all."""
        return bool(self.budgets or self.rates)

    def over(self, call: Call, actor: Principal, provider: str | None) -> tuple[BudgetSpec, ...]:
        """Return the budgets that a call counts under, by name."""
        return tuple(each.spec for each in self.budgets if each.is_about(call, actor, provider))

    def rates_over(
        self, call: Call, actor: Principal, provider: str | None
    ) -> tuple[RateSpec, ...]:
        """Return the rates that a call counts under, by name."""
        return tuple(each.spec for each in self.rates if each.is_about(call, actor, provider))

    def price_of_tool(self, tool: str) -> PriceSpec | None:
        """Return the first price of a tool; one without a price costs nothing."""
        return next((spec for spec, _, tools in self._prices if tool in tools), None)

    def price_of_model(self, model: str, provider: str | None) -> PriceSpec | None:
        """Return the first price that fits a model, None where the policy knows none."""
        for spec, is_model, _ in self._prices:
            if spec.tools or (spec.provider is not None and spec.provider != provider):
                continue
            if not spec.models or is_model(model):
                return spec
        return None


def budgets_of(document: PolicyDocument) -> Budgets:
    """Return the budgets of a document, ready to be asked."""

    def about(spec: S) -> About[S]:
        return About(
            spec=spec,
            who=_who(spec.who, document),
            tools=tools_named(spec.tools, document),
            providers=frozenset(spec.providers),
        )

    return Budgets(
        budgets=tuple(map(about, sorted(document.budgets, key=lambda each: each.name))),
        rates=tuple(map(about, sorted(document.rates, key=lambda each: each.name))),
        _prices=tuple(
            (each, _matching(each.models), tools_named(each.tools, document))
            for each in document.prices
        ),
    )


def _who(names: tuple[str, ...], document: PolicyDocument) -> Matches:
    """Return what says whether somebody is named; persons fit globs though nobody declares them."""
    if not names:
        return lambda _: True
    known = expand(names, document)
    fits = _matching(name for name in names if is_glob(name))
    return lambda name: name in known or fits(name)


def _matching(names: Iterable[str]) -> Matches:
    globs = tuple(map(Glob, names))
    return lambda name: any(each.matches(name) for each in globs)
