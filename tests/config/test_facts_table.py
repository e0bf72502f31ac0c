# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The table that says how the facts of decisions are kept."""

import base64
from datetime import timedelta
from pathlib import Path

import pytest

from agentguard.config import load, load_facts, load_policy
from agentguard.errors import ConfigError

KEY = bytes(range(32))
OLD = bytes(range(1, 33))
TEXT = {"FACTS_KEY": base64.b64encode(KEY).decode(), "OLD_KEY": base64.b64encode(OLD).decode()}


def with_facts(policy_file: Path, lines: str) -> Path:
    """Return the policy with a table of facts."""
    text = policy_file.read_text(encoding="utf-8")
    policy_file.write_text(f"{text}\n[facts]\n{lines}\n", encoding="utf-8")
    return policy_file


def test_without_the_table_nothing_is_kept(policy_file: Path) -> None:
    """A policy file that says nothing of facts keeps none."""
    assert load(policy_file).facts is None


def test_the_keys_and_the_time_are_read(policy_file: Path) -> None:
    """Keys come from the environment or from files of their owner, beside the policy."""
    path = with_facts(
        policy_file, 'key_env = "FACTS_KEY"\nold_key_envs = ["OLD_KEY"]\nexpire_after = "30d"'
    )
    for facts in (load(path, TEXT).facts, load_facts(path, TEXT)[0]):
        assert facts is not None
        assert (facts.key, facts.old_keys) == (KEY, (OLD,))
        assert facts.expire_after == timedelta(days=30)
        assert TEXT["FACTS_KEY"] not in repr(facts)
        assert repr(KEY) not in repr(facts)


def test_the_policy_of_such_a_file_needs_no_key(policy_file: Path) -> None:
    """Approvers and auditors read the policy without the key, and the table is not in its digest."""
    before = load_policy(policy_file)[0].digest
    path = with_facts(policy_file, 'key_env = "FACTS_KEY"')
    assert load_policy(path)[0].digest == before


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ("", "facts.key_env"),
        ('key_env = "FACTS_KEY"\nkey_file = "a"', "facts.key_env"),
        ('key_env = "MISSING"', "facts.key_env"),
        ('key_file = "missing"', "facts.key_file"),
        ('key_env = "FACTS_KEY"\nold_key_envs = ["MISSING"]', "facts.old_key_envs[0]"),
        ('key_env = "FACTS_KEY"\nexpire_after = "soon"', "facts.expire_after"),
        ('key_env = "FACTS_KEY"\nkeep = true', "facts.keep"),
    ],
)
def test_a_mistake_is_located(policy_file: Path, lines: str, key: str) -> None:
    """Each mistake is told with its key, and without the key that seals."""
    path = with_facts(policy_file, lines)
    with pytest.raises(ConfigError) as caught:
        load(path, TEXT)
    assert key in [problem.key for problem in caught.value.problems]
    assert TEXT["FACTS_KEY"] not in str(caught.value)


def test_a_key_that_is_none_is_not_shown(policy_file: Path) -> None:
    """What stands where a key should stand is not quoted."""
    path = with_facts(policy_file, 'key_env = "FACTS_KEY"')
    with pytest.raises(ConfigError, match="32 random bytes") as caught:
        load(path, {"FACTS_KEY": "canary-of-a-key"})
    assert "canary" not in str(caught.value)
