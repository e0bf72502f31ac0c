# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is what an operator did, such as an erasure, written into the audit log?

INVARIANT: the entry says by what was chosen and how much it was, and holds no name of a session,
a tenant or a person (tests/cli/test_facts_command.py, tests/cli/test_vault_command.py).
"""

from collections.abc import Mapping

from agentguard.cli.output import CommandFailed
from agentguard.config import Deployment
from agentguard.stores import Journal, SqliteStore, StoreFailure
from agentguard.vocabulary import AuditEntry
from agentguard.wiring import now


def chosen_by(options: Mapping[str, bool]) -> str:
    """Return what an erasure goes by, of what may be chosen; empty where nothing is."""
    return " and ".join(name for name, is_chosen in options.items() if is_chosen)


def write_down(
    deployment: Deployment, entry: AuditEntry, *, create: bool = True, done: str = "erased"
) -> None:
    """Write the audit entry that says what was done.

    Args:
        deployment: where the log lies.
        entry: what was done; for an erasure by what it was chosen.
        create: whether to begin a log where there is none.
        done: what was done, in a word.

    Raises:
        CommandFailed: what was done is not written down.
    """
    problem = None
    try:
        store = SqliteStore(deployment.store, create=create)
        journal = Journal(store, now)
        try:
            journal.append(entry, durable=True)
        finally:
            journal.close()
            store.close()
    except StoreFailure as failure:
        problem = f"{done}, but not written into the audit log: {failure}"
    if problem is not None:
        raise CommandFailed(problem)
