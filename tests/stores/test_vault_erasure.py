# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What lies in the files of a vault is sealed, and what was erased is not there at all."""

import sqlite3
import stat
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentguard.identity import Identities
from agentguard.redaction import Issued, VaultScope
from agentguard.stores import KeyRing, SqliteVaultStore, StoreFailure, VaultKeeper, VaultKey

KEY = VaultKey(bytes(range(32)))
CALLER = Identities(lambda: "s").narrowed(
    "agent:support", on_behalf_of="user:alice", session="conv-of-jane", tenant="acme"
)
OTHER = Identities(lambda: "s").narrowed("agent:support", session="conv-18")


def value(number: int) -> Issued:
    """A value that can be found again on a disk."""
    return Issued(
        placeholder=f"[[EMAIL:{number:08d}]]".translate(str.maketrans("0189", "ABCD")),
        value=f"canary-{number}@leak.example",
        data_class="email",
        reversible=True,
        source=f"/messages/0/canary-key-{number}",
    )


def on_disk(folder: Path) -> bytes:
    """Return every byte of every file."""
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def opened(path: Path) -> VaultKeeper:
    """Open a vault."""
    return VaultKeeper(
        SqliteVaultStore(path),
        KeyRing(KEY),
        scope=VaultScope.SESSION,
        expire_after=None,
        now=lambda: datetime(2026, 11, 22, tzinfo=UTC),
    )


def test_no_file_holds_anything_in_clear(tmp_path: Path) -> None:
    """No value, place, session, tenant, principal or key is in the database or its log."""
    vaults = opened(tmp_path / "vault.db")
    vaults.keep(vaults.place(CALLER), [value(number) for number in range(50)])
    names = (b"canary", b"conv-of-jane", b"acme", b"alice", b"support", b"messages", KEY.secret)
    assert b"EMAIL" in on_disk(tmp_path)
    for _ in range(2):
        assert not [name for name in names if name in on_disk(tmp_path)]
        assert CALLER.session_key.encode() not in on_disk(tmp_path)
        vaults.close()


def test_only_its_owner_can_read_the_file(tmp_path: Path) -> None:
    """The file is made for nobody else."""
    opened(tmp_path / "vault.db").close()
    assert stat.S_IMODE((tmp_path / "vault.db").stat().st_mode) == 0o600


def test_what_was_erased_is_in_no_file(tmp_path: Path) -> None:
    """The sealed bytes and the placeholders of a session are gone, those of others stay."""
    vaults = opened(tmp_path / "vault.db")
    vaults.keep(vaults.place(OTHER), [value(90)])
    vaults.keep(vaults.place(CALLER), [value(number) for number in range(40)])
    with closing(sqlite3.connect(tmp_path / "vault.db")) as connection:
        rows = connection.execute("SELECT placeholder, sealed, session FROM vault").fetchall()
    (kept,) = [row for row in rows if row[0] == value(90).placeholder]
    erased = [row for row in rows if row is not kept]
    assert all(row[1] in on_disk(tmp_path) for row in rows)
    assert vaults.erase(session="conv-of-jane", tenant="acme") == {"email": 40}
    left = on_disk(tmp_path)
    assert kept[1] in left
    for placeholder, sealed, session in erased:
        assert sealed not in left
        assert sealed[20:60] not in left
        assert placeholder.encode() not in left
        assert session.encode() not in left


def test_an_erasure_that_others_hold_up_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody reads an old state the log cannot be cleared, and nobody is told it was."""
    monkeypatch.setattr("agentguard.stores.connections.RETRY_SECONDS", 0.05)
    vaults = opened(tmp_path / "vault.db")
    vaults.keep(vaults.place(CALLER), [value(1)])
    with closing(sqlite3.connect(tmp_path / "vault.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM vault").fetchone()
        with pytest.raises(StoreFailure, match="erase again"):
            vaults.erase(tenant="acme")
        reader.execute("COMMIT")
    assert vaults.erase(tenant="acme") == {}
    assert value(1).placeholder.encode() not in on_disk(tmp_path)


def test_another_programs_file_is_not_touched(tmp_path: Path) -> None:
    """A database that is no vault, and one of a later version, are refused as they are."""
    for number, statement in enumerate(
        ("CREATE TABLE mine (x)", "PRAGMA user_version = 7", "PRAGMA application_id = 3")
    ):
        path = tmp_path / f"{number}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE other (x)")
            connection.execute(statement)
            connection.commit()
        with pytest.raises(StoreFailure, match="another program"):
            opened(path)
        with closing(sqlite3.connect(path)) as connection:
            names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        assert not names & {"vault", "vault_state"}


def test_a_newer_vault_is_refused(tmp_path: Path) -> None:
    """A file that a later version wrote is not read by this one."""
    opened(tmp_path / "vault.db").close()
    with closing(sqlite3.connect(tmp_path / "vault.db")) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreFailure, match="schema 2"):
        opened(tmp_path / "vault.db")


def test_a_file_that_was_replaced_is_not_written(tmp_path: Path) -> None:
    """What was opened is what is written, and nothing goes into a file that nobody reads."""
    vaults = opened(tmp_path / "vault.db")
    place = vaults.place(CALLER)
    vaults.keep(place, [value(1)])
    (tmp_path / "vault.db").rename(tmp_path / "moved.db")
    for path in (None, tmp_path / "vault.db"):
        if path is not None:
            opened(path).close()
        with pytest.raises(StoreFailure, match="moved or replaced"):
            vaults.keep(place, [value(2)])
        with pytest.raises(StoreFailure, match="moved or replaced"):
            vaults.read(place)
