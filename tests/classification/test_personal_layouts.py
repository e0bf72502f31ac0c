# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Numbers with a check are found by it, and numbers without one by the words near them."""

import functools
import random
import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.personal import PersonalNumbers
from agentguard.classification.personal.context import Topic, topics_before
from agentguard.classification.personal.layout import Layout, anything, outline, variants
from agentguard.classification.personal.numbers import LAYOUTS
from agentguard.vocabulary import Profile

DETECTORS = {profile: PersonalNumbers(profile) for profile in Profile}
NEAR = {
    Topic.ACCOUNT: "account number",
    Topic.BIRTH: "date of birth",
    Topic.CARD: "credit card",
    Topic.HEALTH: "patient",
    Topic.IDENTITY: "national id",
    Topic.LICENCE: "driving licence",
    Topic.PASSPORT: "passport",
    Topic.ROUTING: "routing number",
    Topic.TAX: "tax id",
}
# What a random number of these shapes hardly ever has.
BEGINNINGS = {
    "99999999999999999X": "11010519491231",
    "AAAA999999AAAAAAX9": "PEGJ850101HDFRRN0",
    "999.9999.9999.99": "756.",
    "9999999999999": "756",
    "999 9999 9999 99": "756 ",
    "AAA99999999": "ATU",
    "AA9999999999999": "LT1",
    "AAXX999999999": "FR",
    "AA999999999999": "SE",
    "AAA99999999A": "ESX",
    "AAA9999999A": "ESB",
    "AA99999999999": "HR",
    "AA9999999A": "IE",
    "AA999999999A99": "NL",
    "AAA-999.999.999": "CHE-",
    "AAA999999999": "CHE",
}
CHECKED = [(row, shape) for row in LAYOUTS if row.valid is not anything for shape in row.shapes]
each_checked = pytest.mark.parametrize(
    ("row", "shape"), CHECKED, ids=[f"{row.name} {shape}" for row, shape in CHECKED]
)
# Of these the last character is no check, or the check is a date.
LOOSE = {"ar_dni", "dk_cpr_number", "my_identity_card", "us_social_security_number", "us_itin"}
LOOSE |= {"us_atin", "in_pan", "us_mbi", "gb_national_insurance_number", "gb_driver_number"}
LOOSE |= {"au_medicare", "pk_cnic", "eu_vat_number", "cz_sk_rodne_cislo"}
LOOSE |= {"id_npwp", "vn_tax_code", "ke_pin"}
LOOSE |= {
    "mx_rfc",
    "date_of_birth",
    "id_nik",
    "pe_dni",
    "de_tax_number",
    "be_national_register_number",
}


def filled(shape: str, chance: random.Random) -> str:
    """A number of a shape."""
    choices = {
        "9": string.digits,
        "A": string.ascii_uppercase,
        "X": string.digits + string.ascii_uppercase,
    }
    beginning = BEGINNINGS.get(shape, "") if chance.random() < 0.8 else ""
    rest = "".join(chance.choice(choices.get(each, each)) for each in shape[len(beginning) :])
    return beginning + rest


@functools.cache
def example(row: Layout, shape: str) -> str | None:
    """A number of a shape with a right check, if some chance finds one."""
    chance = random.Random(row.name + shape)  # noqa: S311 - the same examples in every run
    numbers = (filled(shape, chance) for _ in range(30_000))
    return next((number for number in numbers if row.valid(number)), None)


def covered(profile: Profile, text: str) -> list[str]:
    """The texts that a profile finds."""
    return [text[one.start : one.end] for one in DETECTORS[profile].detect(text)]


@each_checked
def test_a_number_with_a_right_check_is_found_near_its_word(row: Layout, shape: str) -> None:
    """A number whose check is right is found behind a word of its topic, in every profile."""
    number = example(row, shape)
    assert number is not None or row.name == "eu_vat_number", "no number of this shape is right"
    for topic in sorted(row.topics):
        text = f"{NEAR[topic]}: {number}, and so on"
        for profile in Profile:
            if number is not None and profile.includes(row.near):
                assert number in covered(profile, text)


@each_checked
def test_a_number_stands_alone_only_where_its_layout_says_so(row: Layout, shape: str) -> None:
    """Without a word near it a number is found in the profiles that take its layout alone."""
    number = example(row, shape)
    if number is not None and row.alone is not None:
        for profile in Profile:
            if profile.includes(row.alone):
                assert number in covered(profile, f"({number})")


@each_checked
def test_most_numbers_have_a_wrong_check(row: Layout, shape: str) -> None:
    """Of numbers of a shape that differ in the last character few are right."""
    number = example(row, shape)
    if number is None or row.name in LOOSE:
        return
    ending = string.ascii_uppercase if number[-1].isalpha() else string.digits
    right = sum(row.valid(number[:-1] + last) for last in ending)
    assert 1 <= right <= (3 if ending == string.digits else 4)


@given(st.sampled_from(CHECKED), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=400)
def test_a_check_answers_for_any_number(checked: tuple[Layout, str], chance: random.Random) -> None:
    """A check says yes or no of every number of its outline, and never fails."""
    row, shape = checked
    written = chance.choice(variants(shape))
    number = filled(written, chance)
    assert row.valid(number if chance.random() < 0.5 else number.lower()) in {True, False}


def test_rows_say_where_they_come_from() -> None:
    """Every row names the page that it was written from, and shapes that are no longer than read."""
    for row in LAYOUTS:
        assert row.documentation.startswith("https://")
        assert row.shapes
        for shape in row.shapes:
            assert len(shape) <= 40
            assert all(outline(each.encode()) == each.encode() for each in variants(shape))


@pytest.mark.parametrize("topic", NEAR)
def test_the_words_of_these_tests_speak_of_their_topic(topic: Topic) -> None:
    """The words that stand near the numbers of these tests are known."""
    word = NEAR[topic].encode()
    assert topic in topics_before(word, len(word))
