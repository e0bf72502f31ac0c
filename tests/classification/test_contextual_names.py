# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A name says what its value may be."""

import pytest

from agentguard.classification.contextual.names import GATE, Worth, worth
from agentguard.redaction import names_a_credential

PROMISES = {
    Worth.PASSWORD: [
        *("password", "dbPassword", "DB_PASSWORD", "user.passwd", "pwd", "mysql_pass", "Passwort"),
        *("contrase\u00f1a", "mot de passe", "senha", "\u043f\u0430\u0440\u043e\u043b\u044c"),
    ],
    Worth.KEY: [
        *("apikey", "apiKey", "API_KEY", "x-api-key", "secret", "clientSecret", "accessToken"),
        *("AWS_SECRET_ACCESS_KEY", "auth_token", "private-key", "Authorization", "credentials"),
    ],
    Worth.HINT: ["stripe_key", "basic auth", "webhook", "api_key_id", "passwordHash", "token_name"],
    Worth.FAINT: ["salt", "signature", "cookie"],
    Worth.NOTHING: [
        *("public_key", "keyboard", "monkey", "tokenizer", "max_tokens", "author", "compass"),
        *("passage", "session_id", "nextPageToken", "foreign_key", "primaryKey", "name", "city"),
    ],
}
EVERY = [(promise, name) for promise, names in PROMISES.items() for name in names]


@pytest.mark.parametrize(("promise", "name"), EVERY)
def test_a_name_promises_what_its_words_say(promise: Worth, name: str) -> None:
    """Names are read in every case and joint, and words that only look alike promise nothing."""
    assert worth(name) is promise


@pytest.mark.parametrize(("promise", "name"), EVERY)
def test_a_name_that_promises_something_passes_the_gate(promise: Worth, name: str) -> None:
    """The search for words misses no name that promises something."""
    assert promise is Worth.NOTHING or any(word in name.lower() for word in GATE)


@pytest.mark.parametrize("word", GATE)
def test_members_of_such_a_name_are_read_together_with_it(word: str) -> None:
    """Redaction reads the value of a member behind its name wherever the name may promise."""
    assert names_a_credential(word)
    assert names_a_credential(f"my_{word.upper()}")
