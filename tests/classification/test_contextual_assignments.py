# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A value is found behind its name in every language, whole."""

import base64
import random
import string
from collections.abc import Callable

import pytest

from agentguard.classification.contextual import ContextualDetector

DETECTOR = ContextualDetector()
LETTERS_AND_DIGITS = string.ascii_letters + string.digits

# ``@@`` stands for the value.
SYNTAXES = [
    "API_TOKEN=@@",
    "export API_TOKEN=@@",
    "API_TOKEN='@@'",
    '$env:API_TOKEN = "@@"',
    'setx API_TOKEN "@@"',
    "api_token: @@",
    "  - api_token: '@@'",
    '"apiToken" : "@@",',
    r"{\"apiToken\": \"@@\"}",
    r"{\\\"apiToken\\\": \\\"@@\\\"}",
    "api.token=@@",
    'let apiToken: string = "@@";',
    'private static final String API_TOKEN = "@@";',
    'api_token := "@@"',
    "$apiToken = '@@';",
    "define('API_TOKEN', '@@');",
    "'api_token' => '@@',",
    'self.api_token = "@@"',
    'if (apiToken === "@@") {',
    'if (apiToken !== "@@") {',
    'client.set_token("@@")',
    'os.getenv("API_TOKEN", "@@")',
    'os.environ["API_TOKEN"] = "@@"',
    "os.environ.get('API_TOKEN') or '@@'",
    'process.env.API_TOKEN || "@@"',
    '.header("X-Api-Key", "@@")',
    "X-Api-Key: @@",
    '-H "X-Api-Key: @@"',
    "Authorization: Bearer @@",
    "Authorization: Basic @@",
    '"Authorization": "Bearer @@"',
    "https://api.example.org/v1/x?a=b&access_token=@@&c=d",
    "curl -d access_token=@@ https://api.example.org/",
    "--api-token @@ --verbose",
    "--api-token=@@",
    "tool login --token @@ --verbose",
    "<apiToken>@@</apiToken>",
    '<apiToken type="x">@@</apiToken>',
    '<add key="ApiToken" value="@@" />',
    '<setting name="ApiToken"><value>@@</value></setting>',
    "<key>ApiToken</key><string>@@</string>",
    '{"name": "API_TOKEN", "value": "@@"}',
    "- name: API_TOKEN\n  value: @@",
    'variable "api_token" {\n  default = "@@"\n}',
    "ENV API_TOKEN @@",
    "the api token is @@",
    "My api key: @@",
    "here is the secret: @@.",
    'The password is "@@".',
    "Use token `@@` to log in.",
    "api_token:\n  @@",
    'api_token = (\n    "@@"\n)',
    "(token=@@)",
    'login(user="x", token="@@", debug=True)',
    'new Client({ apiKey: "@@" })',
    'apiKey: String = "@@"',
    '#define API_TOKEN "@@"',
    "machine api.example.org login me password @@",
    "//registry.npmjs.org/:_authToken=@@",
    'password_hash: "@@"',
    "SECRET @@",
    "token%3D@@",
    "&quot;token&quot;:&quot;@@&quot;",
    '<meta name="api-token" content="@@">',
    "CREATE USER me IDENTIFIED BY '@@'",
    "ALTER USER me PASSWORD '@@'",
    "Server=db;User Id=me;Password=@@;Database=data",
    "mot de passe : @@",
    "contrase\u00f1a: @@",
    "Passwort: @@",
    'senha = "@@"',
    "\u043f\u0430\u0440\u043e\u043b\u044c: @@",
    "\u5bc6\u7801: @@",
]
# What people think of themselves counts behind a password's name.
STRONG = [
    'password = "@@"',
    "DB_PASSWORD=@@",
    "password: @@",
    '"passwd": "@@"',
    "<password>@@</password>",
    "IDENTIFIED BY '@@'",
    "pwd='@@';",
]
THOUGHT_OF = ["Tr0ub4dor&3", "S3cr3t-2024!", "hunter2xk9", "9Lives;Cat", "Aa1!Bb2?"]

Draw = Callable[[random.Random], str]


def drawn(alphabet: str, length: int) -> Draw:
    """Return what draws a token."""
    return lambda rng: "".join(rng.choice(alphabet) for _ in range(length))


DRAWS: list[Draw] = [
    drawn("0123456789abcdef", 32),
    drawn("0123456789abcdef", 64),
    drawn(LETTERS_AND_DIGITS, 40),
    drawn(LETTERS_AND_DIGITS, 24),
    drawn(string.ascii_lowercase + string.digits, 20),
    lambda rng: base64.b64encode(rng.randbytes(31)).decode(),
    lambda rng: "sk_live_" + drawn(LETTERS_AND_DIGITS, 24)(rng),
    lambda rng: "-".join(drawn("0123456789abcdef", n)(rng) for n in (8, 4, 4, 4, 12)),
    lambda rng: ".".join(drawn(LETTERS_AND_DIGITS, n)(rng) for n in (24, 6, 27)),
]


def covering(text: str, value: str) -> list[tuple[int, int]]:
    """Return the findings in a text that cover the value whole."""
    start = text.index(value)
    return [
        (found.start - start, found.end - start - len(value))
        for found in DETECTOR.detect(text)
        if found.start <= start and start + len(value) <= found.end
    ]


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_a_drawn_value_is_found_whole_in_every_syntax(syntax: str) -> None:
    """Whatever alphabet a value was drawn from, all of it and nothing else is found."""
    rng = random.Random(syntax)  # noqa: S311 - the same values every time
    for draw in DRAWS:
        value = draw(rng)
        text = f"some text before\n{syntax.replace('@@', value)}\nand some after\n"
        assert (0, 0) in covering(text, value), value


@pytest.mark.parametrize("syntax", STRONG)
@pytest.mark.parametrize("value", THOUGHT_OF)
def test_a_password_that_was_thought_of_is_found_behind_its_name(syntax: str, value: str) -> None:
    """A password need not look drawn when its name says that it is one."""
    text = f"before\n{syntax.replace('@@', value)}\nafter\n"
    assert covering(text, value)


def test_a_short_word_in_the_way_does_not_hide_a_value() -> None:
    """Of names in a row each is read, so that none hides the value of the next."""
    value = drawn(LETTERS_AND_DIGITS, 30)(random.Random(1))  # noqa: S311 - the same every time
    assert covering("token=secret=password=" + value, value)
    assert covering("token=x&" * 2000 + "secret=" + value, value)
