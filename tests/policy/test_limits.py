# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a call uses up of limits is exact, and what cannot be counted is not within one."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen
from agentguard.policy import LimitSpec
from agentguard.policy.limits import Exceeded, amount_of, charges_for, together
from agentguard.vocabulary import Charge

FEW = LimitSpec(name="few", calls=2)
SUM = LimitSpec(name="sum", sum="amount", most=500)


@pytest.mark.parametrize(
    ("value", "counted"),
    [
        *((100, "100"), (0, "0"), ("12.50", "12.50"), ("+3", "3"), ("007", "7"), (-0.0, "0")),
        *((0.1, "0.1"), (0.1 + 0.2, "0.300000000001"), (1e-300, "0.000000000001"), ("-0", "0")),
        (999_999_999_999_999, "999999999999999"),
    ],
)
def test_numbers_and_plain_decimal_text_are_counted(value: Frozen, counted: str) -> None:
    """What is counted is the exact value; what a float has beyond twelve places is rounded up."""
    assert amount_of(value) == Decimal(counted)


@pytest.mark.parametrize(
    "value",
    [
        *(-1, -0.5, True, None, (1,), 2**53, 10**15, 1e15, "2000000000000000", "0.0000000000001"),
        *(
            "-0.01",
            "1e3",
            "1,5",
            "",
            "x",
            "0x10",
            "1_000",
            " 1",
            "1\n",
            "\u0661",
            ".5",
            "5.",
            "--1",
        ),
        *("NaN", "Infinity", float("nan"), float("inf")),
    ],
)
def test_what_cannot_be_counted_is_not_within_a_limit(value: Frozen) -> None:
    """What is negative, no plain number, too large or too fine is denied, and not repeated."""
    assert amount_of(value) is None
    found = charges_for([SUM], {"amount": value}, {"limit:sum": Decimal()})
    assert isinstance(found, Exceeded)
    assert found.place == "args.amount"
    assert "must be a number that is not negative" in found.problem


def test_a_missing_argument_cannot_be_counted() -> None:
    """A call without the argument that is added up is not within the limit."""
    assert isinstance(charges_for([SUM], {}, {"limit:sum": Decimal()}), Exceeded)


def test_an_account_that_is_not_known_holds_nothing() -> None:
    """Where nobody looked what is used up, nothing more may be."""
    assert isinstance(charges_for([FEW], {}, {}), Exceeded)


AMOUNTS = st.decimals(min_value=0, max_value=600, places=12, allow_nan=False)


@settings(deadline=None)
@given(before=AMOUNTS, amount=AMOUNTS, digits=st.integers(1, 40))
def test_the_limit_holds_to_the_last_digit(before: Decimal, amount: Decimal, digits: int) -> None:
    """A call is within a limit if and only if the exact sum is, whatever precision the host set."""
    with localcontext() as context:
        context.prec = digits
        found = charges_for([SUM], {"amount": f"{amount:f}"}, {"limit:sum": before})
    within = before + amount <= 500
    assert isinstance(found, Exceeded) is not within
    if not isinstance(found, Exceeded):
        assert found == (Charge(key="limit:sum", amount=amount, most=Decimal(500)),)


def test_the_calls_of_one_request_are_counted_together() -> None:
    """Two calls that each fit do not fit together, if that is more than is left."""
    spent = {"limit:few": Decimal(0)}
    one = charges_for([FEW], {}, spent)
    assert not isinstance(one, Exceeded)
    two = together(one, one, spent)
    assert two == (Charge(key="limit:few", amount=Decimal(2), most=Decimal(2)),)
    assert isinstance(together(two, one, spent), Exceeded)
    assert isinstance(together(one, one, {"limit:few": Decimal(1)}), Exceeded)
