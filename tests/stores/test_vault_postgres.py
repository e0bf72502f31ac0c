# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A server that cannot be used is a failure without an address or a row in it."""

import psycopg
import pytest

from agentguard.config import VaultSettings
from agentguard.identity import Identities
from agentguard.redaction import Issued, VaultScope
from agentguard.stores import Selection, StoreFailure
from agentguard.stores.vault_postgres import PostgresVaultStore
from agentguard.wiring import vault_keeper


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://someone:pa55word@127.0.0.1:1/vault",
        "postgresql://someone:pa55word@/vault?host=/nowhere",
        "pa55word no address",
    ],
)
def test_a_server_that_is_not_there_is_told_without_its_address(address: str) -> None:
    """Neither host nor password stands in the failure, its cause or its context."""
    with pytest.raises(StoreFailure) as caught:
        PostgresVaultStore(address)
    assert str(caught.value).startswith("the vault's server could not be written: ")
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert "pa55word" not in str(caught.value)


def test_a_connection_that_broke_is_opened_again(server: str) -> None:
    """A server that was started anew is used again, and what was written is written once."""
    store = PostgresVaultStore(server)
    for use in (lambda: store.read(["a" * 64], 0), lambda: store.erase(Selection(serials=[]))):
        use()
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'agentguard'"
            )
        use()
    store.close()


def test_tables_of_a_later_version_are_refused(server: str) -> None:
    """What a later version wrote is not read by this one."""
    PostgresVaultStore(server).close()
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("UPDATE agentguard_vault_state SET version = 2")
        try:
            with pytest.raises(StoreFailure, match="newer"):
                PostgresVaultStore(server)
        finally:
            connection.execute("UPDATE agentguard_vault_state SET version = 1")


def test_a_policys_server_keeps_values(server: str) -> None:
    """What one process keeps on the server another reads, and nothing of it is in clear there."""
    before = PostgresVaultStore(server)
    before.erase(Selection())
    before.close()
    settings = VaultSettings(
        scope=VaultScope.TENANT,
        tenant="acme",
        file=None,
        address=server,
        key=bytes(range(32)),
        old_keys=(),
        expire_after=None,
    )
    first, second = vault_keeper(settings), vault_keeper(settings)
    caller = Identities(lambda: "s", "acme").narrowed("agent:support", session="canary-session")
    value = Issued(
        placeholder="[[EMAIL:7KQ2M4XA]]",
        value="canary@leak.example",
        data_class="email",
        reversible=True,
        source="/canary",
    )
    first.keep(first.place(caller), [value])
    assert second.read(second.place(caller)).own == (value,)
    with psycopg.connect(server) as connection:
        rows = connection.execute("SELECT * FROM agentguard_vault").fetchall()
    assert b"canary" not in b"".join(
        each if isinstance(each, bytes) else str(each).encode() for row in rows for each in row
    )
    assert first.erase(tenant="acme") == {"email": 1}
    assert second.read(second.place(caller)).own == ()
    first.close()
    second.close()
