# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where the ledger is kept is read where it is needed, and its addresses are told to nobody."""

from pathlib import Path

import pytest

from agentguard import Guard
from agentguard.config import check, load, load_ledger, load_policy
from agentguard.errors import ConfigError

SERVER = """
[ledger]
store = "postgres"
dsn_env = "LEDGER"
rates = "redis"
redis_env = "RATES"
"""
ENV = {"LEDGER": "postgresql://someone:pa55word@db/ledger", "RATES": "redis://:pa55word@cache"}


def written(policy_file: Path, more: str) -> Path:
    """The starter policy with more tables."""
    policy_file.write_text(policy_file.read_text() + more)
    return policy_file


def test_a_ledger_lies_beside_the_policy(policy_file: Path) -> None:
    """Without a table it is a file of its own in the folder of the policy."""
    ledger = load(policy_file, {}).ledger
    assert ledger is not None
    assert ledger.file == policy_file.parent / "agentguard-ledger.db"
    assert (ledger.address, ledger.rates) == (None, None)


def test_a_ledger_on_servers_has_their_addresses(policy_file: Path) -> None:
    """The addresses come from the environment, and no repr holds them."""
    ledger = load(written(policy_file, SERVER), ENV).ledger
    assert ledger is not None
    assert (ledger.file, ledger.address, ledger.rates) == (None, *ENV.values())
    assert "pa55word" not in repr(ledger)


def test_an_address_that_is_missing_is_told_by_its_name(policy_file: Path) -> None:
    """What is wrong names the variable, not what others hold."""
    with pytest.raises(ConfigError, match="'RATES' is not set") as refused:
        load(written(policy_file, SERVER), {"LEDGER": ENV["LEDGER"], "RATES": " "})
    assert "pa55word" not in str(refused.value)


def test_approvers_need_no_addresses(policy_file: Path) -> None:
    """A policy is read on machines that have none of the variables."""
    load_policy(written(policy_file, SERVER))
    with pytest.raises(ConfigError):
        load_ledger(policy_file, {})
    ledger, document = load_ledger(policy_file, ENV)
    assert ledger is not None
    assert ledger.address == ENV["LEDGER"]
    assert document.name == "support"


def test_a_budget_is_no_doubt(policy_file: Path) -> None:
    """A policy with budgets, prices and rates is used without a remark about them."""
    more = """
[budget.daily]
scope = "person"
per = "1d"
money = "5.00"
hold_at_most = "0.50"

[[price]]
model = "*"
tokens_in = "0.15"
tokens_out = "0.60"

[rate.mails]
rate = "60/minute"
tool = "refund"
"""
    plain = {str(each) for each in check(policy_file, {})}
    assert {str(each) for each in check(written(policy_file, more), {})} == plain


def test_the_file_of_the_vault_holds_no_ledger(policy_file: Path, tmp_path: Path) -> None:
    """What is erased there shares no page with what is counted."""
    (tmp_path / "key").write_text("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")
    (tmp_path / "key").chmod(0o600)
    more = '[vault]\nkey_file = "key"\ntenant = "t"\n[ledger]\nfile = "agentguard-vault.db"\n'
    with pytest.raises(ConfigError, match="the file of another store"):
        load(written(policy_file, more), {})


def test_every_guard_has_its_ledger_at_once(policy_file: Path) -> None:
    """A policy that counts nothing has a ledger, too, since the stop is in it."""
    Guard.from_file(policy_file).close()
    assert (policy_file.parent / "agentguard-ledger.db").exists()


def test_a_ledger_that_cannot_be_opened_makes_no_guard(policy_file: Path) -> None:
    """No policy is in force without the ledger that says what is stopped."""
    (policy_file.parent / "agentguard-ledger.db").write_bytes(b"something else altogether" * 50)
    with pytest.raises(ConfigError) as refused:
        Guard.from_file(written(policy_file, "\n[budget.b]\ncalls = 1\n"))
    assert refused.value.__cause__ is None
