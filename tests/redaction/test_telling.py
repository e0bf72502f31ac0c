# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The name of a member gives its value away."""

import pytest

from agentguard.classification import build_classifier
from agentguard.classification.personal import speaks_of_personal_data
from agentguard.redaction.telling import found_behind_key, names_a_credential, tells

ENGINE = build_classifier()
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzEXAMPLKE"[:40]


@pytest.mark.parametrize("key", ["apiKey", "client_secret", "TOKEN", "db_pwd", "Authorization"])
def test_a_name_of_a_credential_is_telling(key: str) -> None:
    """Names of credentials are known in every case."""
    assert names_a_credential(key)
    assert not names_a_credential("city")


@pytest.mark.parametrize("key", ["aws_secret_access_key", "x" * 5000 + "aws_secret_access_key"])
def test_what_is_found_lies_inside_the_value(key: str) -> None:
    """A secret that only its name gives away is found exactly, however long the name is."""
    assert ENGINE.findings(AWS_SECRET) == ()
    assert found_behind_key(key, AWS_SECRET, ENGINE.findings) == [(0, 40, "api_key")]


def test_a_secret_in_the_name_is_not_one_of_the_value() -> None:
    """What is found in the name alone points nowhere."""
    assert found_behind_key("gh" + "p_" + "0aB" * 12, "word", ENGINE.findings) == []


@pytest.mark.parametrize(
    "key",
    [
        *("phone", "homePhone", "PHONE_NUMBER", "ssn", "userSSN", "date_of_birth", "zip_code"),
        *("account_number", "accountNo", "taxId", "passportNumber", "steuer-id", "bankAccount"),
        *("api_key", "password"),
    ],
)
def test_names_of_personal_data_tell(key: str) -> None:
    """What such a name says of its value is said in every spelling of names."""
    assert tells(key)


@pytest.mark.parametrize(
    "key",
    [
        *("city", "hotel", "description", "intel", "account", "id", "created", "zipper"),
        *("signature", "encrypted_content", "thought_signature", "encrypted_index"),
    ],
)
def test_other_names_tell_nothing(key: str) -> None:
    """Words that only hold another, and what a provider sealed, are looked at by themselves."""
    assert not tells(key)


@pytest.mark.parametrize("word", ["phone", "ssn", "tax id", "birth", "account number", "passport"])
def test_the_names_are_those_that_detection_knows(word: str) -> None:
    """A name that tells is one of which the detector of personal data knows the topic."""
    assert tells(word)
    assert speaks_of_personal_data(word)
