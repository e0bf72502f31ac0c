# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands behind a password's name is not always one."""

import pytest

from agentguard.classification.contextual import ContextualDetector
from agentguard.vocabulary import Profile

DETECTOR = ContextualDetector()
PARANOID = ContextualDetector(Profile.PARANOID)


@pytest.mark.parametrize(
    "text",
    [
        "password = ${DB_PASSWORD}",
        'password = "{{ vault.password }}"',
        "password: <your password>",
        'password: "%(password)s"',
        "password=$PASSWORD",
        'password = "********"',
        'password = "xxxxxxxx"',
        'password = "your-password-here"',
        'password = "changeme"',
        'api_key = "YOUR_API_KEY"',
        "password = null",
        "password = None",
        "password: true",
        "password = self.password",
        "password = getpass.getpass()",
        'password = os.environ["PASSWORD"]',
        "const password = user.password;",
        "token = create_token(user)",
        "password: String,",
        "def connect(user, password=None):",
        'password.encode("utf-8")',
        'hash_password("sha256", x)',
        "token_type: bearer",
        "max_tokens: 4096",
        'public_key = "ssh-rsa"',
        "key: value",
        'password_file = "/run/secrets/db_password"',
        "secret = https://example.org/docs",
        "The password must be at least 12 characters long.",
        "Enter your API key to continue.",
        "token expires 2024-01-01",
        "keyboard = qwertz",
    ],
)
def test_what_only_stands_for_a_secret_is_left_alone(text: str) -> None:
    """Templates, placeholders, expressions and words are no secrets."""
    assert DETECTOR.detect(text) == []


def test_a_plain_word_is_a_password_in_the_loudest_profile() -> None:
    """Words behind a password's name are hidden where nothing may be missed."""
    text = 'password = "sunshine"'
    assert DETECTOR.detect(text) == []
    assert [text[spot.start : spot.end] for spot in PARANOID.detect(text)] == ["sunshine"]
