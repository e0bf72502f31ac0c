# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do approvals and the audit log live?

In one SQLite file per deployment, so that the claim of an approval and the intent entry are one
transaction. ``SqliteReader`` reads it, ``SqliteStore`` also writes it, ``Journal`` is how a
process writes its stream.
"""

from agentguard.stores.failures import ChangeLost, StoreFailure
from agentguard.stores.forking import watch
from agentguard.stores.journal import Journal
from agentguard.stores.reading import SqliteReader, StreamRecord, may_live
from agentguard.stores.sqlite import Append, Head, SqliteStore

__all__ = [
    "Append",
    "ChangeLost",
    "Head",
    "Journal",
    "SqliteReader",
    "SqliteStore",
    "StoreFailure",
    "StreamRecord",
    "may_live",
    "watch",
]
