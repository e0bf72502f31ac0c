# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is secret inside a known value is known by itself, and nothing else of it is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification import build_classifier
from agentguard.classification.composed import with_parts
from agentguard.vocabulary import KnownValue

LINES = ("MIIEabcdEFGH0123456789abcdefghijklmnopqrstuvwxyzAB", "CDEF0123456789+/" * 3 + "ab")
KEY = "-----BEGIN " + "PRIVATE KEY-----\n" + "\n".join(LINES) + "\n-----END PRIVATE KEY-----\n"
ACCOUNT = json.dumps({"type": "service_account", "private_key": KEY, "client_email": "a@b.example"})


def parts(value: str) -> list[str]:
    """What is known besides the value."""
    first, *rest = with_parts(KnownValue(value=value, data_class="credential"))
    assert first.value == value
    assert {each.data_class for each in rest} <= {"credential"}
    return [each.value for each in rest]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("postgres://app:hunter2-long@db.example/x", ["hunter2-long"]),
        ("amqps://app:p%40ss-W0rd@mq", ["p%40ss-W0rd", "p@ss-W0rd"]),
        ("Server=db;User Id=sa;Password=hunter2-long;Encrypt=yes", ["hunter2-long"]),
        ("AccountName=x;AccountKey=a1B2c3D4e5==;EndpointSuffix=y", ["a1B2c3D4e5=="]),
        ("https://h.example/b?se=2030&sig=a1B2%2Fc3D4e5", ["a1B2%2Fc3D4e5", "a1B2/c3D4e5"]),
        ('export API_TOKEN="a1B2c3D4e5"\nHOME=/root', ["a1B2c3D4e5"]),
        ('API_TOKEN="a1B2c3D4e5"\nHOME=/root/of/all', ["a1B2c3D4e5"]),
        (KEY.strip(), ["".join(LINES), *LINES]),
        (ACCOUNT, [KEY, "".join(LINES), *LINES]),
        ('{"nested": [{"api_key": "a1B2c3D4e5"}], "name": "not-a-secret-1"}', ["a1B2c3D4e5"]),
    ],
)
def test_each_secret_inside_is_known(value: str, expected: list[str]) -> None:
    """Passwords of URLs and connection strings, keys of accounts, assignments, bodies of keys."""
    assert parts(value) == expected


@pytest.mark.parametrize(
    "value",
    [
        "postgres://postgres:postgres@db/x",
        "https://user@example.com/",
        "Password=short",
        "just-a-token-1234",
        '{"broken": ',
        "[" * 100_000,
        '{"password": "changeme"}',
        "{" * 10 + "x" * 100,
    ],
)
def test_words_and_what_is_short_are_not_known_by_themselves(value: str) -> None:
    """A password that is a word, or short, would be hidden in texts that do not mean it."""
    assert parts(value) == []


@settings(deadline=None)
@given(st.text(st.sampled_from("ab1:/@=;{}[]\"'\n -"), max_size=60))
def test_any_value_stays_known(value: str) -> None:
    """Whatever a value looks like, it stays known, and no part is short."""
    assert all(len(part) >= 8 for part in parts(value))


def test_parts_of_known_values_are_found() -> None:
    """The password of a URL in an environment variable is found without the URL."""
    known = KnownValue(value="postgres://app:hunter2-long@db.example/x", data_class="credential")
    (found,) = build_classifier(known=[known]).findings("they typed hunter2-long twice")
    assert (found.start, found.end) == (11, 23)
