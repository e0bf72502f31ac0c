# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where are budgets, rates and the stop kept?

Reads what ``[ledger]`` says.

INVARIANT: no problem holds an address (tests/config/test_ledgers.py).
"""

from collections.abc import Mapping
from pathlib import Path

from agentguard.config.document import Tell
from agentguard.config.flow_document import LedgerTable
from agentguard.config.settings import LedgerPlace, LedgerSettings, RatesPlace

DEFAULT_FILE = "agentguard-ledger.db"


def ledger_of(
    table: LedgerTable, folder: Path, others: tuple[Path, ...], env: Mapping[str, str], tell: Tell
) -> LedgerSettings:
    """Return where the ledger is kept; with stand-ins for what was told to be wrong.

    Args:
        table: ``[ledger]``.
        folder: the folder that names of files are relative to.
        others: the files of other stores, that of the audit log first; none can hold the ledger
            as well.
        env: the environment.
        tell: takes each problem with its path.
    """

    def address(key: str, name: str | None, place: str, *, wanted: bool) -> str | None:
        path = ("ledger", key)
        if not wanted:
            if name is not None:
                tell(path, f"belongs to {place}")
            return None
        if name is None:
            tell(path, "is needed: the environment variable that holds the address")
            return None
        found = env.get(name, "").strip()
        if not found:
            tell(path, f"environment variable {name!r} is not set")
        return found

    on_server = table.store is LedgerPlace.POSTGRES
    server = address("dsn_env", table.dsn_env, "store = 'postgres'", wanted=on_server)
    on_redis = table.rates is RatesPlace.REDIS
    return LedgerSettings(
        file=_file(table, folder, others, tell),
        address=server,
        rates=address("redis_env", table.redis_env, "rates = 'redis'", wanted=on_redis),
    )


def _file(table: LedgerTable, folder: Path, others: tuple[Path, ...], tell: Tell) -> Path | None:
    path = ("ledger", "file")
    if table.store is not LedgerPlace.SQLITE:
        if table.file is not None:
            tell(path, "belongs to store = 'sqlite'")
        return None
    # The guard can write where its store is; the policy may lie where it cannot.
    default = others[0].parent / DEFAULT_FILE
    file = default if table.file is None else folder / table.file
    if file.resolve() in {other.resolve() for other in others}:
        tell(path, "is the file of another store: give it one of its own")
    return file
