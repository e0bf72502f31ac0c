# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""From values that were seen comes the narrowest constraint that they all satisfy."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import LARGEST_INTEGER, Frozen, freeze
from agentguard.policy import (
    AllOf,
    Anything,
    Const,
    Constraint,
    DecimalBetween,
    Each,
    EmailAt,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    Prefix,
    UrlParts,
)
from agentguard.review.learning_values import Classes, learned

SHOWN, HIDDEN = Classes(text=lambda _: False), Classes(text=lambda _: True)

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.emails()
    | st.from_regex(r"https?://[a-z]{1,4}\.example(:[0-9]{2,4})?(/[a-z]{1,3}){0,3}", fullmatch=True)
    | st.from_regex(r"-?[0-9]{1,5}\.[0-9]{1,3}", fullmatch=True)
    | st.from_regex(r"(/[a-z.]{1,4}){1,3}", fullmatch=True)
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.sampled_from("abc_. "), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)
alike = st.one_of(
    *(
        st.lists(kind, min_size=1, max_size=12)
        for kind in (
            st.integers(-99, 99),
            st.text(max_size=8),
            st.emails(),
            st.lists(st.integers(0, 3), max_size=3),
            st.lists(st.text(max_size=3), max_size=3),
            st.dictionaries(st.sampled_from("abc"), st.integers() | st.text(), max_size=3),
            values,
        )
    )
)


def of(*seen: object, classed: Sequence[str] = ()) -> Constraint:
    """Return what is learned of values."""
    frozen = [freeze(value) for value in seen]
    return learned(frozen, Classes(text=lambda text: text in classed)).constraint


@settings(deadline=None)
@given(alike, st.booleans())
def test_every_value_satisfies_what_was_learned_from_it(
    seen: list[object],
    classed: bool,  # noqa: FBT001 - drawn
) -> None:
    """Whatever is seen is let through by what is proposed."""
    try:
        frozen = [freeze(value) for value in seen]
    except ValueError:
        return
    found = learned(frozen, Classes(text=lambda _: classed, everything=classed))
    assert [value for value in frozen if found.constraint.problem_with(value)] == []


def shown(value: Frozen) -> str:
    """Return everything that a constraint would say in a policy."""
    return repr(value)


@settings(deadline=None)
@given(st.lists(st.from_regex(r"[A-Z]{4,9}[0-9]{4,9}", fullmatch=True), min_size=1, max_size=9))
def test_nothing_of_a_classed_value_is_told(texts: list[str]) -> None:
    """The constraint for values of a class holds no run of their characters."""
    form = shown(learned(texts, HIDDEN).constraint.form())
    assert not [text for text in texts if text[:4] in form or text[-4:] in form]


@pytest.mark.parametrize(
    ("seen", "constraint"),
    [
        ([7] * 20, Const(value=7)),
        (["eur"] * 20, Const(value="eur")),
        ([True] * 20, Const(value=True)),
        (["eur", "usd"] * 10, OneOf(options=("eur", "usd"))),
        ([True, False] * 10, OneOf(options=(False, True))),
        ([1, 2, 3] * 10, OneOf(options=(1, 2, 3))),
        (list(range(20)), IntBetween(low=0, high=19)),
        ([0.5, 2, 7.25], NumberBetween(low=0.5, high=7.25)),
        (["1.50", "0.25"], DecimalBetween(low=Decimal("0.25"), high=Decimal("1.50"), places=2)),
        ([f"ORD-{n:08}" for n in range(20)], Match(pattern=r"ORD-[0-9]{8}")),
        (
            [f"{n}@{host}.example" for n in range(9) for host in ("a", "b")],
            EmailAt(domains=("a.example", "b.example")),
        ),
        (
            [f"https://a.example/v1/{n}/x" for n in range(9)],
            UrlParts(schemes=("https",), hosts=("a.example",), paths=("/v1",), query=False),
        ),
        (
            [f"Dear customer, {'x ' * n}" for n in range(9)],
            AllOf(parts=(Prefix(text="Dear customer, "), Length(least=1, most=64))),
        ),
        (["one two three!", "go on & on"], Length(least=1, most=32)),
        ([["a"], ["b", "a"]] * 20, Each(options=("a", "b"), least=1, most=2)),
        (
            [[n, n + 1] for n in range(20)],
            Items(item=IntBetween(low=0, high=20), least=2, most=2),
        ),
        (
            [{"a": n} if n % 2 else {"a": n, "b": True} for n in range(40)],
            Members(
                members=(
                    ("a", IntBetween(low=0, high=39), False),
                    ("b", Const(value=True), True),
                )
            ),
        ),
        ([1, "a"], Anything()),
        ([None, "a"], Anything()),
        ([[], []], Anything()),
        ([{}, {}], Anything()),
        ([{"a b": 1}], Anything()),
    ],
)
def test_the_narrowest_constraint_is_chosen(seen: list[object], constraint: Constraint) -> None:
    """One value, few values, a range or a shape, a beginning, a length, anything, in this order."""
    assert of(*seen) == constraint


def test_few_values_are_not_taken_for_all_while_new_ones_come() -> None:
    """A value that was seen once only says that others will come."""
    assert of(*["eur"] * 19, "usd") == Match(pattern="[a-z]{3}")
    assert of(*["eur"] * 99, "usd", "usd") == OneOf(options=("eur", "usd"))


def test_values_of_a_class_are_told_by_shape() -> None:
    """What must not be told is told by kinds of characters, and an address without its domain."""
    cards = [f"4111-0000-0000-{n:04}" for n in range(20)]
    assert of(*cards, classed=cards) == Match(pattern=r"[0-9]{4}-[0-9]{4}-[0-9]{4}-[0-9]{4}")
    assert of(*["4111"] * 20, classed=["4111"]) == Match(pattern="[0-9]{4}")
    mails = [f"p{n}@family-{n}.example" for n in range(9)]
    found = learned(mails, HIDDEN)
    assert isinstance(found.constraint, Match)
    assert "family" not in found.constraint.pattern
    shared = [f"p{n}@acme.example" for n in range(9)]
    assert of(*shared, classed=shared) == EmailAt(domains=("acme.example",))


@pytest.mark.parametrize(
    "seen",
    [
        ["one two three!", "go on & on"],
        [None, 1],
        [[]],
        [f"https://h{n}.example/" for n in range(9)],
        [f"a@h{n}.example" for n in range(9)],
        [f"/srv/out/{n}.csv" for n in range(9)],
        [{"note": f"words and words {n}"} for n in range(9)],
        [["some words here too", "and others, also here"]],
    ],
)
def test_what_is_wide_is_said_to_be(seen: list[object]) -> None:
    """A constraint that lets much through comes with a word of caution."""
    assert learned([freeze(value) for value in seen], SHOWN).caution


def test_a_name_tells_of_what_stands_behind_it() -> None:
    """What stands behind a name of a class, or looks like one behind its name, is not told."""
    behind = Classes(text=lambda text: text == 'pin = "1234"', name=lambda name: name == "customer")
    member = learned([freeze({"customer": 4711, "pin": "1234"})] * 20, behind)
    assert "4711" not in repr(member.constraint.form())
    assert "1234" not in repr(member.constraint.form())
    shown = learned([freeze({"number": 4711, "code": "1234"})] * 20, behind)
    assert "4711" in repr(shown.constraint.form())
    assert "1234" in repr(shown.constraint.form())


def test_a_number_of_a_class_is_told_by_its_digits() -> None:
    """How many digits a number has is all that is told of it."""
    hidden = Classes(text=lambda _: False, everything=True)
    assert learned([4711] * 20, hidden).constraint == IntBetween(low=0, high=10_000)
    assert learned([-3.5], hidden).constraint == NumberBetween(low=-10, high=10)
    assert learned([2**53 - 1], hidden).constraint == Anything()
    assert learned([True] * 20, hidden).constraint == Const(value=True)
