# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is the vault kept beyond the process, and with which key?

Reads what ``[vault]`` says, and the keys from the files and environment variables it names.

INVARIANT: no problem holds a key or an address (tests/config/test_vaults.py).
"""

import base64
import binascii
import os
import re
import stat
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from agentguard.config.document import Tell, VaultTable
from agentguard.config.durations import EXPECTED, duration
from agentguard.config.settings import VaultPlace, VaultSettings

DEFAULT_FILE = "agentguard-vault.db"
KEY_BYTES = 32

_NOT_A_KEY = f"must be {KEY_BYTES} random bytes in base64, as 'openssl rand -base64 32' gives"
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
    if table.tenant is not None and _TENANT.fullmatch(table.tenant) is None:
        tell(("vault", "tenant"), "must be up to 256 printable ASCII characters")
    return VaultSettings(
        scope=table.scope,
        tenant=table.tenant,
        file=reading.file(table, store),
        address=reading.address(table),
        key=reading.key(table),
        old_keys=reading.old_keys(table),
        expire_after=reading.expiry(table),
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

    def key(self, table: VaultTable) -> bytes:
        if (table.key_env is None) is (table.key_file is None):
            self._tell(("vault", "key_env"), "is needed, or else 'key_file'; one of them")
        elif table.key_env is not None:
            return self._from_environment(table.key_env, ("vault", "key_env"))
        elif table.key_file is not None:
            return self._from_file(table.key_file, ("vault", "key_file"))
        return bytes(KEY_BYTES)

    def old_keys(self, table: VaultTable) -> tuple[bytes, ...]:
        names, files = table.old_key_envs or (), table.old_key_files or ()
        return (
            *(
                self._from_environment(name, ("vault", "old_key_envs", index))
                for index, name in enumerate(names)
            ),
            *(
                self._from_file(name, ("vault", "old_key_files", index))
                for index, name in enumerate(files)
            ),
        )

    def expiry(self, table: VaultTable) -> timedelta | None:
        if table.expire_after is None:
            return None
        found = duration(table.expire_after)
        if not found:
            self._tell(("vault", "expire_after"), EXPECTED)
        return found

    def _from_environment(self, name: str, path: tuple[str | int, ...]) -> bytes:
        text = self._env.get(name, "")
        if not text.strip():
            self._tell(path, f"environment variable {name!r} is not set")
            return bytes(KEY_BYTES)
        return self._decoded(text, path, f"environment variable {name!r}")

    def _from_file(self, name: str, path: tuple[str | int, ...]) -> bytes:
        file = self._folder / name
        # Errors of reading and decoding may quote what they read: they end here.
        try:
            mode = file.stat().st_mode
            text = file.read_bytes().decode("ascii")
        except UnicodeDecodeError:
            text, mode = "?", 0
        except (OSError, ValueError) as error:  # the name may be none
            self._tell(path, f"file {name!r} cannot be read ({type(error).__name__})")
            return bytes(KEY_BYTES)
        if os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
            self._tell(path, f"file {name!r} is open to others than its owner: chmod 600 it")
        return self._decoded(text, path, f"file {name!r}")

    def _decoded(self, text: str, path: tuple[str | int, ...], where: str) -> bytes:
        key = b""
        try:
            key = base64.b64decode(text.strip().translate({45: "+", 95: "/"}), validate=True)
        except (binascii.Error, ValueError):
            key = b""
        if len(key) != KEY_BYTES or len(set(key)) == 1:
            self._tell(path, f"{where} {_NOT_A_KEY}")
            return bytes(KEY_BYTES)
        return key
