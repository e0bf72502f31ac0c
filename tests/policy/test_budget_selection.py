# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A budget is about the calls that it names, and about no others."""

from decimal import Decimal
from typing import Any

import pytest

from agentguard.policy import (
    BudgetSpec,
    IdentitySpec,
    PolicyDocument,
    PriceSpec,
    ProviderSpec,
    RateSpec,
    ToolSpec,
)
from agentguard.policy.budgets import Budgets, budgets_of
from agentguard.vocabulary import (
    Call,
    Impact,
    ModelCall,
    Principal,
    PrincipalKind,
    ToolCall,
)

AGENT = Principal(id="agent:a", kind=PrincipalKind.AGENT)
ALICE = Principal(id="user:alice", kind=PrincipalKind.USER)
MAIL = ToolCall(id="c", tool="send_mail", definition="d", received={}, resolved={})
READ = ToolCall(id="c", tool="read", definition="d", received={}, resolved={})
CHAT = ModelCall(
    id="c",
    operation="chat",
    verb="POST",
    path="/chat/completions",
    origin="https://api.example:443",
    model="small-1",
    payload={},
)


def document(**more: Any) -> PolicyDocument:
    """A policy with two agents, two tools and a provider."""
    return PolicyDocument(
        name="n",
        identities=(IdentitySpec(id="agent:a"), IdentitySpec(id="agent:b")),
        groups={"team": ("agent:b", "user:alice")},
        tools=tuple(ToolSpec(name=name, impact=Impact.READ_ONLY) for name in ("send_mail", "read")),
        tool_groups={"mails": ("send_mail",)},
        providers=(ProviderSpec(id="openai", hosts=("api.example",)),),
        **more,
    )


def about(spec: BudgetSpec, call: Call, actor: Principal = AGENT) -> bool:
    """Whether a call counts under a budget."""
    provider = "openai" if isinstance(call, ModelCall) else None
    return bool(budgets_of(document(budgets=(spec,))).over(call, actor, provider))


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        ({}, [True, True, True]),
        ({"tools": ("send_mail",)}, [True, False, False]),
        ({"tools": ("group:mails",)}, [True, False, False]),
        ({"tools": ("*",)}, [True, True, False]),
        ({"providers": ("openai",)}, [False, False, True]),
        ({"providers": ("other",)}, [False, False, False]),
        ({"tools": ("read",), "providers": ("openai",)}, [False, True, True]),
    ],
)
def test_a_budget_is_about_what_it_names(what: dict[str, Any], expected: list[bool]) -> None:
    """Names, groups and globs of tools, and providers; without any it is about every call."""
    spec = BudgetSpec(name="b", calls=1, **what)
    assert [about(spec, call) for call in (MAIL, READ, CHAT)] == expected


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ((), [True, True]),
        (("agent:a",), [True, False]),
        (("group:team",), [False, True]),
        (("agent:*",), [True, False]),
        (("user:*",), [False, True]),
        (("user:alice", "agent:b"), [False, True]),
    ],
)
def test_a_budget_is_about_those_it_names(who: tuple[str, ...], expected: list[bool]) -> None:
    """Whoever makes the call is named by an id, a group or a glob, persons as well."""
    spec = BudgetSpec(name="b", calls=1, who=who)
    assert [about(spec, MAIL, each) for each in (AGENT, ALICE)] == expected


def test_rates_are_chosen_as_budgets_are() -> None:
    """A rate is about the calls that it names."""
    rates = (RateSpec(name="z", rate="1/day"), RateSpec(name="m", rate="1/day", tools=("read",)))
    chosen = budgets_of(document(rates=rates))
    assert [each.name for each in chosen.rates_over(READ, AGENT, None)] == ["m", "z"]
    assert [each.name for each in chosen.rates_over(MAIL, AGENT, None)] == ["z"]


def test_a_policy_without_budgets_and_rates_counts_nothing() -> None:
    """Prices alone are nothing to count."""
    assert not budgets_of(document(prices=(PriceSpec(models=("*",), call=Decimal(1)),)))
    assert not Budgets()


PRICES = (
    PriceSpec(provider="other", models=("*",), call=Decimal(1)),
    PriceSpec(models=("small-*",), call=Decimal(2)),
    PriceSpec(models=("*-1",), call=Decimal(3)),
    PriceSpec(tools=("group:mails",), call=Decimal(4)),
    PriceSpec(provider="openai", call=Decimal(5)),
)


@pytest.mark.parametrize(
    ("model", "provider", "expected"),
    [
        ("small-1", "openai", 2),
        ("large-1", "openai", 3),
        ("large-2", "openai", 5),
        ("", "openai", 5),
        ("small-1", "other", 1),
        ("large-2", "third", None),
        ("large-2", None, None),
    ],
)
def test_the_first_price_that_fits_counts(
    model: str, provider: str | None, expected: int | None
) -> None:
    """Prices are tried in the order of the file; one without models fits all of its provider."""
    price = budgets_of(document(prices=PRICES)).price_of_model(model, provider)
    assert (None if price is None else price.call) == expected


def test_a_tool_has_the_price_that_names_it() -> None:
    """A tool that no price names costs nothing."""
    chosen = budgets_of(document(prices=PRICES))
    price = chosen.price_of_tool("send_mail")
    assert price is not None
    assert price.call == 4
    assert chosen.price_of_tool("read") is None
