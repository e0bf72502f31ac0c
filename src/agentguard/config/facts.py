# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How long are the facts of decisions kept, and with which key?

Reads what ``[facts]`` says, and the keys from the files and environment variables it names.

INVARIANT: no problem holds a key (tests/config/test_facts_table.py).
"""

from collections.abc import Mapping
from pathlib import Path

from agentguard.config.document import FactsTable, Tell
from agentguard.config.keys import SealingKeys
from agentguard.config.settings import FactsSettings


def facts_of(
    table: FactsTable,
    folder: Path,
    env: Mapping[str, str],
    tell: Tell,
    *,
    tenant: str | None = None,
) -> FactsSettings:
    """Return how facts are kept; with stand-ins for what was told to be wrong.

    Args:
        table: ``[facts]``.
        folder: the folder that names of files are relative to.
        env: the environment.
        tell: takes each problem with its path.
        tenant: whose the sessions are for which the host names no tenant.
    """
    keys = SealingKeys("facts", folder, env, tell)
    return FactsSettings(
        key=keys.key(table),
        old_keys=keys.old_keys(table),
        expire_after=keys.expiry(table),
        tenant=tenant,
    )
