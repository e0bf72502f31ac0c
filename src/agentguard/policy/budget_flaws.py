# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can what budgets, prices, rates and loops say be counted?"""

import re
from collections.abc import Collection, Iterator
from decimal import Decimal

from agentguard.policy.document import (
    EVERY_CLASS,
    GROUP,
    BudgetSpec,
    PolicyDocument,
    PriceSpec,
    RateSpec,
)
from agentguard.policy.flaws import NAME, Flaw, Path, declared_identities, is_person
from agentguard.policy.globs import Glob, is_glob
from agentguard.policy.targets import tools_named
from agentguard.policy.tool_rule_flaws import selection_flaws
from agentguard.vocabulary import LARGEST_AMOUNT, MONEY_UNIT

# Beyond it sums in billionths are no numbers that every store keeps.
MOST_MONEY = LARGEST_AMOUNT // MONEY_UNIT
PLACES = 9
PRICE_PLACES = 12

# A number of calls in so many seconds, minutes, hours or days, as the library for rates takes it.
RATE = re.compile(r"[1-9][0-9]{0,8}/(?:[1-9][0-9]{0,4} )?(?:second|minute|hour|day)s?")

_COUNTS = ("calls", "tokens_in", "tokens_out", "tokens", "depth", "fan_out", "concurrent")
_TOKENS = ("tokens_in", "tokens_out", "tokens")
# What happens once is no loop, and no more calls than these are remembered of a run.
_REPEATED = {"same": 2, "turns": 2, "failures": 2, "refusals": 1}
_MOST_REPEATED = 100


def budget_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of the budgets, prices, rates and loops that a document declares."""
    for budget in document.budgets:
        path: Path = ("budget", budget.name)
        yield from _named(path, budget.name)
        yield from _about(path, budget, document)
        yield from _amounts(path, budget)
        yield from _money(path, budget, document)
        yield from _bytes(path, budget, document)
    for index, price in enumerate(document.prices):
        yield from _price(("price", index), price, document)
    for rate in document.rates:
        path = ("rate", rate.name)
        yield from _named(path, rate.name)
        yield from _about(path, rate, document)
        if rate.rate and not RATE.fullmatch(rate.rate):
            message = "must be calls in a time, such as '60/minute' or '10/5 minutes'"
            yield Flaw((*path, "rate"), message)
    for name, least in _REPEATED.items() if document.loops is not None else ():
        if not least <= getattr(document.loops, name) <= _MOST_REPEATED:
            yield Flaw(("loops", name), f"must be from {least} to {_MOST_REPEATED}")


def _named(path: Path, name: str) -> Iterator[Flaw]:
    if not NAME.fullmatch(name):
        yield Flaw(path, f"must be a name, not {name!r}")


def _about(path: Path, spec: BudgetSpec | RateSpec, document: PolicyDocument) -> Iterator[Flaw]:
    """Find names of callers, tools and providers that stand for nothing that can be counted."""
    declared = declared_identities(document)
    for name in spec.who:
        yield from _caller((*path, "who"), name, document, declared)
    yield from _tools((*path, "tool"), spec.tools, document)
    for name in spec.providers:
        yield from _provider((*path, "provider"), name, document)


def _caller(
    path: Path, name: str, document: PolicyDocument, declared: Collection[str]
) -> Iterator[Flaw]:
    if name.startswith(GROUP):
        if name.removeprefix(GROUP) not in document.groups:
            yield Flaw(path, f"group {name!r} is not declared: add it to [groups]", name)
    elif is_glob(name):
        if not name.startswith("user:") and not any(map(Glob(name).matches, declared)):
            yield Flaw(path, f"no declared identity fits {name!r}", name)
    elif name not in declared and not is_person(name):
        yield Flaw(path, f"identity {name!r} is not declared: add an [[identity]]", name)


def _tools(path: Path, names: tuple[str, ...], document: PolicyDocument) -> Iterator[Flaw]:
    yield from selection_flaws(
        path, names, document.tool_groups, {tool.name for tool in document.tools}
    )
    meant = tools_named(names, document)
    for tool in document.tools:
        if tool.hosted and tool.name in meant:
            yield Flaw(
                path, f"tool {tool.name!r} runs at the provider, where calls cannot be counted"
            )


def _provider(path: Path, name: str, document: PolicyDocument) -> Iterator[Flaw]:
    if all(name != each.id for each in document.providers):
        yield Flaw(path, f"provider {name!r} is not declared: add a [[provider]]", name)


def _amounts(path: Path, budget: BudgetSpec) -> Iterator[Flaw]:
    counts = {name: getattr(budget, name) for name in _COUNTS}
    limits = (*counts.values(), budget.money, budget.wall)
    if not budget.bytes_out and all(each is None for each in limits):
        yield Flaw(path, "must say how much there is, such as calls = 100")
    for name, amount in counts.items():
        if amount is not None and not 1 <= amount <= LARGEST_AMOUNT:
            yield Flaw((*path, name), "must be at least 1; what may never happen needs a deny rule")
    for name in ("per", "wall"):
        if getattr(budget, name) is not None and not getattr(budget, name):
            yield Flaw((*path, name), "must be longer than nothing")
    if budget.tools and not budget.providers:
        for name in _TOKENS:
            if counts[name] is not None:
                yield Flaw((*path, name), "are of models, and the budget is about tools only")


def _money(path: Path, budget: BudgetSpec, document: PolicyDocument) -> Iterator[Flaw]:
    has_tokens = any(getattr(budget, name) is not None for name in _TOKENS)
    if budget.money is not None:
        if not _is_countable(budget.money, PLACES):
            message = f"must be more than 0, at most {MOST_MONEY}, with at most {PLACES} places"
            yield Flaw((*path, "money"), message)
        if not document.prices:
            yield Flaw((*path, "money"), "needs a [[price]]: without one nothing has a price")
    held = (*path, "hold_at_most")
    if budget.hold_at_most is None:
        return
    if has_tokens == (budget.money is not None):
        problem = "both" if has_tokens else "neither"
        yield Flaw(held, f"is of tokens or of money, and the budget has {problem}")
    if not _is_countable(budget.hold_at_most, 0 if has_tokens else PLACES):
        yield Flaw(held, "must be more than 0, and of tokens a whole number")


def _is_countable(amount: Decimal, places: int) -> bool:
    exponent = amount.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -places and 0 < amount <= MOST_MONEY


def _bytes(path: Path, budget: BudgetSpec, document: PolicyDocument) -> Iterator[Flaw]:
    known = {EVERY_CLASS}
    for each in document.classes:
        known |= {each.name, each.family}
    for name, amount in budget.bytes_out:
        here = (*path, "bytes_out", name)
        if name not in known:
            yield Flaw(here, f"{name!r} is not a data class, a family of classes, or '*'")
        if not 0 <= amount <= LARGEST_AMOUNT:
            yield Flaw(here, "must not be negative")


def _price(path: Path, price: PriceSpec, document: PolicyDocument) -> Iterator[Flaw]:
    yield from _tools((*path, "tool"), price.tools, document)
    if price.provider is not None:
        yield from _provider((*path, "provider"), price.provider, document)
    for name in ("provider", "models", "tokens_in", "tokens_out"):
        if price.tools and getattr(price, name):
            key = "model" if name == "models" else name
            yield Flaw((*path, key), "does not belong to the price of a tool: give 'call'")
    if not price.tools and price.provider is None and not price.models:
        yield Flaw(path, "must say what it is the price of: 'model', 'provider' or 'tool'")
    amounts = {name: getattr(price, name) for name in ("tokens_in", "tokens_out", "call")}
    if all(each is None for each in amounts.values()):
        yield Flaw(path, "must have a price: 'tokens_in' and 'tokens_out', or 'call'")
    if (price.tokens_in is None) != (price.tokens_out is None):
        yield Flaw(path, "must have both 'tokens_in' and 'tokens_out', or neither")
    for name, amount in amounts.items():
        if amount and not _is_countable(amount, PRICE_PLACES):
            message = f"must be at most {MOST_MONEY}, with at most {PRICE_PLACES} decimal places"
            yield Flaw((*path, name), message)
