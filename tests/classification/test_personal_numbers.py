# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is found in texts that hold many numbers, and in those that hold nothing personal."""

import base64
import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.personal import PERSONAL_FORMATS, PersonalNumbers
from agentguard.classification.personal.context import windows
from agentguard.classification.personal.outlines import LONGEST
from agentguard.matching import Engine
from agentguard.vocabulary import Profile

DETECTORS = {profile: PersonalNumbers(profile) for profile in Profile}
BALANCED = DETECTORS[Profile.BALANCED]
NUMBERS = (
    "123-45-6789",
    "+44 20 7946 0958",
    "DE89 3704 0044 0532 0130 00",
    "529.982.247-25",
    "12345678Z",
    "131052-308T",
    "192.168.20.7",
    "SSN 987654321",
    "passport LP5048339",
    "756.9217.0769.85",
)
pieces = st.lists(st.one_of(st.sampled_from(NUMBERS), st.text("aé1 .-:,+()/[]=\n", max_size=6)))


def found(text: str, profile: Profile = Profile.BALANCED) -> list[tuple[str, str]]:
    """What is found: the class, and what it covers."""
    spans = DETECTORS[profile].detect(text)
    return sorted((one.data_class, text[one.start : one.end]) for one in spans)


def test_several_numbers_in_a_sentence_are_told_apart() -> None:
    """Each number of a sentence is what the nearest word says."""
    text = "SSN 123-45-6789, phone 555-222-3333, routing number 061000104, passport QX2019843."
    assert found(text) == [
        ("bank_account", "061000104"),
        ("national_id", "123-45-6789"),
        ("passport", "QX2019843"),
        ("phone", "555-222-3333"),
    ]


@pytest.mark.parametrize("number", NUMBERS[:7])
@pytest.mark.parametrize(
    "frame",
    ["{}", "({})", "'{}'", "[{}]", "x={};", "a,{},b", "é {} ü", "{}\n", "\\n{}", "id:{}", "{}!"],
)
def test_a_number_is_found_whatever_stands_next_to_it(number: str, frame: str) -> None:
    """Brackets, quotes, commas, escapes and letters of other scripts hide no number."""
    assert number in [covered for _, covered in found(frame.format(number))]


@pytest.mark.parametrize(
    "text",
    [
        "a123-45-6789",
        "123-45-67890",
        "9123-45-6789",
        "123-45-6789.5",
        "1.123-45-6789",
        "f47ac10b-58cc-4372-a567-0e02b2c3d479",
        "12345678Zebra",
        "order 123456789 of 2024-01-02",
        "id 1700000000, ts 1700000000123",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "h1:Kl/5vZJaBu9pUzE9wvKegU/lF2zs= v0.0.0-20190101123456-abcdef123456",
        "3.14159265358979 2.71828182845904",
        "0x1F4A9 0b10110 1e-10 1_000_000",
        "width=1920 height=1080 dpi=300 px",
        "12:34:56.789 [INFO] took 1234567 us, 98765432 bytes",
        "[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]",
        "0.12 0.34 0.56 0.78 0.90",
        "ISO/IEC 27001:2013, RFC 5321, 99-22-123456-12",
        "SKU 4006381333931 lot 20240131-17",
        "integrity sha512-1234567890abcdef==",
        "in main.cf daemon_timeout (18000s), or identity 250000ms",
    ],
)
def test_other_numbers_are_not_found(text: str) -> None:
    """Identifiers, versions, times, amounts and hashes are nobody's numbers."""
    assert found(text) == []


@pytest.mark.parametrize(
    "number",
    [1700000000, 1700000000123, 123456789, 4006381333931, 20240102, 9007199254740991, 5551234567],
)
def test_a_number_of_json_is_no_personal_number(number: int) -> None:
    """Times and ids, which stand in JSON without any word, are not found."""
    assert found(str(number)) == []
    assert found(json.dumps({"id": number, "created": number})) == []


@pytest.mark.parametrize(
    "label", ["PASSPORT", "PHONE", "BANK_ACCOUNT", "NATIONAL_ID", "MEDICAL_ID"]
)
@pytest.mark.parametrize("token", ["A2345672", "23456723", "7KQ23456", "2345672A"])
def test_placeholders_are_no_numbers(label: str, token: str) -> None:
    """A placeholder behind a word, or behind its own name, is left alone in every profile."""
    for profile in Profile:
        assert found(f"phone, account, passport no [[{label}:{token}]] here", profile) == []


@given(pieces)
@settings(deadline=None)
def test_each_profile_covers_what_the_quieter_one_covers(parts: list[str]) -> None:
    """What a profile finds the next one covers, and every finding lies inside the text."""
    text = "".join(parts)
    before: set[int] = set()
    for profile in Profile:
        spans = DETECTORS[profile].detect(text)
        assert all(0 <= one.start < one.end <= len(text) for one in spans)
        covered = {place for one in spans for place in range(one.start, one.end)}
        assert before <= covered
        before = covered


@given(st.text(max_size=200))
@settings(deadline=None)
def test_any_text_gets_an_answer(text: str) -> None:
    """No text makes the detector fail."""
    for detector in DETECTORS.values():
        detector.detect(text.encode("utf-8", "ignore").decode("utf-8"))


@given(pieces)
@settings(deadline=None)
def test_the_portable_engine_matches_the_same(parts: list[str]) -> None:
    """The patterns match the same places with every engine."""
    data = "".join(parts).encode()
    for pattern in (BALANCED._near, BALANCED._alone):
        portable = pattern.on(Engine.PORTABLE)
        for place in range(0, len(data), 5):
            assert pattern.find(data, place, len(data)) == portable.find(data, place, len(data))


def test_threads_find_the_same() -> None:
    """One detector that many threads ask at once answers each as if it were alone."""
    texts = [f"{number} {index}" for index, number in enumerate(NUMBERS * 20)]
    alone = [PersonalNumbers().detect(text) for text in texts]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(PersonalNumbers().detect, texts))
    assert together == alone


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(random.Random(4).randbytes(200_000)).decode(),  # noqa: S311 - the same in every run
        "phone " * 40_000,
        "1" * 250_000,
        "1 " * 60_000,
        "ab:" * 80_000,
        "a1b2-" * 50_000,
        "(" * 250_000,
        "+1" * 100_000,
        "1.1.1.1." * 30_000,
        "AA99 " * 40_000,
    ],
    ids=lambda text: text[:6],
)
def test_no_text_takes_more_looks_than_it_has_characters(text: str) -> None:
    """The windows that are read overlap by little, whatever the text."""
    data = text.encode()
    read = sum(last - first for first, last in windows(data, LONGEST))
    assert read <= len(data)
    assert len(BALANCED.detect(text)) <= len(text)


def test_formats_name_their_pages() -> None:
    """Every row of data says which page it was written from."""
    assert all(row.documentation.startswith("https://") for row in PERSONAL_FORMATS)


@pytest.mark.parametrize(
    "text",
    [
        "delete_account for ORD-00012345",
        '{"account": "ORD-00012345"}',
        "INV-20031122 holds the tax",
        "the policy of ticket OPS-48213",
    ],
)
def test_the_number_of_a_record_is_no_paper(text: str) -> None:
    """What orders, invoices and tickets are called by is nobody's account, tax or policy number."""
    assert list(PersonalNumbers().detect(text)) == []
