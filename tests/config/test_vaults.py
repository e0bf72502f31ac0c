# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What ``[vault]`` says is read with its keys, and every mistake is told without them."""

import base64
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from agentguard import ConfigError
from agentguard.config import check, load, load_policy, load_vault
from agentguard.redaction import VaultScope

KEY = bytes(range(32))
TEXT = base64.b64encode(KEY).decode()
ENV = {"VAULT_KEY": TEXT, "SHORT": TEXT[:20], "DSN": "postgresql://u:pa55word@db/v", "EMPTY": " "}
Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, policy_file: Path) -> Write:
    """Write a policy with a vault, beside a key."""
    starter = policy_file.read_text(encoding="utf-8")

    def one(vault: str) -> Path:
        (tmp_path / "vault.key").write_text(TEXT + "\n", encoding="ascii")
        (tmp_path / "vault.key").chmod(0o600)
        policy_file.write_text(f"{starter}\n[vault]\n{vault}\n", encoding="utf-8")
        return policy_file

    return one


def test_a_vault_is_read_with_its_key(write: Write, tmp_path: Path) -> None:
    """Everything that stands in the table is in the settings, files beside the policy."""
    path = write(
        'scope = "tenant"\ntenant = "acme"\nfile = "v.db"\nkey_file = "vault.key"\n'
        'old_key_envs = ["VAULT_KEY"]\nexpire_after = "30d"'
    )
    vault = load(path, ENV).vault
    assert vault is not None
    assert (vault.scope, vault.tenant) == (VaultScope.TENANT, "acme")
    assert (vault.file, vault.address) == (tmp_path / "v.db", None)
    assert (vault.key, vault.old_keys) == (KEY, (KEY,))
    assert vault.expire_after == timedelta(days=30)
    assert load_vault(path, ENV)[0] == vault
    assert TEXT not in repr(vault)
    assert repr(KEY) not in repr(vault)


def test_a_server_is_read_from_the_environment(write: Write) -> None:
    """The address stands in a variable, and in no repr."""
    vault = load(write('store = "postgres"\ndsn_env = "DSN"\nkey_env = "VAULT_KEY"'), ENV).vault
    assert vault is not None
    assert (vault.file, vault.address, vault.key) == (None, ENV["DSN"], KEY)
    assert "pa55word" not in repr(vault)


def test_without_the_table_nothing_is_kept(policy_file: Path) -> None:
    """Values stay in memory as long as the policy says nothing else."""
    assert load(policy_file).vault is None
    assert load_vault(policy_file)[0] is None


def test_the_vault_is_no_part_of_the_policys_digest(write: Write, policy_file: Path) -> None:
    """To keep values, or to change the key, voids no approval."""
    before = load(policy_file).policy.digest
    assert load(write('key_env = "VAULT_KEY"'), ENV).policy.digest == before


def test_approvers_need_no_key(write: Write) -> None:
    """Whoever reads only the policy is not asked for the key."""
    load_policy(write('key_file = "not-here.key"'))


@pytest.mark.parametrize(
    ("vault", "key", "problem"),
    [
        ("", "key_env", "is needed"),
        ('key_env = "VAULT_KEY"\nkey_file = "vault.key"', "key_env", "one of them"),
        ('key_env = "NOT_SET"', "key_env", "is not set"),
        ('key_env = "EMPTY"', "key_env", "is not set"),
        ('key_env = "SHORT"', "key_env", "32 random bytes"),
        ('key_file = "not-here.key"', "key_file", "cannot be read"),
        ('key_file = "no\\u0000name"', "key_file", "cannot be read"),
        ('key_env = "VAULT_KEY"\nold_key_envs = ["SHORT"]', "old_key_envs[0]", "32 random"),
        ('key_env = "VAULT_KEY"\nexpire_after = "soon"', "expire_after", "must be a duration"),
        ('key_env = "VAULT_KEY"\nexpire_after = "0d"', "expire_after", "must be a duration"),
        ('key_env = "VAULT_KEY"\ntenant = "größe"', "tenant", "printable"),
        ('key_env = "VAULT_KEY"\nfile = "agentguard.db"', "file", "one of its own"),
        ('key_env = "VAULT_KEY"\ndsn_env = "DSN"', "dsn_env", "postgres"),
        ('key_env = "VAULT_KEY"\nstore = "postgres"', "dsn_env", "is needed"),
        ('key_env = "VAULT_KEY"\nstore = "postgres"\ndsn_env = "NO"', "dsn_env", "is not set"),
        (
            'key_env = "VAULT_KEY"\nstore = "postgres"\ndsn_env = "DSN"\nfile = "x"',
            "file",
            "sqlite",
        ),
        ('key_env = "VAULT_KEY"\nscope = "world"', "scope", "must be 'session' or 'tenant'"),
        ('key_env = "VAULT_KEY"\nkeep = true', "keep", "not a known key"),
    ],
)
def test_a_mistake_is_told_with_its_key(write: Write, vault: str, key: str, problem: str) -> None:
    """No guard starts with a vault that is not clear, and no problem holds a key."""
    with pytest.raises(ConfigError) as caught:
        load(write(vault), ENV)
    (told,) = caught.value.problems
    assert told.key == f"vault.{key}"
    assert problem in told.message
    assert TEXT[:16] not in str(caught.value)
    assert "pa55word" not in str(caught.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(write: Write, tmp_path: Path, mode: int) -> None:
    """The key is its owner's alone."""
    path = write('key_file = "vault.key"')
    (tmp_path / "vault.key").chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        load(path, ENV)


@pytest.mark.parametrize("text", ["", "\x00" * 9, "ü" * 44, "A" * 43 + "=", TEXT + TEXT])
def test_a_file_that_holds_no_key_is_refused(write: Write, tmp_path: Path, text: str) -> None:
    """Neither an empty file nor zeroes nor two keys are a key."""
    path = write('key_file = "vault.key"')
    (tmp_path / "vault.key").write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match="32 random bytes"):
        load(path, ENV)


def test_a_key_in_the_other_alphabet_is_read(write: Write, tmp_path: Path) -> None:
    """Base64 for URLs is taken as well."""
    key = bytes([251, 255, *range(30)])
    path = write('key_file = "vault.key"')
    (tmp_path / "vault.key").write_bytes(base64.urlsafe_b64encode(key))
    vault = load(path, ENV).vault
    assert vault is not None
    assert vault.key == key


def test_the_policy_check_tells_of_the_vault(write: Write) -> None:
    """What is wrong with the vault is found before a guard is made."""
    (remark,) = check(write('key_env = "NOT_SET"'), ENV)
    assert remark.problem.key == "vault.key_env"
