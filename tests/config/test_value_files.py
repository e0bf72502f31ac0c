# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Lists and dotenv files give their values, or are told to hold none."""

import pytest

from agentguard.config.value_files import dotenv_secrets, listed_values


@pytest.mark.parametrize(
    ("name", "column", "text"),
    [
        ("a.txt", None, "first value\n\n  second value  \n"),
        ("a.csv", "number", 'name,number\nx,first value\n"y, z","second value"\n'),
        ("a.CSV", "number", "number\r\nfirst value\r\n\r\nsecond value\r\n"),
        ("a.tsv", "number", "name\tnumber\nx\tfirst value\ny\tsecond value\n"),
        ("a.json", None, '["first value", "second value"]'),
        ("a.json", "number", '[{"number": "first value"}, {"number": " second value"}]'),
    ],
)
def test_a_list_gives_its_values(name: str, column: str | None, text: str) -> None:
    """Lines, columns and arrays hold the same values."""
    found = listed_values(name, text, column)
    assert found.problem is None
    assert [value for _, value in found.values if value] == ["first value", "second value"]


def test_numbers_of_an_array_are_values() -> None:
    """A number is the text that it is written as."""
    assert [value for _, value in listed_values("a.json", "[10001, 7]", None).values] == [
        "10001",
        "7",
    ]


@pytest.mark.parametrize(
    ("name", "column", "text", "problem"),
    [
        ("a.csv", None, "canary", "needs 'values_column'"),
        ("a.csv", "no", "canary\nx", "has no such column"),
        ("a.csv", "no", "", "has no such column"),
        ("a.csv", "canary", f'canary\n"{"x" * 200_000}"', "is not CSV"),
        ("a.csv", "id", 'id,name\n1001,"canary\n1002,other\n', "is not CSV"),
        ("a.csv", "id", "name,id\nDoe, canary,A-1001\n", "fewer or more fields in line 2"),
        ("a.csv", "id", "name,id\ncanary\n", "fewer or more fields in line 2"),
        ("a.csv", "id", "id,id\n1001,canary\n", "or two"),
        ("a.json", None, '{"canary": 1}', "is not a JSON array"),
        ("a.json", None, '["canary"', "is not a JSON array"),
        ("a.json", None, '["long enough", ["canary"]]', "holds no text or number at item 1"),
        ("a.json", None, "[true]", "holds no text or number at item 0"),
        ("a.json", "x", '[{"y": "canary"}]', "holds no text or number in that member at item 0"),
        ("a.txt", "x", "canary", "has no columns"),
    ],
)
def test_a_list_that_cannot_be_read_is_told_without_its_values(
    name: str, column: str | None, text: str, problem: str
) -> None:
    """What is wrong with a list names no value of it."""
    # A comma or a quote too many put another value in the place of the one that was meant.
    found = listed_values(name, text, column)
    assert found.values == ()
    assert found.problem is not None
    assert problem in found.problem
    assert "canary" not in found.problem


DOTENV = """\
# a comment with SECRET=not-this-one-1234
DEBUG=true
PORT=8080
NODE_ENV=production
API_KEY=abc-def-ghi   # trailing
export DB_PASSWORD='p w # 1 long'
DATABASE_URL="postgres://app:s3cr3t-pass@db.internal:5432/app"
HOMEPAGE=https://example.com/index.html
REGION=eu-central-1
LOG_DIR=/var/log/app
STRIPE=rk_live_0123456789abcdef
SHORT_TOKEN=abc
PRIVATE_KEY="-----BEGIN PRIVATE KEY-----\\nMIIB\\n-----END PRIVATE KEY-----"
MULTI_SECRET="first line
second line"
EMPTY=
"""


def test_a_dotenv_file_gives_what_could_be_a_secret() -> None:
    """Settings are left out; quotes, comments, escapes and passwords in addresses are read."""
    assert dotenv_secrets(DOTENV) == (
        "abc-def-ghi",
        "p w # 1 long",
        "postgres://app:s3cr3t-pass@db.internal:5432/app",
        "rk_live_0123456789abcdef",
        "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----",
        "first line\nsecond line",
    )
