# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A value of the same shape stands for a value, and for no other."""

import string

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentguard.classification.personal.cards import luhn
from agentguard.redaction.surrogates import SEPARATORS, Surrogates, has_many_values

KEY = b"k" * 32
SHAPED = st.text(string.ascii_letters + string.digits + "".join(sorted(SEPARATORS)), max_size=40)


def surrogate(value: str, data_class: str = "own", made: Surrogates | None = None) -> str:
    """The surrogate of a value that must have one."""
    drawn = (made or Surrogates(KEY)).of(data_class, value, lambda _: False)
    assert drawn is not None
    return drawn


def shape(text: str) -> str:
    """What a surrogate keeps of a text."""
    return "".join(
        "0" if each.isdecimal() else "A" if each.isupper() else "a" if each.isalpha() else each
        for each in text
    )


@settings(deadline=None)
@given(SHAPED)
def test_a_surrogate_has_the_shape_of_its_value_and_is_another(value: str) -> None:
    """Digits stay digits, letters letters of the same case, and separators themselves."""
    assume(has_many_values(value))
    drawn = surrogate(value)
    assert shape(drawn) == shape(value)
    assert drawn != value


@settings(deadline=None)
@given(st.sets(SHAPED.filter(has_many_values), max_size=8))
def test_values_of_a_session_have_surrogates_of_their_own(values: set[str]) -> None:
    """The same value has the same surrogate, two values have two, and none is a value."""
    made = Surrogates(KEY)
    drawn = {value: surrogate(value, made=made) for value in sorted(values)}
    assert len(set(drawn.values())) == len(drawn)
    assert values.isdisjoint(drawn.values())
    assert all(surrogate(value, made=made) == drawn[value] for value in values)


def test_another_session_draws_other_surrogates() -> None:
    """What stands for a value in one session says nothing about another."""
    value = "ACME-2024-0001-7788"
    assert surrogate(value) == surrogate(value)
    assert surrogate(value) != surrogate(value, made=Surrogates(b"o" * 32))
    assert surrogate(value) != surrogate(value, "other")


def test_what_is_known_to_be_real_is_drawn_again() -> None:
    """A surrogate that holds a known value is not used, and without another there is none."""
    value = "ACME-2024-0001-7788"
    first = surrogate(value)
    second = Surrogates(KEY).of("own", value, lambda drawn: drawn == first)
    assert second is not None
    assert second != first
    assert Surrogates(KEY).of("own", value, lambda _: True) is None


def test_a_value_that_came_before_is_nobody_elses_surrogate() -> None:
    """What was drawn for one value is drawn again where it was a value itself."""
    made = Surrogates(KEY)
    value = "ACME-2024-0001-7788"
    real = surrogate(value)
    surrogate(real, made=made)
    assert surrogate(value, made=made) != real


@pytest.mark.parametrize(
    "card", ["4111111111111111", "3782 822463 10005", "5555-5555-5555-4444", "6304000000000000"]
)
def test_a_card_keeps_a_right_check_digit(card: str) -> None:
    """A surrogate of a card passes where a card number is checked."""
    drawn = surrogate(card, "payment_card")
    assert shape(drawn) == shape(card)
    assert luhn("".join(filter(str.isdigit, drawn)).encode())


@pytest.mark.parametrize("account", ["DE89370400440532013000", "GB82 WEST 1234 5698 7654 32"])
def test_an_account_keeps_its_country_and_right_check_digits(account: str) -> None:
    """A surrogate of an IBAN leaves the remainder 1 (ISO 7064)."""
    drawn = surrogate(account, "bank_account")
    compact = drawn.replace(" ", "")
    moved = compact[4:] + compact[:4]
    assert int("".join(str(int(each, 36)) for each in moved)) % 97 == 1
    assert (drawn[:2], shape(drawn)) == (account[:2], shape(account))
    assert compact[4:] != account.replace(" ", "")[4:]


def test_an_address_keeps_the_last_part_of_its_domain() -> None:
    """A surrogate of an e-mail address is one of the same country or kind."""
    drawn = surrogate("jane.doe@customers.co.uk", "email")
    assert drawn.endswith(".uk")
    assert shape(drawn) == shape("jane.doe@customers.co.uk")


@pytest.mark.parametrize(
    "value", ["", "1234567", "ab12", "a@b.co", "secret word\n1234567890", "…" * 30, "x" * 600]
)
def test_a_value_among_too_few_has_no_surrogate(value: str) -> None:
    """Short values, other characters and very long texts are left to a placeholder."""
    assert Surrogates(KEY).of("own", value, lambda _: False) is None


def test_surrogates_are_found_in_and_about_what_was_found() -> None:
    """A finding that covers a part of a surrogate, or more than it, gives the whole of it."""
    made = Surrogates(KEY)
    drawn = surrogate("ACME-2024-0001-7788", made=made)
    text = f"see {drawn} and {drawn}."
    begin = text.index(drawn)
    end = begin + len(drawn)
    for start, stop in ((begin, end), (begin + 3, end - 3), (0, end + 2), (begin - 2, begin + 1)):
        assert made.within(text, [(start, stop, "own")]) == [(begin, end, "")]
    assert len(made.within(text, [(0, len(text), "own")])) == 2
    assert made.within(text, [(0, 3, "own")]) == []
    assert Surrogates(KEY).within(text, [(0, len(text), "own")]) == []
    assert repr(made) == "Surrogates(1 values)"
