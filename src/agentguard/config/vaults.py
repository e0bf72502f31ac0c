# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is the vault kept beyond the process, and with which key?

Reads what ``[vault]`` says.

INVARIANT: no problem holds a key or an address (tests/config/test_vaults.py).
"""

import re
from collections.abc import Mapping
from pathlib import Path

from agentguard.config.document import Tell, VaultTable
from agentguard.config.keys import SealingKeys
from agentguard.config.settings import VaultPlace, VaultSettings

DEFAULT_FILE = "agentguard-vault.db"

_TENANT = re.compile(r"[!-~]{1,256}")


def vault_of(
    table: VaultTable, folder: Path, store: Path, env: Mapping[str, str], tell: Tell
) -> VaultSettings:
    """Return how the vault is kept; with stand-ins for what was told to be wrong.

    Args:
        table: ``[vault]``.
        folder: the folder that names of files are relative to.
        store: the file of approvals and audit streams, which cannot hold the vault as well.
        env: the environment.
        tell: takes each problem with its path.
    """
    reading = _Reading(folder, env, tell)
    keys = SealingKeys("vault", folder, env, tell)
    if table.tenant is not None and _TENANT.fullmatch(table.tenant) is None:
        tell(("vault", "tenant"), "must be up to 256 printable ASCII characters")
    return VaultSettings(
        scope=table.scope,
        tenant=table.tenant,
        file=reading.file(table, store),
        address=reading.address(table),
        key=keys.key(table),
        old_keys=keys.old_keys(table),
        expire_after=keys.expiry(table),
    )


class _Reading:
    """What one table names."""

    def __init__(self, folder: Path, env: Mapping[str, str], tell: Tell) -> None:
        self._folder = folder
        self._env = env
        self._tell = tell

    def file(self, table: VaultTable, store: Path) -> Path | None:
        if table.store is not VaultPlace.SQLITE:
            if table.file is not None:
                self._tell(("vault", "file"), "belongs to store = 'sqlite'")
            return None
        file = self._folder / (table.file or DEFAULT_FILE)
        if file.resolve() == store.resolve():
            self._tell(("vault", "file"), "is the file of the audit log: give it one of its own")
        return file

    def address(self, table: VaultTable) -> str | None:
        path = ("vault", "dsn_env")
        if table.store is VaultPlace.SQLITE:
            if table.dsn_env is not None:
                self._tell(path, "belongs to store = 'postgres'")
            return None
        if table.dsn_env is None:
            self._tell(path, "is needed: the environment variable that holds the address")
            return None
        address = self._env.get(table.dsn_env, "").strip()
        if not address:
            self._tell(path, f"environment variable {table.dsn_env!r} is not set")
        return address
