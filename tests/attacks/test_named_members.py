# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a password leave in JSON because its name stands somewhere else, or blanks around it?

The story: a tool answers with an environment, a form or a header list. The password's name is the
value of the member beside it, the name of what holds it, or written with other letters.
"""

import json

import pytest

from agentguard.canonical import Frozen, canonical_bytes, freeze
from agentguard.classification import BUILT_IN_CLASSES, Classifier, build_classifier
from agentguard.redaction import Vault, redact_payload

PASSWORD = "Tr0ub4dor&3x"
ACTIONS = {known.name: known for known in BUILT_IN_CLASSES}


@pytest.fixture(scope="module")
def finder() -> Classifier:
    """A classifier as it is built without any setting."""
    return build_classifier()


def _sent(finder: Classifier, payload: object) -> str:
    vault = Vault(b"k" * 32)
    frozen: Frozen = freeze(payload)
    shown = redact_payload(frozen, find=finder.findings, actions=ACTIONS, vault=vault)
    return canonical_bytes(shown.payload).decode()


@pytest.mark.parametrize(
    "payload",
    [
        {"name": "DB_PASSWORD", "value": PASSWORD},
        {"value": PASSWORD, "name": "DB_PASSWORD"},
        [{"Key": "password", "Value": PASSWORD}],
        {"label": "Password", "text": PASSWORD},
        {"password": {"value": PASSWORD}},
        {"password": {"current": PASSWORD, "previous": [PASSWORD]}},
        {"form": [["user", "bob"], ["password", PASSWORD]]},
        {"PassWord": PASSWORD},
        {"p\u0430ssword": PASSWORD},
        {"\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44": PASSWORD},
    ],
    ids=ascii,
)
def test_the_name_of_a_password_stands_elsewhere(finder: Classifier, payload: object) -> None:
    """A password is hidden whichever member names it, in JSON and in a JSON text."""
    for each in (payload, {"result": json.dumps(payload)}):
        assert "ub4dor" not in _sent(finder, each)


@pytest.mark.parametrize(
    "value",
    [
        f"{PASSWORD}\n",
        f"\n{PASSWORD}",
        f"{PASSWORD}\r\n",
        f" {PASSWORD} ",
        f'"{PASSWORD}"',
        'Tr0"ub4dor&3x',
        f"{PASSWORD}\n{PASSWORD}y",
    ],
    ids=ascii,
)
def test_blanks_and_quotes_around_a_password(finder: Classifier, value: str) -> None:
    """What was read from a file with its line break, or with a quote in it, is still a password."""
    assert "ub4dor" not in _sent(finder, {"password": value})


def test_names_that_promise_nothing(finder: Classifier) -> None:
    """A value beside a name that promises nothing stays."""
    payload = {"name": "build", "value": PASSWORD, "rows": [["region", "eu-west-1a9"]]}
    assert json.loads(_sent(finder, payload)) == payload
