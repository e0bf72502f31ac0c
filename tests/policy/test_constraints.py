# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Constraints are strict about types, and deny rules are not evaded by odd values."""

import math
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
from agentguard.policy.constraints import UNLINKED, are_disjoint

JSON_VALUES: st.SearchStrategy[Frozen] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.integers(-3, 8)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([0.0, 1.0, 5.0, "usd", "eur", "USD", "ORD-00012345"])
    | st.lists(st.sampled_from(["usd", "eur", 1, True, 5]), max_size=3).map(freeze)
    | st.sampled_from(["0.50", "7", "-1.005", "1e2", "/srv/a/b", "/srv/a", "/etc/x", "usd/eur"])
    | st.sampled_from(["https://a.example/v1/x", "http://b.a.example:80", "a.example", "10.0.0.1"])
    | st.sampled_from(["x@a.example", "x@b.a.example", "b.a.example.", "user:u1", "agent:a"])
    | st.fixed_dictionaries({"n": st.integers(0, 9)}, optional={"s": st.text(max_size=2)}).map(
        freeze
    )
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2).map(freeze)
        | st.dictionaries(st.text(max_size=2), inner, max_size=2).map(freeze)
    ),
    max_leaves=4,
)
CONSTRAINTS: st.SearchStrategy[Constraint] = st.sampled_from(
    [
        IntBetween(low=0, high=3),
        IntBetween(low=-2, high=-1),
        IntBetween(low=2, high=5),
        OneOf(options=("usd", "eur")),
        OneOf(options=(1, True, "1")),
        Const(value=1),
        Const(value=1.0),
        Const(value=True),
        Const(value="ORD-00012345"),
        Match(pattern="ORD-[0-9]{8}"),
        Match(pattern="[a-z]*"),
        Each(options=("usd", "eur"), most=2),
        Each(options=(1, True), least=0, most=1),
        Each(options=("usd", 5), least=2, most=3),
        Anything(),
        Forbidden(),
        NumberBetween(low=-1.5, high=2),
        NumberBetween(low=3, high=5),
        DecimalBetween(low=Decimal("0.01"), high=Decimal("7.00"), places=2),
        DecimalBetween(low=Decimal(-2), high=Decimal(0)),
        Prefix(text="us"),
        Prefix(text="/"),
        Length(least=1, most=2),
        Length(least=3, most=64),
        PathBelow(roots=("/srv/a",)),
        PathBelow(roots=("/srv", "/etc"), paths=UNLINKED),
        HostIn(names=("a.example", "*.a.example")),
        HostIn(names=("10.0.0.1",)),
        UrlParts(hosts=("a.example",), paths=("/v1",)),
        UrlParts(hosts=("*",), schemes=("http",), query=False),
        EmailAt(domains=("a.example",)),
        EmailAt(domains=("*.a.example",)),
        EqualsClaim(holder=Holder.PERSON, claim="customer"),
        EqualsClaim(holder=Holder.ACTOR, claim="id", admitted=("agent:a", 5)),
        Items(item=IntBetween(low=0, high=5), most=3),
        Items(item=OneOf(options=("usd", "eur")), least=0, most=2, unique=True),
        Items(item=PathBelow(roots=("/srv",), paths=UNLINKED), most=2),
        Members(members=(("n", IntBetween(low=0, high=3), False), ("s", Anything(), True))),
        Members(members=(("n", IntBetween(low=5, high=9), True),)),
        AllOf(parts=(Match(pattern="[a-z]*"), Length(least=2, most=3))),
    ]
)
ODD_VALUES: st.SearchStrategy[Frozen] = st.sampled_from(
    [
        math.nan,
        math.inf,
        2**70,
        -(2**70),
        "\ud800",
        ("\ud800",),
        freeze({"n": 1}),
        "\x00",
        "9" * 999,
    ]
)


@pytest.mark.parametrize(
    "amount",
    ["5000", True, (5000,), None, 5000.5, 5.0, 2**70, math.nan, math.inf, -5000, freeze({"n": 5})],
)
def test_every_malformed_amount_is_refused(amount: Frozen) -> None:
    """A value that is not an integer within both ends does not satisfy a range."""
    problem = IntBetween(low=0, high=100).problem_with(amount)
    assert problem == "must be an integer from 0 to 100"


@pytest.mark.parametrize("amount", [0, 1, 100])
def test_both_ends_of_a_range_are_included(amount: int) -> None:
    """The ends of a range satisfy it."""
    assert IntBetween(low=0, high=100).problem_with(amount) is None


@pytest.mark.parametrize(
    ("constraint", "value"),
    [
        (Const(value=1), True),
        (Const(value=True), 1),
        (Const(value=1), 1.0),
        (Const(value=1.0), 1),
        (Const(value="1"), 1),
        (OneOf(options=(0, 1)), False),
        (OneOf(options=(0, 1)), 1.0),
        (OneOf(options=(True,)), 1),
        (OneOf(options=("usd",)), "USD"),
        (OneOf(options=("usd",)), ("usd",)),
        (OneOf(options=("usd",)), freeze({"usd": 1})),
        (Match(pattern="[0-9]+"), 5),
        (Match(pattern=".*"), None),
    ],
)
def test_equal_looking_values_of_another_type_are_refused(
    constraint: Constraint, value: Frozen
) -> None:
    """Type and value must both be equal."""
    assert constraint.problem_with(value) is not None


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("ORD-[0-9]{8}", "ORD-00012345", True),
        ("ORD-[0-9]{8}", "xORD-00012345", False),
        ("ORD-[0-9]{8}", "ORD-00012345\n", False),
        ("ORD-[0-9]{8}", "ORD-00012345x", False),
        ("ORD-[0-9]{8}$", "ORD-00012345\n", False),
        ("a|ab", "ab", True),
        (".+", "a\nb", False),
        ("é+", "éé", True),
        (".", "\ud800", False),
    ],
)
def test_a_pattern_matches_the_whole_text(pattern: str, text: str, matches: bool) -> None:  # noqa: FBT001 - a table of cases
    """A pattern must match from the first character to the last."""
    assert (Match(pattern=pattern).problem_with(text) is None) is matches


def test_a_pattern_that_is_slow_elsewhere_is_quick_here() -> None:
    """A pattern that backtracking engines take exponential time for is answered."""
    assert Match(pattern="(a+)+b").problem_with("a" * 20_000) is not None


@pytest.mark.parametrize("pattern", ["(", "(?=a)", r"(a)\1", "a{1001}", "\ud800"])
def test_a_pattern_without_a_linear_form_is_refused(pattern: str) -> None:
    """What re2 does not take is refused with a reason."""
    with pytest.raises(ValueError, match="not one that re2 takes"):
        Match(pattern=pattern)


@pytest.mark.parametrize(
    ("low", "high"), [(2, 1), (0, LARGEST_INTEGER + 1), (-LARGEST_INTEGER - 1, 0)]
)
def test_a_range_that_cannot_be_meant_is_refused(low: int, high: int) -> None:
    """Reversed bounds and bounds beyond 2^53-1 are refused."""
    with pytest.raises(ValueError, match="bound"):
        IntBetween(low=low, high=high)


def test_options_must_exist_and_be_finite() -> None:
    """An empty list of options and numbers without one value everywhere are refused."""
    with pytest.raises(ValueError, match="at least one"):
        OneOf(options=())
    with pytest.raises(ValueError, match="finite"):
        OneOf(options=(math.nan,))
    with pytest.raises(ValueError, match="finite"):
        Const(value=2**60)


DOMAINS = Each(options=("docs.example", "help.example"), most=3)


@pytest.mark.parametrize(
    "value",
    [
        (),
        ("evil.example",),
        ("docs.example", "evil.example"),
        ("docs.example",) * 4,
        (("docs.example",),),
        ("docs.example", None),
        "docs.example",
        None,
        freeze({"docs.example": 1}),
    ],
)
def test_a_list_beyond_the_options_is_refused(value: Frozen) -> None:
    """One item that is no option, too many, or none at all does not satisfy a list."""
    assert DOMAINS.problem_with(value) == (
        "must be a list of 1 to 3 items of 'docs.example', 'help.example'"
    )


def test_a_list_of_options_satisfies() -> None:
    """Any of the options, in any order and also twice, satisfy a list within its ends."""
    for value in (("docs.example",), ("help.example", "docs.example"), ("docs.example",) * 3):
        assert DOMAINS.problem_with(value) is None
    assert Each(options=("a",), least=0, most=1).problem_with(()) is None
    assert Each(options=(1,), most=1).problem_with((True,)) == "must be a list of 1 item of 1"


@pytest.mark.parametrize(
    "value",
    [
        (),
        ("docs.example", "evil.example"),
        ("docs.example",) * 9,
        ("evil.example", 7),
        "evil.example",
        None,
    ],
)
def test_one_option_in_a_list_is_enough_for_a_deny_rule(value: Frozen) -> None:
    """Neither other items, nor their number, nor an empty list lead out of a deny rule."""
    assert not DOMAINS.rules_out(value)
    assert DOMAINS.rules_out(("evil.example", "bad.example"))


@pytest.mark.parametrize(("least", "most"), [(2, 1), (-1, 1), (0, 0), (0, LARGEST_INTEGER + 1)])
def test_a_list_that_cannot_be_meant_is_refused(least: int, most: int) -> None:
    """Counts that are reversed, negative, nothing or too large are refused."""
    with pytest.raises(ValueError, match="a list cannot hold"):
        Each(options=("a",), least=least, most=most)
    with pytest.raises(ValueError, match="at least one option"):
        Each(options=(), most=1)


@settings(deadline=None)
@given(constraint=CONSTRAINTS, value=JSON_VALUES | ODD_VALUES)
def test_no_value_satisfies_and_fails_for_certain(constraint: Constraint, value: Frozen) -> None:
    """Every value is answered, and one that satisfies a constraint is never ruled out by it."""
    if constraint.problem_with(value) is None:
        assert not constraint.rules_out(value)


@settings(deadline=None)
@given(constraint=CONSTRAINTS, value=JSON_VALUES | ODD_VALUES)
def test_an_answer_is_what_is_demanded_and_nothing_else(
    constraint: Constraint, value: Frozen
) -> None:
    """What is said of a value does not depend on the value."""
    said = constraint.problem_with(value)
    parts = constraint.parts if isinstance(constraint, AllOf) else (constraint,)
    assert said is None or said in {part.demand for part in parts}


@given(text=st.text(st.characters(codec="utf-8"), min_size=6, max_size=12))
def test_no_representation_holds_what_is_known_of_a_call(text: str) -> None:
    """Claims and resolved paths stand in no representation and in no demand."""
    claim = EqualsClaim(holder=Holder.PERSON, claim="c", admitted=(f"canary{text}",))
    path = PathBelow(roots=("/srv",), paths={f"canary{text}": f"/canary{text}"})
    for constraint in (claim, path, Items(item=claim, most=1)):
        assert "canary" not in f"{constraint!r}{constraint.demand}{constraint.form()}"


@pytest.mark.parametrize(
    ("constraint", "value"),
    [
        (IntBetween(low=101, high=1000), "5000"),
        (IntBetween(low=101, high=1000), True),
        (IntBetween(low=101, high=1000), 5.0),
        (IntBetween(low=101, high=1000), None),
        (IntBetween(low=101, high=1000), 2**70),
        (OneOf(options=("root",)), 7),
        (OneOf(options=(1.5,)), math.nan),
        (Const(value="root"), ("root",)),
        (Const(value=1), True),
        (Match(pattern="root"), 7),
        (Match(pattern="root"), "\ud800"),
        (Anything(), 7),
    ],
)
def test_a_mistyped_value_is_never_ruled_out(constraint: Constraint, value: Frozen) -> None:
    """A value of another type does not lead out of a deny rule."""
    assert not constraint.rules_out(value)


@pytest.mark.parametrize(
    "constraint", [Const(value="café"), OneOf(options=("café",)), Match(pattern="café")]
)
def test_another_spelling_of_the_same_text_is_not_ruled_out(constraint: Constraint) -> None:
    """A decomposed spelling does not lead out of a deny rule, and satisfies no allow rule."""
    decomposed = "cafe\u0301"
    assert not constraint.rules_out(decomposed)
    assert constraint.problem_with(decomposed) is not None
    assert constraint.rules_out("tea")


@pytest.mark.parametrize("pattern", ["cafe\u0301", "[e\u0301]", "\u212b"])
def test_a_decomposed_pattern_is_refused(pattern: str) -> None:
    """A pattern that composed text would never meet is refused, with the remedy."""
    with pytest.raises(ValueError, match="Unicode form NFC"):
        Match(pattern=pattern)


@pytest.mark.parametrize("pattern", [r"cafe\x{301}", "caf[a-z]\u0301", r"cafe\pM", "café"])
@pytest.mark.parametrize("text", ["cafe\u0301", "café"])
def test_no_spelling_leads_out_of_a_deny_rule(pattern: str, text: str) -> None:
    """Composed or not, a text is not ruled out by a pattern that either spelling meets."""
    assert not Match(pattern=pattern).rules_out(text)


@settings(deadline=None)
@given(left=CONSTRAINTS, right=CONSTRAINTS, value=JSON_VALUES)
def test_disjoint_constraints_share_no_value(
    left: Constraint, right: Constraint, value: Frozen
) -> None:
    """No value satisfies two constraints that are called disjoint."""
    if are_disjoint(left, right):
        assert left.problem_with(value) is not None or right.problem_with(value) is not None


def test_disjointness_is_seen_where_it_can_be() -> None:
    """Ranges, options and kinds that exclude each other are disjoint; patterns are not compared."""
    small, large = IntBetween(low=1, high=100), IntBetween(low=101, high=1000)
    assert are_disjoint(small, large)
    assert not are_disjoint(small, IntBetween(low=100, high=200))
    assert are_disjoint(OneOf(options=("a", "b")), Const(value="c"))
    assert are_disjoint(Match(pattern="[a-z]"), small)
    assert are_disjoint(Match(pattern="[a-z]"), Const(value="7"))
    assert not are_disjoint(Match(pattern="a"), Match(pattern="b"))
    assert not are_disjoint(Anything(), small)
    assert are_disjoint(DOMAINS, Const(value="docs.example"))
    assert are_disjoint(DOMAINS, small)
    assert are_disjoint(DOMAINS, Each(options=("other.example",), most=1))
    assert are_disjoint(DOMAINS, Each(options=("docs.example",), least=4, most=5))
    assert not are_disjoint(DOMAINS, Each(options=("docs.example", "x"), most=1))
    assert not are_disjoint(
        Each(options=("a",), least=0, most=1), Each(options=("b",), least=0, most=1)
    )


def test_the_digest_form_keeps_types_apart() -> None:
    """1, 1.0 and true have different forms in the digest."""
    forms = {str(Const(value=value).form()) for value in (1, 1.0, True, "1")}
    assert len(forms) == 4


def test_a_long_list_of_options_is_not_shown_whole() -> None:
    """A demand names a few options and counts the others."""
    demand = OneOf(options=tuple(range(20))).demand
    assert demand.endswith("and 12 more")
