# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tables are there, and how did they come about?

The migrations in order; the number of the last one is the database's ``user_version``.
A migration that was published is never edited.

INVARIANT: a database of a newer schema, or of another program, is refused and not touched
(tests/stores/test_schema.py).
"""

import sqlite3

from agentguard.stores.connections import transaction
from agentguard.stores.failures import StoreFailure

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE audit_stream (
            stream TEXT PRIMARY KEY,
            host TEXT NOT NULL,
            pid INTEGER NOT NULL,
            opened_at TEXT NOT NULL,
            closed_seq INTEGER
        ) WITHOUT ROWID""",
        """CREATE TABLE audit_entry (
            stream TEXT NOT NULL REFERENCES audit_stream (stream),
            seq INTEGER NOT NULL CHECK (seq >= 0),
            hash TEXT NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (stream, seq)
        )""",
        """CREATE TABLE commitment_salt (
            stream TEXT NOT NULL,
            seq INTEGER NOT NULL,
            salt BLOB NOT NULL,
            PRIMARY KEY (stream, seq),
            FOREIGN KEY (stream, seq) REFERENCES audit_entry (stream, seq)
        ) WITHOUT ROWID""",
        """CREATE TABLE approval (
            id TEXT PRIMARY KEY,
            session_key TEXT NOT NULL,
            tool TEXT NOT NULL,
            created_at TEXT NOT NULL,
            question BLOB NOT NULL,
            state TEXT NOT NULL,
            version INTEGER NOT NULL,
            decided_at TEXT,
            claimed_by TEXT,
            lease_until TEXT
        )""",
        "CREATE INDEX approval_by_call ON approval (session_key, tool, created_at)",
        "CREATE INDEX approval_by_state ON approval (state, created_at)",
        """CREATE TABLE approval_vote (
            request_id TEXT NOT NULL REFERENCES approval (id),
            approver TEXT NOT NULL,
            answer TEXT NOT NULL,
            at TEXT NOT NULL,
            signature TEXT NOT NULL,
            PRIMARY KEY (request_id, approver)
        ) WITHOUT ROWID""",
        # These stop an honest hand that slips; against anybody else stands the chain.
        """CREATE TRIGGER audit_entry_is_never_changed BEFORE UPDATE ON audit_entry
            BEGIN SELECT RAISE(ABORT, 'audit entries are never changed'); END""",
        """CREATE TRIGGER audit_entry_is_never_removed BEFORE DELETE ON audit_entry
            BEGIN SELECT RAISE(ABORT, 'audit entries are never removed'); END""",
        """CREATE TRIGGER approval_stays_what_was_asked
            BEFORE UPDATE OF id, session_key, tool, created_at, question ON approval
            BEGIN SELECT RAISE(ABORT, 'a question is never changed'); END""",
        """CREATE TRIGGER approval_stays_ended BEFORE UPDATE ON approval
            WHEN OLD.state IN ('done', 'failed', 'rejected', 'expired', 'cancelled')
            BEGIN SELECT RAISE(ABORT, 'a request that ended stays ended'); END""",
    ),
    (
        # Amounts are exact decimal numbers, as text.
        """CREATE TABLE spent (
            scope TEXT NOT NULL,
            key TEXT NOT NULL,
            amount TEXT NOT NULL,
            PRIMARY KEY (scope, key)
        ) WITHOUT ROWID""",
        """CREATE TABLE charge (
            call_id TEXT NOT NULL,
            scope TEXT NOT NULL,
            key TEXT NOT NULL,
            amount TEXT NOT NULL,
            PRIMARY KEY (call_id, scope, key)
        ) WITHOUT ROWID""",
    ),
    (
        # Whose it is stands there as digests by the operator's key; an erasure leaves the entry.
        """CREATE TABLE decided_call (
            stream TEXT NOT NULL,
            seq INTEGER NOT NULL,
            session TEXT NOT NULL,
            person TEXT NOT NULL,
            at INTEGER NOT NULL,
            key_id TEXT NOT NULL,
            sealed BLOB NOT NULL,
            PRIMARY KEY (stream, seq),
            FOREIGN KEY (stream, seq) REFERENCES audit_entry (stream, seq)
        )""",
        "CREATE INDEX decided_call_by_session ON decided_call (session)",
        "CREATE INDEX decided_call_by_person ON decided_call (person)",
        "CREATE INDEX decided_call_by_age ON decided_call (at)",
    ),
    (
        # What servers say of their tools, as canonical JSON: trusted, and as it was seen since.
        """CREATE TABLE tool_definition (
            tool TEXT PRIMARY KEY,
            trusted TEXT NOT NULL,
            trusted_content BLOB NOT NULL,
            trusted_at TEXT NOT NULL,
            trusted_by TEXT NOT NULL,
            seen TEXT,
            seen_content BLOB,
            seen_at TEXT
        ) WITHOUT ROWID""",
    ),
)

CURRENT = len(MIGRATIONS)


def version_of(connection: sqlite3.Connection) -> int:
    """Return the number of the last migration that the database has seen.

    Raises:
        StoreFailure: the database is newer than this code, or not agentguard's.
    """
    # One statement, so that both numbers are of one moment.
    version, tables = connection.execute(
        "SELECT (SELECT user_version FROM pragma_user_version), count(*) FROM sqlite_master"
    ).fetchone()
    if version > CURRENT:
        raise StoreFailure(f"the database has schema {version}; this version knows up to {CURRENT}")
    if (version == 0) != (tables == 0) or version < 0:
        raise StoreFailure("the database belongs to another program")
    return int(version)


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date, in one transaction.

    Raises:
        StoreFailure: the database is newer than this code, or not agentguard's.
    """
    with transaction(connection):
        for statements in MIGRATIONS[version_of(connection) :]:
            for statement in statements:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {CURRENT}")
