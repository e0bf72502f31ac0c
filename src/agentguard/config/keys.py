# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""With which keys is what a guard keeps sealed?

Reads the keys from the files and environment variables that a table such as ``[vault]`` names.

INVARIANT: no problem holds a key (tests/config/test_vaults.py).
"""

import base64
import binascii
import os
import stat
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from agentguard.config.document import FactsTable, Tell, VaultTable
from agentguard.config.durations import EXPECTED, duration

KEY_BYTES = 32

_NOT_A_KEY = f"must be {KEY_BYTES} random bytes in base64, as 'openssl rand -base64 32' gives"


class SealingKeys:
    """What one table says of its keys; with stand-ins for what was told to be wrong.

    Args:
        name: the table's name.
        folder: the folder that names of files are relative to.
        env: the environment.
        tell: takes each problem with its path.
    """

    def __init__(self, name: str, folder: Path, env: Mapping[str, str], tell: Tell) -> None:
        self._name = name
        self._folder = folder
        self._env = env
        self._tell = tell

    def key(self, table: VaultTable | FactsTable) -> bytes:
        """Return the key that seals."""
        if (table.key_env is None) is (table.key_file is None):
            self._tell((self._name, "key_env"), "is needed, or else 'key_file'; one of them")
        elif table.key_env is not None:
            return self._from_environment(table.key_env, (self._name, "key_env"))
        elif table.key_file is not None:
            return self._from_file(table.key_file, (self._name, "key_file"))
        return bytes(KEY_BYTES)

    def old_keys(self, table: VaultTable | FactsTable) -> tuple[bytes, ...]:
        """Return the keys that only open."""
        names, files = table.old_key_envs or (), table.old_key_files or ()
        return (
            *(
                self._from_environment(name, (self._name, "old_key_envs", index))
                for index, name in enumerate(names)
            ),
            *(
                self._from_file(name, (self._name, "old_key_files", index))
                for index, name in enumerate(files)
            ),
        )

    def expiry(self, table: VaultTable | FactsTable) -> timedelta | None:
        """Return how long what was sealed is kept, None for as long as nobody erases it."""
        if table.expire_after is None:
            return None
        found = duration(table.expire_after)
        if not found:
            self._tell((self._name, "expire_after"), EXPECTED)
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
