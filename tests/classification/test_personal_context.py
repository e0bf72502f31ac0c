# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What the words around a number speak of is read out of prose and out of names."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.personal.context import (
    BEFORE,
    BEHIND,
    Topic,
    speaks_of_personal_data,
    topics_before,
    topics_behind,
    windows,
)


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("Phone: ", Topic.PHONE),
        ("my phone number is ", Topic.PHONE),
        ("phoneNumber=", Topic.PHONE),
        ("Téléphone : ", Topic.PHONE),
        ("NÚMERO DE TELÉFONO ", Topic.PHONE),
        ("电话 ", Topic.PHONE),
        ("Social Security Number ", Topic.IDENTITY),
        ("social_security_number=", Topic.IDENTITY),
        ("userSSN: ", Topic.IDENTITY),
        ("我的身份证号码是", Topic.IDENTITY),
        ("codice fiscale ", Topic.IDENTITY),
        ("Führerscheinnummer ", Topic.LICENCE),
        ("driver's license no. ", Topic.LICENCE),
        ("driver\u2019s licence ", Topic.LICENCE),
        ("date-of-birth ", Topic.BIRTH),
        ("née le ", Topic.BIRTH),
        ("Reisepass Nr. ", Topic.PASSPORT),
        ("Steuer-ID: ", Topic.TAX),
        ("taxId ", Topic.TAX),
        ("NHS no ", Topic.HEALTH),
        ("sort code ", Topic.ROUTING),
        ("Kontonummer ", Topic.ACCOUNT),
        ("BTC wallet ", Topic.WALLET),
    ],
)
def test_words_and_names_speak_of_their_topic(text: str, topic: Topic) -> None:
    """A word or a name says what stands behind it, whatever its case, joints and accents."""
    data = text.encode()
    assert topic in topics_before(data, len(data))
    assert list(windows(data, 0))
    assert speaks_of_personal_data(text)


@pytest.mark.parametrize("text", ["className ", "telephoto ", "shipping ", "a7ssn9f ", "import "])
def test_parts_of_other_words_speak_of_nothing(text: str) -> None:
    """A word inside another word, or inside a hash, says nothing."""
    data = text.encode()
    assert topics_before(data, len(data)) == {}


def test_only_words_nearby_count() -> None:
    """A word says nothing of what is too far away from it."""
    data = b"phone " + b"x" * BEFORE + b" 1"
    assert topics_before(data, len(data) - 1) == {}
    assert topics_behind(b"1 " + b"x" * BEHIND + b" fax", 1) == {}


def test_the_nearest_word_is_known() -> None:
    """How many words away each word stands is known, so that the nearest can decide."""
    data = b"SSN and routing number "
    found = topics_before(data, len(data))
    assert found[Topic.ROUTING] < found[Topic.IDENTITY]


@given(st.text(max_size=200), st.sampled_from(["ssn", "Phone", "passport no", "IBAN"]))
@settings(deadline=None)
def test_every_word_that_counts_lies_in_a_window(noise: str, word: str) -> None:
    """Where the words before a place speak of something, the place lies in a window."""
    data = f"{noise} {word} {noise}".encode("utf-8", "ignore")
    seen = list(windows(data, 8))
    assert all(first <= last for first, last in seen)
    for place in range(0, len(data), 7):
        if topics_before(data, place):
            assert any(first <= place <= last for first, last in seen)


def test_the_longer_phrase_says_what_is_meant() -> None:
    """Of phrases that end together the longest counts, so a tax number is no identity number."""
    data = b"Tax Identification Number "
    assert set(topics_before(data, len(data))) == {Topic.TAX}
