# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Credentials in documented formats are found whole.

The examples are put together from parts, so that no scanner takes this file for a leak.
"""

import random
import string
from collections.abc import Callable

import pytest

from agentguard.classification.engine import RuleSet, merge
from agentguard.classification.formats import TOKEN_FORMATS, borrowed_rules
from agentguard.vocabulary import Finding, Profile

Find = Callable[[str], tuple[Finding, ...]]

RANDOM = random.Random(7)  # noqa: S311 - the same tokens in every run
BASE62 = string.ascii_letters + string.digits


def body(length: int, alphabet: str = BASE62) -> str:
    """Random characters that hold a digit."""
    return "".join(RANDOM.choice(alphabet) for _ in range(length - 1)) + "7"


HEX = "0123456789abcdef"
TOKENS: dict[str, Callable[[], str]] = {
    "openai_key": lambda: "sk-" + "proj-" + body(120),
    "sk_key": lambda: "sk-" + body(48),
    "anthropic_key": lambda: "sk-" + "ant-api03-" + body(93),
    "aws_access_key_id": lambda: "AKI" + "A" + body(16, string.ascii_uppercase),
    "github_token": lambda: "gh" + "p_" + body(36),
    "github_server_token": lambda: "gh" + "s_" + body(200) + "." + body(300),
    "github_fine_grained_token": lambda: "github" + "_pat_" + body(22) + "_" + body(59),
    "gitlab_token": lambda: "gl" + "pat-" + body(20),
    "slack_token": lambda: "xo" + "xb-" + body(12, "123456789") + "-" + body(24),
    "stripe_key": lambda: "sk" + "_live_" + body(24),
    "stripe_restricted_key": lambda: "rk" + "_live_" + body(99),
    "stripe_test_key": lambda: "sk" + "_test_" + body(24),
    "stripe_webhook_secret": lambda: "wh" + "sec_" + body(32),
    "google_api_key": lambda: "AI" + "za" + body(35),
    "google_oauth_secret": lambda: "GOC" + "SPX-" + body(28),
    "npm_token": lambda: "np" + "m_" + body(36),
    "pypi_token": lambda: "py" + "pi-AgEIcHlwaS5vcmc" + body(150),
    "sendgrid_key": lambda: "S" + "G." + body(22) + "." + body(43),
    "hugging_face_token": lambda: "h" + "f_" + body(34),
    "digitalocean_token": lambda: "do" + "p_v1_" + body(64, HEX),
    "groq_key": lambda: "gs" + "k_" + body(52),
    "databricks_token": lambda: "da" + "pi" + body(32, HEX),
    "shopify_token": lambda: "sh" + "pat_" + body(32, HEX),
    "vault_token": lambda: "hv" + "s." + body(90),
    "docker_token": lambda: "dckr" + "_pat_" + body(27),
    "twilio_key": lambda: "S" + "K" + body(32, HEX),
    "square_secret": lambda: "sq0" + "csp-" + body(43),
    "telegram_token": lambda: body(9, "123456789") + ":A" + body(34),
    "discord_token": lambda: "MT" + "Ix" + body(20) + "." + body(6) + "." + body(27),
    "mailchimp_key": lambda: body(32, HEX) + "-us12",
}


@pytest.fixture(scope="module")
def find() -> Find:
    """What formats alone find in the balanced profile, each place once."""
    rows = (row for row in TOKEN_FORMATS if Profile.BALANCED.includes(row.profile))
    rules = RuleSet((*(row.rule() for row in rows), *borrowed_rules()))
    return lambda text: merge(rules.detect(text), lambda one: (one.start - one.end, one.start))


FRAMES = ("{}", "key: {} ", '{{"token":"{}"}}', "export X={}\n", "use ({}).", "é {} ü", "`{}`")


@pytest.mark.parametrize("name", TOKENS)
@pytest.mark.parametrize("frame", FRAMES)
def test_a_token_is_found_whole(find: Find, name: str, frame: str) -> None:
    """A token of a documented format is found from its first to its last character."""
    token = TOKENS[name]()
    text = frame.format(token)
    start = text.index(token)
    (finding,) = find(text)
    assert finding.data_class == "api_key"
    assert finding.start == start
    assert start + len(token) <= finding.end <= start + len(token) + 1


def test_both_halves_of_an_aws_key_are_found(find: Find) -> None:
    """The secret beside an access key id is found, without any word that names it."""
    key_id, secret = "AKI" + "A" + body(16, string.ascii_uppercase), body(40)
    text = f"creds: {key_id} / {secret} (prod)"
    assert [text[one.start : one.end] for one in find(text)] == [key_id, secret]


@pytest.mark.parametrize(
    "frame",
    [
        "aws_secret_access_key = {}",
        'AWS_SECRET_ACCESS_KEY="{}"',
        '{{"SecretAccessKey": "{}"}}',
        "secret key: {}",
        "secretAccessKey => '{}'",
    ],
)
def test_an_aws_secret_is_found_by_its_name(find: Find, frame: str) -> None:
    """A secret access key is found where it is assigned, and only the value is covered."""
    secret = body(38) + "/+"
    text = frame.format(secret)
    assert [text[one.start : one.end] for one in find(text)] == [secret]


@pytest.mark.parametrize(
    "frame",
    [
        "Server=db;Database=main;User Id=app;Password={};",
        "Password={};Server=db;",
        "Data Source=db; PWD = {}",
        "Authorization: Bearer {}",
        '{{"authorization": "Basic {}"}}',
        "ftp://app:{}@files/vhost",
    ],
)
def test_credentials_are_found_where_their_form_names_them(find: Find, frame: str) -> None:
    """Connection strings, headers and URLs give their passwords away."""
    value = body(18)
    text = frame.format(value)
    found = [(one.data_class, text[one.start : one.end]) for one in find(text)]
    assert found == [("credential", value)]


@pytest.mark.parametrize(
    "text",
    [
        "a task-based approach to desk-sharing and risk-management-frameworks-for-everybody",
        "commit 2c26b46b68ffc68ff99b453c1d30413413422d70",
        "the token bucket algorithm, the primary key, a passing test",
        "order ORD-00012345 of 2026-11-22 for 40 EUR, tracking 1Z999AA10123456784",
        "uuid 123e4567-e89b-12d3-a456-426614174000",
        "import sk_learn; hf_hub = npm_run_all; x = SG.value",
        "from github at 2c26b46b68ffc68ff99b453c1d30413413422d70, built by jenkins and circle",
        "docker image sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        '"resolved": "https://npm.example/left-pad-1.3.0.tgz#5b8a3a7765dfe001261dde915589e782f8c94d1e"',
        '"integrity": "sha512-XI5MPzVNApjAyhQzphX8BkmKsKUxD4LdyK24iZeQGinBN9yTQT3bFlCBy/aVx2HrNcQA=="',
        "segment 00000000-0000-4000-8000-000000000000 of the monday report on the atlas project",
        "the heroku dyno f47ac10b-58cc-4372-a567-0e02b2c3d479 was restarted twice",
        "self.github_token = get_token_from_environment_or_fail_loudly(self.settings)",
        "const slackSigningSecret = process.env.SLACK_SIGNING_SECRET ?? readSecretFromVault();",
        "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx and ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "set DATADOG_API_KEY=<your-datadog-api-key> and OKTA_TOKEN=$OKTA_TOKEN",
        "mongodb://user:<password>@cluster.example.net, redis://:$REDIS_PASSWORD@cache:6379/0",
        "postgres://app:${DB_PASSWORD}@db/main, http://username:password@proxy:3128",
        "my_api_client_factory_registry, user_token_validationAndRefreshHandlerForSessions",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "-----BEGIN CERTIFICATE-----\nMIIBszCCAVmgAwIBAgIUQ0hb\n-----END CERTIFICATE-----",
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPqV8tXyWb3Yb2pJ0 user@host",
        "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1JSUJzekNDQVZtZ0F3SUJBZ0lVUTBoYjRmZ1pQ",
        "version 1.2.3-rc.4+build.5, pat-a-cake, a live_stream of the test_suite, dp.copy(x)",
        "",
        " ",
    ],
)
def test_plain_text_holds_nothing(find: Find, text: str) -> None:
    """Words, digests, dates, identifiers, samples, templates and public keys are not found."""
    assert find(text) == ()


@pytest.mark.parametrize(
    "written",
    [
        "heroku_api_key = {}",
        'HEROKU_TOKEN="{}"',
        "herokuSecret: '{}'",
        "heroku:\n  api_key: {}",
        '{{"heroku": {{"auth_token": "{}"}}}}',
        "<heroku><apiKey>{}</apiKey></heroku>",
        "Heroku token {}",
        "token_for_heroku={}",
        "use the Heroku access key: {}, please",
    ],
)
def test_a_value_that_looks_like_any_other_is_found_behind_its_provider(
    find: Find, written: str
) -> None:
    """The name of a provider and a word such as key give a value away, and only the value."""
    value = "0c1f7b1e-6d0a-4c57-9f3e-8b7d2a64e5f1"
    text = written.format(value)
    assert [text[one.start : one.end] for one in find(text)] == [value]


@pytest.mark.parametrize(
    "written",
    [
        "heroku dyno {}",
        "api_key = {}",
        "heroku is a cloud." + " and so on" * 12 + " token: {}",
        "heroku_api_key = {}0",
        "heroku_api_key = a{}",
    ],
)
def test_half_of_what_gives_a_value_away_is_not_enough(find: Find, written: str) -> None:
    """Without the provider near, a word such as key, or the right shape, a value is any other."""
    assert find(written.format("0c1f7b1e-6d0a-4c57-9f3e-8b7d2a64e5f1")) == ()


@pytest.mark.parametrize(
    "token",
    ["acme_live_x7Kq2Vb9TzR4mWp8LdYc", "acme-pat-9f3c1b7e5a2d8c4f6b0e", "zz_sk_ab12_" + "q7" * 12],
)
def test_a_token_in_the_usual_form_of_prefixes_is_found(find: Find, token: str) -> None:
    """The name of a provider, what kind of token it is, and a random part tell an unknown token."""
    text = f"use {token} here"
    assert [text[one.start : one.end] for one in find(text)] == [token]


def test_a_database_address_is_hidden_whole() -> None:
    """Host, user and database go with the password."""
    (row,) = (row for row in TOKEN_FORMATS if row.name == "database_address")
    text = "DSN=postgresql://app:s3cret-Pa55@db.internal:5432/main?sslmode=require end"
    (found,) = RuleSet([row.rule()]).detect(text)
    assert row.profile is Profile.STRICT
    assert text[found.start : found.end] == text[4:-4]


def test_every_format_names_its_documentation() -> None:
    """Each row says where its format is documented, and no two rows have one name."""
    assert all(row.documentation.startswith("https://") for row in TOKEN_FORMATS)
    assert len({row.name for row in TOKEN_FORMATS}) == len(TOKEN_FORMATS)


@pytest.mark.parametrize(
    "written",
    [
        "- name: AWS_SECRET_ACCESS_KEY\n  value: {}",
        "AWS_SECRET_ACCESS_KEY\nPLAINTEXT\n{}",
        'name = "aws_secret_access_key" value = "{}"',
    ],
)
def test_a_word_or_two_may_stand_before_a_secret(find: Find, written: str) -> None:
    """In lists of variables a type or the word value stands between a name and its secret."""
    secret = "wJalrXUtnFEMI7K7MDENGbPxRfiCY0123456789a"
    text = written.format(secret)
    (finding,) = find(text)
    assert text[finding.start : finding.end] == secret
