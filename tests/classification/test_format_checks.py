# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What looks like a token of a format is told from what only stands for one."""

import pytest

from agentguard.classification.engine import Confirm
from agentguard.classification.formats import validators


def confirmed(check: Confirm, text: str) -> bool:
    """Say whether a check confirms the whole of a text."""
    data = text.encode()
    return list(check(data, 0, len(data))) == [(0, len(data))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ghp_" + "x" * 36, False),
        ("key-" + "0" * 32, False),
        ("tok_q7Wv2Kx9", True),
        ("aab", True),
        ("rk_live_CCCCCCCCCCCCCCCC", True),
    ],
)
def test_a_filling_makes_a_sample(text: str, expected: bool) -> None:  # noqa: FBT001 - what the check says
    """A token that is filled up with one character only shows where a token goes."""
    assert confirmed(validators.not_a_sample, text) is expected


@pytest.mark.parametrize(
    ("token", "right"),
    [
        ("ghp_" + "x" * 30 + "000000", False),
        (validators.crc32_in_base62(b"ghp_" + b"x" * 36).decode(), True),
    ],
)
def test_a_right_checksum_says_that_it_is_no_sample(token: str, right: bool) -> None:  # noqa: FBT001 - what the checksum says
    """Even one repeated character is a token when the checksum over it is right."""
    assert confirmed(validators.github_token, token) is right


def test_checksums_are_those_that_the_providers_describe() -> None:
    """The checksum of a text whose CRC32 is known stands at the end of the token."""
    # CRC32 of "123456789" is 0xCBF43926, which is 3421780262: base 62 with six digits.
    number, digits = 0xCBF43926, ""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    while number:
        number, digit = divmod(number, 62)
        digits = alphabet[digit] + digits
    assert validators.crc32_in_base62(b"ghp_123456789000000") == b"ghp_123456789" + digits.encode()
    assert validators.crc32_in_hex(b"123456789_00000000").startswith(b"123456789_")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("acme_live_x7Kq2Vb9TzR4mWp8LdYc", True),
        ("acme_api_9f3c1b7e5a2d8c4f6b0e", True),
        ("acme_api_getUserByIdentifierWhatever2", False),
        ("acme_key_abcdefghijklmnopqrstuvw", False),
        ("acme_key_11111111111111111111111", False),
    ],
)
def test_chance_changes_between_letters_and_digits(text: str, expected: bool) -> None:  # noqa: FBT001 - what the check says
    """A random part is told from a name in camel case by how often it changes its kind."""
    assert confirmed(validators.random_tail, text) is expected


@pytest.mark.parametrize("written", ["password)", "{self.password}'", '{pw}"', "([^:>"])
def test_what_closes_the_text_around_a_template_makes_it_no_password(written: str) -> None:
    """Templates in programs stay templates before a quote, and a part of a pattern is none."""
    assert not confirmed(validators.not_templated, written)
    assert confirmed(validators.not_templated, f"k7Q{written[-1]}")


@pytest.mark.parametrize(
    "password",
    ["{password}", "<pw>", "$PW", "${PW}", "$(PW)", "%PW%", "***", "xxx", "YOUR_PASSWORD"],
)
def test_the_name_of_a_password_is_none(password: str) -> None:
    """Templates, variables and words for a password are not hidden, in addresses either."""
    assert not confirmed(validators.not_templated, password)
    assert not confirmed(validators.connection, f"mysql://app:{password}@db/main")
    assert confirmed(validators.connection, f"mysql://app:{password}7Kq@db/main")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("heroku_key=", True),
        ("HEROKU key: ", True),
        ('"heroku": {"token": "', True),
        ("heroku=", False),
        ("key=", False),
        ("heroku key is what it takes to get in: ", False),
    ],
)
def test_a_provider_and_a_word_say_what_follows(before: str, expected: bool) -> None:  # noqa: FBT001 - what the check says
    """A value is confirmed by a provider near and a word such as key right before it."""
    data = f"{before}q7Wv2Kx9Lm".encode()
    found = list(validators.behind(["Heroku"])(data, len(before), len(data)))
    assert bool(found) is expected
