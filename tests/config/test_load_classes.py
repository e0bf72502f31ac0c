# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a file says about classes, labels and detection is read, or told at its key."""

import pathlib
from collections.abc import Callable

import pytest

from agentguard.config import Severity, check, load
from agentguard.errors import ConfigError
from agentguard.vocabulary import Action, Profile

GOOD = """\
version = 1
name = "classes"

[[provider]]
id = "openai"
hosts = ["api.openai.com"]

[[class]]
name = "email"
action = "block"

[[class]]
name = "customer_number"
patterns = ["CUST-[0-9]{6}"]

[[class]]
name = "credential"
values_from_env = ["STRIPE_KEY"]
"""
ENV = {"STRIPE_KEY": "env-canary-3"}

Write = Callable[[str], pathlib.Path]


@pytest.fixture
def write(tmp_path: pathlib.Path) -> Write:
    """Write a configuration file."""

    def written(text: str) -> pathlib.Path:
        path = tmp_path / "agentguard.toml"
        path.write_text(text)
        return path

    return written


def test_how_sensitive_data_is_looked_for_is_part_of_the_policy(write: Write) -> None:
    """A profile is read, is balanced where none is written, and changes the digest."""
    plain = load(write(GOOD), ENV)
    assert plain.policy.detection.profile is Profile.BALANCED
    assert plain.named == {"email", "customer_number", "credential"}
    digests = {plain.policy.digest}
    for profile in (Profile.STRICT, Profile.PARANOID):
        policy = load(write(f'{GOOD}\n[detection]\nprofile = "{profile}"\n'), ENV).policy
        assert policy.detection.profile is profile
        digests.add(policy.digest)
    assert len(digests) == 3
    stated = load(write(f'{GOOD}\n[detection]\nprofile = "balanced"\n'), ENV).policy
    assert stated.digest == plain.policy.digest


def test_a_quiet_profile_is_doubted(write: Write) -> None:
    """A check says that the strict profile misses more."""
    (doubt,) = check(write(f'{GOOD}\n[detection]\nprofile = "strict"\n'), ENV)
    assert (doubt.severity, doubt.problem.key) == (Severity.WARNING, "detection.profile")


def test_a_provider_may_be_treated_in_its_own_way(write: Write) -> None:
    """What ``at`` says stands in the policy, and changes its digest."""
    plain = load(write(GOOD), ENV).policy
    text = GOOD.replace('action = "block"', 'action = "block"\nat = { openai = "label" }')
    policy = load(write(text), ENV).policy
    assert policy.digest != plain.digest
    assert policy.classes["email"].action is Action.BLOCK
    assert policy.classes_at("openai")["email"].action is Action.LABEL


def test_names_and_paths_are_part_of_the_policy(write: Write) -> None:
    """Names and paths stand in the policy and its digest; a word of requests is doubted."""
    plain = load(write(GOOD), ENV).policy
    named = 'name = "email"\nkeys = ["mail", "role"]\npaths = ["/metadata/mail"]'
    path = write(GOOD.replace('name = "email"', named))
    policy = load(path, ENV).policy
    assert policy.digest != plain.digest
    assert policy.class_sources[0].keys == ("mail", "role")
    assert policy.class_sources[0].paths == ("/metadata/mail",)
    (doubt,) = check(path, ENV)
    assert (doubt.problem.key, doubt.severity) == ("class[0].keys[1]", Severity.WARNING)


def test_labels_from_outside_are_part_of_the_policy(write: Write) -> None:
    """Labels are found in any case, unknown ones are refused or have a class of their own."""
    label = '[[external_label]]\nname = "Top Secret"\nclass = "email"\n'
    plain = load(write(GOOD), ENV).policy
    policy = load(write(GOOD + label), ENV).policy
    assert policy.labels.class_of(" top secret ") == "email"
    assert policy.labels.class_of("other") is None
    more = '[labels]\nunknown = "credential"\nheaders = ["X-Label"]\n'
    wider = load(write(GOOD + label + more), ENV).policy
    assert wider.labels.class_of("other") == "credential"
    assert wider.labels.headers == ("x-label",)
    assert len({plain.digest, policy.digest, wider.digest}) == 3


def test_a_class_that_leaves_as_it_is_is_doubted(write: Write) -> None:
    """A check says which class of text passes to every provider."""
    (doubt,) = check(write(GOOD.replace('action = "block"', 'action = "label"')), ENV)
    assert (doubt.problem.key, doubt.severity) == ("class[0].action", Severity.WARNING)


@pytest.mark.parametrize(
    ("old", "new", "key", "message"),
    [
        (GOOD, f'{GOOD}[detection]\nprofile = "off"', "detection.profile", "must be 'strict', "),
        (GOOD, f"{GOOD}[detection]\noff = true", "detection.off", "is not a known key"),
        ('"block"', '"block"\nat = { azure = "hash" }', "class[0].at.azure", "is not declared"),
        ('"block"', '"block"\nat = { openai = "off" }', "class[0].at.openai", "must be 'block'"),
        ('name = "email"', 'name = "email"\nkeys = ["**"]', "class[0].keys[0]", "every member"),
        ('name = "email"', 'name = "email"\nkeys = [1]', "class[0].keys[0]", "must be text"),
        ('name = "email"', 'name = "email"\npaths = ["a"]', "class[0].paths[0]", "JSON pointer"),
        ('name = "email"', 'name = "email"\npaths = ["/a~2"]', "class[0].paths[0]", "a JSON p"),
        (
            'name = "customer_number"',
            'name = "customer_number"\nkeys = ["a"]\n[[class]]\nname = "vip"\nkeys = ["a"]',
            "class[2].keys[0]",
            "'a' belongs to class 'customer_number' already",
        ),
        (
            'name = "credential"',
            'name = "image"\nkeys = ["picture"]\n[[class]]\nname = "credential"',
            "class[2].keys",
            "'image' is recognised by its form",
        ),
        (GOOD, f'{GOOD}[labels]\nunknown = "no"', "labels.unknown", "'refuse' or a class of text"),
        (GOOD, f'{GOOD}[[external_label]]\nname = "A"', "external_label[0].class", "is needed"),
        (
            GOOD,
            f'{GOOD}[[external_label]]\nname = "A"\nclass = "image"',
            "external_label[0].class",
            "'image' is not a class of text",
        ),
        (
            GOOD,
            GOOD + '[[external_label]]\nname = "A"\nclass = "email"\n' * 2,
            "external_label[1].name",
            "'A' is declared twice",
        ),
        ('"block"', '"block"\nat = "openai"', "class[0].at", "must be a table"),
        (
            '"credential"',
            '"credential"\nat = { openai = "tokenise" }',
            "class[2].at.openai",
            "must be one-way for a secret: 'block', 'redact'",
        ),
    ],
)
def test_each_mistake_is_told_at_its_key(
    write: Write, old: str, new: str, key: str, message: str
) -> None:
    """A mistake is told with its key, and on a line where that key or its table stands."""
    assert old in GOOD
    path = write(GOOD.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load(path, ENV)
    lines = path.read_text().split("\n")
    found = [(each.key, each.line, each.message) for each in caught.value.problems]
    matching = [line for where, line, text in found if where == key and message in text]
    assert matching, found
    for line in matching:
        assert line is None or lines[line - 1].strip()
