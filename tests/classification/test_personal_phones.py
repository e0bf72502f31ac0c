# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Telephone numbers are told by numbering plans, layouts and words."""

import pytest

from agentguard.classification.personal import PersonalNumbers
from agentguard.vocabulary import Profile

DETECTORS = {profile: PersonalNumbers(profile) for profile in Profile}


def found(text: str, profile: Profile = Profile.BALANCED) -> list[str]:
    """The telephone numbers that are found."""
    spans = DETECTORS[profile].detect(text)
    return [text[one.start : one.end] for one in spans if one.data_class == "phone"]


@pytest.mark.parametrize(
    "number",
    [
        "+1 415 555 0132",
        "+14155550132",
        "+1 (415) 555-0132",
        "+44 20 7946 0958",
        "+447700900123",
        "+49 30 901820",
        "+41 (0)44 668 18 00",
        "+33 1 84 17 61 18",
        "+55 11 98456 5666",
        "+91 98765 43210",
        "+81 3-1234-5678",
        "0044 20 7946 0958",
    ],
)
@pytest.mark.parametrize(
    "frame", ["{}", "reach me: {}.", "({})", '"{}"', "tel:{}", "a,{},b", "\n{}\n"]
)
def test_international_numbers_are_found_in_every_profile(number: str, frame: str) -> None:
    """A number with its country's code is found without any word, in every profile."""
    text = frame.format(number)
    for profile in Profile:
        assert found(text, profile) == [number]


@pytest.mark.parametrize(
    "number",
    [
        "(415) 555-0132",
        "(415)555-0132",
        "415-555-0132",
        "415.555.0132",
        "1-415-555-0132",
        "415-555-0132x4587",
        "415-555-0132 ext. 12",
        "020 7946 0958",
        "01.84.17.61.18",
        "030 901820",
        "(030) 901820",
        "612 345 678",
        "(11) 98456-5666",
        "07700900123",
        "090-1234-5678",
    ],
)
def test_national_layouts_are_found_without_a_word(number: str) -> None:
    """A number laid out as its country writes it is found, with its extension."""
    assert found(f"it was {number}, I think") == [number]


@pytest.mark.parametrize(
    "number", ["450 0840", "9493 7477", "5551234567", "96 237271", "(35) 609-270"]
)
@pytest.mark.parametrize(
    "frame",
    [
        "Phone: {}",
        "phoneNumber='{}'",
        "mobile {} ok",
        "Tel. {}",
        "{} fax",
        "Téléphone : {}",
        "Handy {}",
    ],
)
def test_other_numbers_take_a_word(number: str, frame: str) -> None:
    """Digits that any number could have are found beside a word, and not without one."""
    assert found(frame.format(number)) == [number]
    assert found(f"order {number} of it") == []


@pytest.mark.parametrize(
    "text",
    [
        "1700000000",
        "1700000000123",
        "20240102030405",
        "phone released 2024-01-02",
        "call at 12/31/2024",
        "Fri Jul 29 15:56:01 2022 -0400",
        "call took 1234567 ns",
        "request 1234567890 served",
        "0.1234567890",
        "1,234,567,890.00",
        "e3b0c44298fc1c149afbf4c8996fb924",
        "550e8400-e29b-41d4-a716-446655440000",
        "sha 1234567 of main",
        "+1234567",
        "a+14155550132",
        "x = 12345678 + 23456789",
        "/item/0123456789/view",
        "ISBN 978-3-16-148410-0",
        "EAN 4006381333931",
        "Springfield, ZZ 02110-1301 USA",
        'DIGITS = "0123456789"',
        "callback.h Copyright: 2010-2015, A. Person",
        "XX\t-0803-03454\tSomewhere",
    ],
)
def test_other_runs_of_digits_are_no_numbers_to_dial(text: str) -> None:
    """Times, dates, amounts, hashes, ids and sums are no telephone numbers."""
    assert found(text) == []


@pytest.mark.parametrize("text", ["+999 123 4567", "+1 15 5550", "+44 123"])
def test_a_number_must_fit_the_plan_of_its_country(text: str) -> None:
    """An unknown country, or too few digits, make no international number."""
    assert found(text) == []
