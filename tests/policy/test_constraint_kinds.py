# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Each kind of constraint says what it says, and refuses to be what cannot be meant."""

import math
import re
from collections.abc import Callable
from decimal import Decimal

import pytest

from agentguard.canonical import Frozen, freeze
from agentguard.policy import (
    AllOf,
    Anything,
    Const,
    Constraint,
    DecimalBetween,
    Each,
    EmailAt,
    EqualsClaim,
    Forbidden,
    Holder,
    HostIn,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    PathBelow,
    Prefix,
    UrlParts,
)
from agentguard.policy.constraints import are_disjoint


@pytest.mark.parametrize(
    ("number", "fits"), [(0, True), (1, True), (0.5, True), (1.0, True), (1.01, False), (-1, False)]
)
def test_integers_and_fractions_are_numbers(number: float, fits: bool) -> None:  # noqa: FBT001 - a table of cases
    """A range of numbers holds integers and fractions between its ends, both included."""
    assert (NumberBetween(low=0, high=1).problem_with(number) is None) is fits


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        *(("0.01", True), ("500", True), ("500.00", True), ("+7.5", True), ("0.10", True)),
        *(("0.001", False), ("0.009", False), ("500.01", False), ("-1", False), ("007", False)),
        *((".5", False), ("5.", False), ("1e2", False), ("1_0", False), ("", False), ("+", False)),
    ],
)
def test_a_decimal_is_plain_text_between_both_ends(text: str, fits: bool) -> None:  # noqa: FBT001 - a table of cases
    """A decimal number is compared exactly, in plain notation, with at most so many decimals."""
    money = DecimalBetween(low=Decimal("0.01"), high=Decimal("500.00"), places=2)
    assert (money.problem_with(text) is None) is fits


def test_decimals_are_exact_beyond_what_a_float_holds() -> None:
    """A difference in the thirtieth digit counts, in the answer and in the digest."""
    low, high = Decimal("0." + "0" * 29 + "1"), Decimal("9" * 40)
    exact = DecimalBetween(low=low, high=high)
    assert exact.problem_with(f"{low:f}") is None
    assert exact.problem_with("0." + "0" * 29 + "09") is not None
    assert exact.problem_with("1" + "0" * 40) is not None
    assert exact.form() != DecimalBetween(low=low, high=high - 1).form()
    wide = DecimalBetween(low=Decimal("1.50"), high=Decimal(100))
    assert wide.form()["decimal"] == ("1.5", "100")


def test_decimals_do_not_lead_out_of_a_deny_rule() -> None:
    """More decimals than are listed are no way past a rule that denies an amount."""
    assert not DecimalBetween(low=Decimal(100), high=Decimal(500), places=2).rules_out("200.000")


@pytest.mark.parametrize(
    ("kind", "fields", "problem"),
    [
        (NumberBetween, {"low": 2, "high": 1}, "lies above"),
        (NumberBetween, {"low": 0, "high": math.inf}, "not finite"),
        (NumberBetween, {"low": math.nan, "high": 1}, "not finite"),
        (NumberBetween, {"low": True, "high": 1}, "no number"),
        (NumberBetween, {"low": 0, "high": 2**53}, "2^53-1"),
        (DecimalBetween, {"low": Decimal(2), "high": Decimal(1)}, "lies above"),
        (DecimalBetween, {"low": Decimal(0), "high": Decimal("Infinity")}, "not finite"),
        (DecimalBetween, {"low": Decimal(0), "high": Decimal("1e200")}, "longer than"),
        (DecimalBetween, {"low": Decimal(0), "high": Decimal(1), "places": -1}, "places"),
        (Prefix, {"text": ""}, "must not be empty"),
        (Prefix, {"text": "cafe\u0301"}, "NFC"),
        (Prefix, {"text": "\ud800"}, "Unicode"),
        (Length, {"least": 2, "most": 1}, "characters"),
        (Length, {"least": -1, "most": 1}, "characters"),
        (Items, {"item": Anything(), "most": 0}, "cannot hold"),
        (Items, {"item": Anything(), "least": 3, "most": 2}, "cannot hold"),
        (Members, {"members": ()}, "at least one member"),
        (Members, {"members": (("a", Anything(), False),) * 2}, "named twice"),
        (AllOf, {"parts": (Anything(),)}, "at least two"),
        (EqualsClaim, {"holder": Holder.ACTOR, "claim": ""}, "name of a claim"),
    ],
)
def test_a_constraint_that_cannot_be_meant_is_refused(
    kind: Callable[..., Constraint], fields: dict[str, object], problem: str
) -> None:
    """What admits nothing, or everything by mistake, cannot be made."""
    with pytest.raises(ValueError, match=re.escape(problem)):
        kind(**fields)


def test_constraints_stand_in_one_another_only_so_deep() -> None:
    """Nesting has an end, and is told."""
    constraint: Constraint = Anything()
    for _ in range(7):
        constraint = Items(item=constraint, most=1)
    with pytest.raises(ValueError, match="deeper than 8 levels"):
        Items(item=constraint, most=1)
    with pytest.raises(ValueError, match="deeper than 8 levels"):
        Members(members=(("a", constraint, False),))
    with pytest.raises(ValueError, match="deeper than 8 levels"):
        AllOf(parts=(constraint, Anything()))


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        ((1,), True),
        ((1, 2, 3), True),
        ((1, 2, 3, 3), False),
        ((), False),
        ((1, 1), False),
        ((1, 10), False),
        ((1, None), False),
        (1, False),
        ("one", False),
        (freeze({"0": 1}), False),
    ],
)
def test_every_item_satisfies(value: Frozen, fits: bool) -> None:  # noqa: FBT001 - a table of cases
    """A list has so many different items, each of which satisfies the constraint."""
    items = Items(item=IntBetween(low=0, high=9), most=3, unique=True)
    assert (items.problem_with(value) is None) is fits


@pytest.mark.parametrize("value", [(1, 1.0), (1.0, 1), ("a", "a"), ((), ()), (math.nan,)])
def test_equal_values_are_not_different(value: tuple[Frozen, ...]) -> None:
    """1 and 1.0 are equal, and what equals nothing counts as equal to everything."""
    assert Items(item=Anything(), most=9, unique=True).problem_with(value) is not None
    assert Items(item=Anything(), most=9, unique=True).problem_with((1, 2, "1", True)) is None


@pytest.mark.parametrize(
    ("value", "denied"),
    [
        ((5,), True),
        ((5, 50), True),
        ((50, 5), True),
        ((), True),
        ((50, "5"), True),
        ((5,) * 99, True),
        (5, True),
        (None, True),
        ((50, 60), False),
    ],
)
def test_one_item_is_enough_for_a_deny_rule(value: Frozen, denied: bool) -> None:  # noqa: FBT001 - a table of cases
    """Neither other items, nor their number, nor an empty list lead out of a deny rule."""
    assert Items(item=IntBetween(low=0, high=9), most=3).rules_out(value) is not denied


ADDRESS = Members(
    members=(
        ("city", OneOf(options=("Bern", "Basel")), False),
        ("zip", Match(pattern="[0-9]{4}"), True),
    )
)


@pytest.mark.parametrize(
    ("value", "fits", "ruled_out"),
    [
        ({"city": "Bern"}, True, False),
        ({"city": "Bern", "zip": "3000"}, True, False),
        ({"city": "Bern", "zip": None}, False, False),
        ({"city": "Bern", "street": "x"}, False, False),
        ({"zip": "3000"}, False, False),
        ({}, False, False),
        ({"city": "Rome"}, False, True),
        ({"city": "Rome", "street": "x"}, False, True),
        ({"city": "Bern", "zip": "x"}, False, True),
        ([["city", "Bern"]], False, False),
        ("Bern", False, False),
        (None, False, False),
    ],
)
def test_an_object_has_the_listed_members_only(value: object, fits: bool, ruled_out: bool) -> None:  # noqa: FBT001 - a table of cases
    """Members are listed; a missing or further one satisfies nothing and rules nothing out."""
    frozen = freeze(value)
    assert (ADDRESS.problem_with(frozen) is None) is fits
    assert ADDRESS.rules_out(frozen) is ruled_out


def test_nothing_satisfies_what_is_forbidden() -> None:
    """Every value is refused where none may be; null may stand for none in a deny rule."""
    assert Forbidden().problem_with(None) == "must be absent"
    assert Forbidden().rules_out("x")
    assert not Forbidden().rules_out(None)


@pytest.mark.parametrize(
    ("text", "doubt"),
    [
        ("/srv/reports/", "use 'path'"),
        ("~/reports", "use 'path'"),
        ("../a", "use 'path'"),
        ("C:\\reports", "use 'path'"),
        ("https://api.example.com/", "use 'url'"),
        ("ORD-", None),
        ("sk_test_", None),
    ],
)
def test_a_prefix_that_keeps_no_place_is_doubted(text: str, doubt: str | None) -> None:
    """A prefix that looks like a path or a URL says what to use instead."""
    found = Prefix(text=text).doubt
    assert found is None if doubt is None else doubt in (found or "")


@pytest.mark.parametrize("text", ["caf\u00e9s", "cafe\u0301s"])
def test_a_prefix_and_a_length_are_met_by_every_spelling(text: str) -> None:
    """Neither a composed nor a decomposed spelling leads out of a deny rule."""
    assert not Prefix(text="caf\u00e9").rules_out(text)
    assert not Prefix(text="cafe").rules_out(text)
    assert not Length(least=5, most=5).rules_out(text)
    assert Length(least=7, most=9).rules_out(text)


def test_what_stands_beside_a_length_counts_as_well() -> None:
    """Several constraints at once tell of the first one that fails."""
    both = AllOf(parts=(Match(pattern="[a-z]+"), Length(least=2, most=3)))
    assert both.problem_with("ab") is None
    assert both.problem_with("abcd") == "must be text of 2 to 3 characters"
    assert both.problem_with("A") == "must match '[a-z]+' in full"
    assert both.rules_out("abcd")
    assert not both.rules_out(7)


def test_places_that_exclude_each_other_are_disjoint() -> None:
    """Folders, hosts, URLs, addresses, prefixes, lengths, lists and objects are compared."""
    assert are_disjoint(PathBelow(roots=("/a/b",)), PathBelow(roots=("/a/c",)))
    assert not are_disjoint(PathBelow(roots=("/a",)), PathBelow(roots=("/a/c",)))
    assert are_disjoint(HostIn(names=("*.a.example",)), HostIn(names=("a.example",)))
    assert not are_disjoint(HostIn(names=("*.a.example",)), HostIn(names=("x.a.example",)))
    assert not are_disjoint(HostIn(names=("*.a.example",)), HostIn(names=("*.b.a.example",)))
    assert are_disjoint(UrlParts(hosts=("a.example",)), UrlParts(hosts=("b.example",)))
    assert are_disjoint(UrlParts(hosts=("*",)), UrlParts(hosts=("*",), schemes=("http",)))
    assert are_disjoint(UrlParts(hosts=("*",)), UrlParts(hosts=("*",), ports=(8443,)))
    assert not are_disjoint(UrlParts(hosts=("*",)), UrlParts(hosts=("a.example",)))
    assert are_disjoint(EmailAt(domains=("a.example",)), EmailAt(domains=("*.a.example",)))
    assert are_disjoint(Prefix(text="ab"), Prefix(text="ac"))
    assert not are_disjoint(Prefix(text="a"), Prefix(text="ac"))
    assert are_disjoint(Length(least=1, most=2), Length(least=3, most=4))
    assert are_disjoint(IntBetween(low=1, high=2), NumberBetween(low=2.5, high=3))
    small, large = IntBetween(low=1, high=2), IntBetween(low=3, high=4)
    assert are_disjoint(Items(item=small, most=2), Items(item=large, most=2))
    assert not are_disjoint(Items(item=small, least=0, most=2), Items(item=large, least=0, most=2))
    assert are_disjoint(Items(item=small, most=2), Each(options=(3,), most=2))
    one = Members(members=(("a", small, False),))
    assert are_disjoint(one, Members(members=(("a", large, False),)))
    assert are_disjoint(one, Members(members=(("b", small, True),)))
    assert not are_disjoint(one, Members(members=(("a", small, False), ("b", small, True))))
    assert are_disjoint(AllOf(parts=(Length(least=1, most=2), Prefix(text="a"))), Const(value="b"))
    assert are_disjoint(Forbidden(), Anything())
    assert not are_disjoint(EqualsClaim(holder=Holder.ACTOR, claim="c"), Const(value="b"))
