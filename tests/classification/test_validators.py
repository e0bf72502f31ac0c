# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Matches are confirmed by what their format demands."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification import Classifier
from agentguard.classification.personal.cards import luhn

# Test numbers that the schemes publish.
CARDS = (
    "4111111111111111",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "30569309025904",
    "3530111333300000",
    "6200000000000005",
)


def found(engine: Classifier, text: str) -> list[tuple[str, str]]:
    """The classes found and the texts that they cover."""
    return [(one.data_class, text[one.start : one.end]) for one in engine.findings(text)]


@given(st.text("0123456789", min_size=1, max_size=24))
@settings(deadline=None)
def test_exactly_one_check_digit_is_right(digits: str) -> None:
    """Of the ten digits that may stand last, one satisfies the check."""
    assert sum(luhn(f"{digits}{last}".encode()) for last in range(10)) == 1


@pytest.mark.parametrize("card", CARDS)
@pytest.mark.parametrize(
    "frame", ["{}", "card {}, thanks", "pan={};", "({})", "{} 12/27", "{} 123"]
)
def test_cards_of_every_scheme_are_found(engine: Classifier, card: str, frame: str) -> None:
    """A card number is found alone, in a sentence, and before an expiry date or a code."""
    assert found(engine, frame.format(card)) == [("payment_card", card)]


@pytest.mark.parametrize(
    "written", ["4111 1111 1111 1111", "4111-1111-1111-1111", "3782 822463 10005"]
)
def test_cards_are_found_in_groups(engine: Classifier, written: str) -> None:
    """Spaces and hyphens between the groups belong to the number."""
    assert found(engine, f"my card is {written} ok") == [("payment_card", written)]


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",  # check digit
        "1111111111111117",  # no scheme
        "41111111111111111111111",  # too long
        "a4111111111111111",  # part of a word
        "4111111111111111b",
        "0.4111111111111111",  # a fraction
        "411111111116",  # a length that the scheme does not have
    ],
)
def test_other_numbers_are_no_cards(engine: Classifier, text: str) -> None:
    """A number with a wrong check digit, prefix, length or surrounding is no card."""
    assert found(engine, text) == []


def test_two_cards_in_one_run_of_digits_are_both_found(engine: Classifier) -> None:
    """Only a blank between two cards does not hide either."""
    text = "4111111111111111 5555555555554444"
    assert [covered for _, covered in found(engine, text)] == text.split()


@pytest.mark.parametrize(
    "address",
    [
        "bob@example.com",
        "bob.o'hara+x@mail.example.co.uk",
        "b_o-b@163.com",
        "jürgen@münchen.example",
        "иван@пример.рф",
    ],
)
@pytest.mark.parametrize("frame", ["{}", "write to {}.", "<{}>", "to:{},", "mailto:{}?x=1"])
def test_addresses_are_found_whole(engine: Classifier, address: str, frame: str) -> None:
    """An e-mail address is found with nothing of the sentence around it."""
    assert found(engine, frame.format(address)) == [("email", address)]


def test_an_address_between_words_without_blanks_is_found_alone(engine: Classifier) -> None:
    """In a script without blanks the words around an address are no part of it."""
    assert found(engine, "请联系bob@example.com获取帮助") == [("email", "bob@example.com")]


@pytest.mark.parametrize(
    "text", ["icon@2x.png", "react@18.2.0", "git@github.com:org/repo.git", "@user", "a@b"]
)
def test_what_only_has_an_at_sign_is_no_address(engine: Classifier, text: str) -> None:
    """File names, versions, repositories and handles are no e-mail addresses."""
    assert found(engine, text) == []


def segment(content: dict[str, str]) -> str:
    """One part of a JSON Web Token."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize("size", [1, 400, 3000])
def test_json_web_tokens_are_found_with_their_signature(engine: Classifier, size: int) -> None:
    """A JSON Web Token is hidden to its last character, however long it is."""
    token = f"{segment({'alg': 'HS256'})}.{segment({'sub': 'x' * size})}.{'s' * 43}"
    assert found(engine, f"Cookie: jwt={token}; path=/") == [("jwt", token)]


def test_what_only_begins_like_a_token_is_none(engine: Classifier) -> None:
    """Three parts whose first is no JSON object are no JSON Web Token."""
    assert found(engine, "eyJ" + "a" * 20 + ".bbbbbbbbbbbb.cccccccccc") == []


@pytest.mark.parametrize("password", ["hunter2", "p:w", "p@ss"])
def test_the_password_of_a_url_is_found(engine: Classifier, password: str) -> None:
    """The password of a URL is found, and the rest of the URL stays."""
    text = f"see https://app:{password}@wiki/main for it"
    assert found(engine, text) == [("credential", password)]


@pytest.mark.parametrize("password", ["hunter2", "p:w", "p@ss"])
def test_the_address_of_a_database_is_hidden_whole(engine: Classifier, password: str) -> None:
    """Where a database stands and who signs in goes with the password, unless that is a name."""
    address = f"postgresql://app:{password}@db:5432/main"
    assert found(engine, f"DSN is {address}, ok") == [("credential", address)]
    assert found(engine, "DSN is postgresql://app:$PW@db:5432/main") == []
    assert found(engine, "DSN is postgresql://app:[[CREDENTIAL:ABCDEFGH]]@db:5432/main") == []


@pytest.mark.parametrize(
    "text", ["https://host:8080/@scope/x", "redis://:{password}@h", "redis://:$PW@h"]
)
def test_what_is_no_password_of_a_url_stays(engine: Classifier, text: str) -> None:
    """A port before a path and the name of a password are no passwords."""
    assert found(engine, text) == []
