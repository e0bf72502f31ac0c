# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The name of a member gives its value away."""

import pytest

from agentguard.classification import build_classifier
from agentguard.redaction.telling import found_behind_key, names_a_credential

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
