# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The commands about the vault count and erase, and show no value."""

import base64
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentguard.cli import main
from agentguard.config import load
from agentguard.identity import Identities
from agentguard.redaction import Issued
from agentguard.wiring import now, vault_keeper

MAIL = "canary.cli@leak.example"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def config(policy_file: Path) -> Path:
    """A policy whose vault is kept."""
    key = policy_file.parent / "vault.key"
    key.write_text(base64.b64encode(bytes(range(32))).decode(), encoding="ascii")
    key.chmod(0o600)
    text = policy_file.read_text(encoding="utf-8")
    policy_file.write_text(
        f'{text}\n[vault]\nkey_file = "vault.key"\nexpire_after = "30d"\n', encoding="utf-8"
    )
    return policy_file


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command and return its exit code and what it printed."""

    def one(*arguments: str, told: str = "") -> tuple[int, str, str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(told))
        code = main(["vault", *arguments, "--config", str(config)])
        shown = capsys.readouterr()
        assert "leak" not in shown.out + shown.err
        return code, shown.out, shown.err

    return one


def keep(
    config: Path, session: str, number: int = 0, *, tenant: str | None = None, age: int = 0
) -> None:
    """Keep a value, as a guard would have some days ago."""
    settings = load(config)
    assert settings.vault is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("agentguard.wiring.now", lambda: now() - timedelta(days=age))
        keeper = vault_keeper(settings.vault)
    caller = Identities(lambda: "s").narrowed("agent:support", session=session, tenant=tenant)
    issued = Issued(
        placeholder=f"[[EMAIL:AAAAAAA{number + 2}]]",
        value=f"{number}.{MAIL}",
        data_class="email",
        reversible=True,
        source="/a",
    )
    keeper.keep(keeper.place(caller), [issued])
    keeper.close()


def test_a_list_counts_classes_and_ages(config: Path, run: Run) -> None:
    """How much of each class is kept and since when, and nothing else."""
    assert run("list") == (0, "nothing is kept\n", "")
    keep(config, "conv-17", 0)
    keep(config, "conv-17", 1, age=3)
    code, out, _ = run("list")
    assert (code, out.split()[:2]) == (0, ["email", "2"])
    assert "conv-17" not in out
    _, out, _ = run("list", "--json")
    (found,) = json.loads(out)
    assert (found["class"], found["count"]) == ("email", 2)
    assert found["oldest"] < found["newest"]


def test_a_session_is_erased_and_that_is_written_down(
    config: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """One session goes, others stay, and the audit log says how much it was and not whose."""
    for number, session in enumerate(["conv-17", "conv-17", "conv-18"]):
        keep(config, session, number)
    assert run("erase", "--session", "conv-17") == (0, "erased 2 values\n", "")
    assert run("erase", "--session", "conv-17")[1] == "erased 0 values\n"
    assert run("list")[1].split()[:2] == ["email", "1"]
    assert main(["audit", "tail", "--json", "--config", str(config)]) == 0
    lines: list[dict[str, Any]] = [
        json.loads(line) for line in capsys.readouterr().out.splitlines()
    ]
    first, second = [line for line in lines if line["type"] == "vault.erased"]
    assert (first["classes"], first["details"]) == ({"email": 2}, {"by": "session"})
    assert second.get("classes", {}) == {}
    assert "conv-17" not in json.dumps(lines)
    assert main(["audit", "verify", "--config", str(config)]) == 0


def test_tenants_and_ages_are_erased(config: Path, run: Run) -> None:
    """A tenant, what is older than an age, and what has expired go by themselves or together."""
    keep(config, "conv-1", 0, tenant="acme")
    keep(config, "conv-1", 1, tenant="globex", age=5)
    assert run("erase", "--tenant", "acme", "--older-than", "3d")[1] == "erased 0 values\n"
    assert run("erase", "--older-than", "3d")[1] == "erased 1 values\n"
    assert run("erase", "--tenant", "acme")[1] == "erased 1 values\n"
    keep(config, "conv-1", 0, age=31)
    keep(config, "conv-2", 0, age=31)
    assert run("erase", "--expired")[1] == "erased 2 values\n"


def test_a_value_is_read_from_standard_input(config: Path, run: Run) -> None:
    """A value that somebody wants gone never stands on the command line."""
    keep(config, "conv-1", 0)
    keep(config, "conv-2", 1)
    code, out, _ = run("erase", "--value-from-stdin", "--json", told=f"0.{MAIL}\n")
    assert (code, json.loads(out)) == (0, {"erased": {"email": 1}})
    assert run("erase", "--value-from-stdin", told="ab")[0] == 2
    assert run("list")[1].split()[:2] == ["email", "1"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((), "say what to erase"),
        (("--older-than", "soon"), "must be a duration"),
        (("--value-from-stdin", "--session", "s"), "goes alone"),
        (("--tenant", ""), "names nobody"),
        (("--session", "", "--older-than", "0s"), "names nobody"),
        (("--session", "conv-1", "--tenant", ""), "names nobody"),
    ],
)
def test_an_unclear_erasure_is_refused(
    config: Path, run: Run, arguments: tuple[str, ...], problem: str
) -> None:
    """Nothing is erased that was not asked for clearly."""
    # An empty ``--tenant``, such as that of a variable that is not set, erased every tenant's
    # values.
    keep(config, "conv-1", 0, age=1)
    code, _, err = run("erase", *arguments)
    assert code == 2
    assert problem in err
    assert run("list")[1].split()[:2] == ["email", "1"]


def test_an_erasure_that_lingers_is_written_down(
    config: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody reads an old state the command fails, and the audit log has the erasure."""
    monkeypatch.setattr("agentguard.stores.connections.RETRY_SECONDS", 0.05)
    keep(config, "conv-1", 0)
    vault = config.parent / "agentguard-vault.db"
    with closing(sqlite3.connect(vault, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM vault").fetchone()
        code, out, err = run("erase", "--session", "conv-1")
        reader.execute("COMMIT")
    assert (code, out) == (2, "")
    assert "erase again" in err
    with closing(sqlite3.connect(load(config).deployment.store)) as audit:
        entries = "".join(map(str, audit.execute("SELECT * FROM audit_entry").fetchall()))
    assert "vault.erased" in entries


def test_a_policy_without_a_vault_keeps_nothing(
    policy_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where values stay in memory there is nothing to list."""
    assert main(["vault", "list", "--config", str(policy_file)]) == 2
    assert "no [vault]" in capsys.readouterr().err
