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
        "--app-test-pass-color: #01d7c3;",
        "--app-pass-shadow: rgba(255, 255, 255);",
        'secret.write("%d\\n%s\\n%s" % x)',
        "pwd_salt = pwd+salt",
        "auth-user-pass-verify ./ucn9.pl via-env",
        "encrypt(password: Uint8Array | string)",
        "Pass `--disable-warning=ABC123` to it",
        "Author: Seed 1f0a77cc maintainers",
        "options to pass to ssh/rsync2/tar4",
        "a flag that you pass to :class:`Reader`",
        "token = ok?make(kind,7)",
        "x={key:e,arg:t,next:n7};r=r.next=u:o(e,t9)",
        'NAMES = ["clarinet-f-key", "clarinet-f-key-2x-outline"]',
        "'cipher-key3-mode',\n  'cipherWithMode40BitMD2-X'",
        "public_key = MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=",
        "host key AAAAC3NzaC1lZDI1NTE5AAAAIGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE",
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


def test_a_password_that_somebody_sets_is_one() -> None:
    """A verb before the word says that something is passed on, and nothing else does."""
    text = "set the pass to kx77wq"
    assert [text[spot.start : spot.end] for spot in DETECTOR.detect(text)] == ["kx77wq"]
