# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where do approvals and the audit log live?

In one SQLite file per deployment, so that the claim of an approval and the intent entry are one
transaction. ``SqliteReader`` reads it, ``SqliteStore`` also writes it, ``Journal`` is how a
process writes its stream.

And where do the values of vaults live, when they are kept? In a file of their own, or on a
server: ``VaultKeeper`` says what is kept, ``KeyRing`` seals it, a ``VaultStore`` holds it.
"""

from agentguard.stores.definitions import DefinitionStore, KeptDefinition, SeenDefinition
from agentguard.stores.facts import FactsSelection, FactsStore, RecordedCall, SealedFacts
from agentguard.stores.facts_sealing import FactsKeeper
from agentguard.stores.failures import ChangeLost, LimitPassed, StillLogged, StoreFailure
from agentguard.stores.forking import watch
from agentguard.stores.journal import Journal
from agentguard.stores.ledger import LazyLedger, LedgerStore, PotsFull
from agentguard.stores.ledger_sqlite import SqliteLedger
from agentguard.stores.rates import RateReached, Rates
from agentguard.stores.reading import SqliteReader, StreamRecord, may_live
from agentguard.stores.sqlite import Append, Head, SqliteStore
from agentguard.stores.stopping import Stops
from agentguard.stores.vault import ClassAge, SealedRow, Selection, Shelf, VaultStore
from agentguard.stores.vault_keeping import Collision, Kept, Place, VaultKeeper
from agentguard.stores.vault_sealing import KeyRing, VaultKey
from agentguard.stores.vault_sqlite import SqliteVaultStore

__all__ = [
    "Append",
    "ChangeLost",
    "ClassAge",
    "Collision",
    "DefinitionStore",
    "FactsKeeper",
    "FactsSelection",
    "FactsStore",
    "Head",
    "Journal",
    "Kept",
    "KeptDefinition",
    "KeyRing",
    "LazyLedger",
    "LedgerStore",
    "LimitPassed",
    "Place",
    "PotsFull",
    "RateReached",
    "Rates",
    "RecordedCall",
    "SealedFacts",
    "SealedRow",
    "SeenDefinition",
    "Selection",
    "Shelf",
    "SqliteLedger",
    "SqliteReader",
    "SqliteStore",
    "SqliteVaultStore",
    "StillLogged",
    "Stops",
    "StoreFailure",
    "StreamRecord",
    "VaultKeeper",
    "VaultKey",
    "VaultStore",
    "may_live",
    "watch",
]
