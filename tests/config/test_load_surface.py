# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a file says about the whole surface of a provider is read, or refused at its key."""

import pathlib
from collections.abc import Callable

import pytest

from agentguard.config import load
from agentguard.errors import ConfigError
from agentguard.policy import Each
from agentguard.vocabulary import Action, Reference

SURFACE = """\
version = 1
name = "surface"

[[identity]]
id = "agent:support"

[[provider]]
id = "openai"
hosts = ["api.openai.com"]

[[rule]]
id = "chat"
who = "agent:support"
for = ["user:*"]
provider = "openai"
model = "*"
then = "allow"

[[tool]]
name = "docs_search"
impact = "read_only"
hosted = ["web_search"]

[[rule]]
id = "search"
who = "agent:support"
for = ["user:*"]
tool = "docs_search"
args."filters.allowed_domains" = { each = ["docs.example"], most = 20 }
then = "allow"

[[rule]]
id = "files"
who = "agent:support"
for = ["user:*"]
provider = "openai"
operation = ["read", "POST /files"]
references = ["file", "store"]
then = "allow"

[[rule]]
id = "no-sockets"
who = "agent:*"
for = ["user:*"]
provider = "openai"
operation = "socket"
then = "deny"

[[class]]
name = "image"
action = "label"

[[class]]
name = "remote_image"
in_answers = "block"

[hosted_tools]
denied = "remove"

[coverage]
require = ["openai"]
"""

Write = Callable[[str], pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Write:
    """Write a configuration file."""

    def written(text: str) -> pathlib.Path:
        path = tmp_path / "agentguard.toml"
        path.write_text(text)
        return path

    return written


def test_the_rest_of_the_surface_is_read(write: Write) -> None:
    """Hosted tools, operations, references, media, answers and coverage stand in the policy."""
    policy = load(write(SURFACE), {}).policy
    assert policy.tools["docs_search"].hosted == {"web_search"}
    assert policy.required_surfaces == {"openai"}
    assert policy.classes["image"].action is Action.LABEL
    assert policy.classes["remote_image"].in_answers is Action.BLOCK
    assert policy.classes["api_key"].in_answers is Action.REDACT
    rules = {rule.id: rule for rule in policy.rules}
    (domains,) = rules["search"].arguments
    assert domains.name == "filters.allowed_domains"
    assert domains.constraint == Each(options=("docs.example",), least=1, most=20)
    assert rules["files"].operations == ("read", "POST /files")
    assert rules["files"].references == (Reference.FILE, Reference.STORE)
    assert rules["chat"].operations is None
    refusing = SURFACE.replace('denied = "remove"', 'denied = "refuse"')
    assert load(write(refusing), {}).policy.digest != policy.digest


def test_a_list_holds_at_most_its_options_unless_more_is_said(write: Write) -> None:
    """Without ``most`` a list may be as long as the list of options."""
    path = write(SURFACE.replace('["docs.example"], most = 20', '["a", "b"], least = 0'))
    rules = {rule.id: rule for rule in load(path, {}).policy.rules}
    assert rules["search"].arguments[0].constraint == Each(options=("a", "b"), least=0, most=2)


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        ('hosted = ["web_search"]', "hosted = []", "tool[0].hosted", "must not be empty"),
        ('hosted = ["web_search"]', 'hosted = "web"', "tool[0].hosted", "must be a list"),
        ("most = 20", "most = 0", 'rule[1].args."filters.allowed_domains".each', "cannot hold"),
        ("most = 20", "most = true", 'rule[1].args."filters.allowed_domains".most', "an integer"),
        (
            'each = ["docs.example"]',
            "each = [{}]",
            'rule[1].args."filters.allowed_domains".each',
            "must hold text",
        ),
        (
            'each = ["docs.example"], most = 20',
            'match = "x", most = 20',
            'rule[1].args."filters.allowed_domains".most',
            "belongs to 'each'",
        ),
        (
            'args."filters.allowed_domains"',
            "args.filters.allowed_domains",
            "rule[1].args.filters",
            "write the name in quotes",
        ),
        (
            '"POST /files"',
            '"POST /flies"',
            "rule[2].operation[1]",
            "'POST /flies' is no operation that a rule can name; did you mean 'POST /files'?",
        ),
        ('"read", ', '"reed", ', "rule[2].operation[0]", "'reed' is no operation"),
        ('"read", ', '"admin", ', "rule[2].operation", "'admin' is allowed by pair only"),
        (
            '"read", ',
            '"WS /realtime?intent=translation", ',
            "rule[2].operation[0]",
            "is no operation",
        ),
        ('"read", ', '"chat", ', "rule[2].model", "must name a model"),
        ('["file", "store"]', '["files"]', "rule[2].references[0]", "must be 'stored_response'"),
        ('["file", "store"]', "5", "rule[2].references", "must be a list"),
        ('action = "label"', 'action = "redact"', "class[0].action", "must be 'block' or 'label'"),
        (
            'action = "label"',
            'in_answers = "block"',
            "class[0].in_answers",
            "must be 'label'",
        ),
        (
            'in_answers = "block"',
            'action = "redact"',
            "class[1].action",
            "cannot be chosen: use 'in_answers'",
        ),
        (
            'in_answers = "block"',
            'in_answers = "tokenise"',
            "class[1].in_answers",
            "must be 'label', 'redact' or 'block'",
        ),
        ('denied = "remove"', 'denied = "off"', "hosted_tools.denied", "must be 'refuse' or"),
        ('denied = "remove"', "allowed = 1", "hosted_tools.allowed", "is not a known key"),
        ("[hosted_tools]", "[[hosted_tools]]", "hosted_tools", "must be a table"),
        ('require = ["openai"]', 'require = ["open"]', "coverage.require", "is not one of"),
        ('require = ["openai"]', 'require = "openai"', "coverage.require", "must be a list"),
    ],
)
def test_each_mistake_about_the_surface_is_told_at_its_key(
    write: Write, old: str, new: str, key: str, message: str
) -> None:
    """A mistake in what is said about the provider's surface is told where it stands."""
    assert old in SURFACE
    with pytest.raises(ConfigError) as caught:
        load(write(SURFACE.replace(old, new, 1)), {})
    found = [(each.key, each.message) for each in caught.value.problems]
    assert any(where == key and message in text for where, text in found), found
