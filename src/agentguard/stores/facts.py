# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What did the decisions on recorded calls rest on, and how is that erased?

Rows lie beside the audit entries that they belong to, sealed. This reads and erases them; they
are written with their entries, in one transaction.

INVARIANT: an erasure touches no audit entry, and what was erased is in no file of the store
(tests/stores/test_facts_store.py).
"""

import heapq
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from agentguard.audit import NotAnEntry, StoredEntry, parse_entry
from agentguard.stores.connections import (
    connect_erasing,
    failure,
    patiently,
    transaction,
    truncate_log,
)
from agentguard.stores.failures import StillLogged
from agentguard.stores.reading import PAGE, SqliteReader
from agentguard.vocabulary import AuditEntry, EntryType, Outcome, Reason

DECIDED = frozenset({EntryType.INTENT, EntryType.REFUSED})
_ERASED = "decided calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFacts:
    """What a decision rested on, as it lies in the store.

    Attributes:
        session, person: whose it is, as digests by the operator's key.
        at: when the call was decided, in seconds.
        key_id: the key that it was sealed with.
        sealed: the facts.
        expired: what was decided before this moment, in seconds, has expired; None for nothing.
    """

    session: str
    person: str
    at: int
    key_id: str
    sealed: bytes = field(repr=False)
    expired: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsSelection:
    """Which facts are meant: those to which all of these apply.

    Attributes:
        sessions, persons: digests by each key; None for anybody's.
        before: decided before this moment, in seconds; None for any time.
    """

    sessions: tuple[str, ...] | None = None
    persons: tuple[str, ...] | None = None
    before: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCall:
    """An entry about a decided call, and the facts that are kept of it.

    ``facts`` is None where none were kept, or they were erased.
    """

    entry: AuditEntry
    facts: SealedFacts | None


def write_facts(
    connection: sqlite3.Connection, beside: Sequence[tuple[str, int, SealedFacts]]
) -> None:
    """Write facts beside the entries at these places, and erase what has expired.

    Whoever calls holds the transaction in which the entries are written.
    """
    if not beside:
        return
    connection.executemany(
        "INSERT INTO decided_call VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            (stream, seq, facts.session, facts.person, facts.at, facts.key_id, facts.sealed)
            for stream, seq, facts in beside
        ),
    )
    expired = [facts.expired for _, _, facts in beside if facts.expired is not None]
    if expired:
        connection.execute("PRAGMA secure_delete = ON")
        connection.execute("DELETE FROM decided_call WHERE at < ?", (max(expired),))


class FactsStore(SqliteReader):
    """The facts in a database of the audit log; reads it, and erases nothing but facts.

    Args:
        path: the database file, which must exist.

    Raises:
        StoreFailure: there is no such file, or it is not a database of this schema.
    """

    def recorded(self, since: datetime | None = None) -> Iterator[RecordedCall]:
        """Yield the entries about calls that a policy decided, with their facts, by time.

        Args:
            since: the first moment that counts; None for all.
        """
        streams = [self._placed(record.stream) for record in self.streams()]
        for stored, facts in heapq.merge(*streams, key=lambda placed: placed[0].entry.at):
            entry = stored.entry
            if entry.type not in DECIDED or entry.effect is None:
                continue
            if since is None or entry.at >= since:
                yield RecordedCall(entry=entry, facts=facts)

    def marked_sessions(self, harmless: Collection[Reason | None]) -> frozenset[str]:
        """Return the keys of the sessions in which something was refused or withheld.

        Args:
            harmless: reasons of refusals that say nothing about the session.
        """
        marked: set[str] = set()
        for record in self.streams():
            for stored, _ in self._placed(record.stream, with_facts=False):
                entry = stored.entry
                refused = entry.type is EntryType.REFUSED and entry.reason not in harmless
                if entry.session_key and (refused or entry.outcome is Outcome.WITHHELD):
                    marked.add(entry.session_key)
        return frozenset(marked)

    def _placed(
        self, stream: str, *, with_facts: bool = True
    ) -> Iterator[tuple[StoredEntry, SealedFacts | None]]:
        """Yield every entry of a stream that can be read, with the facts that lie beside it."""
        rows = self.entries(stream)
        while page := list(islice(rows, PAGE)):
            beside = self._beside(stream, page[0].seq, page[-1].seq) if with_facts else {}
            for row in page:
                try:
                    stored = parse_entry(row.content)
                except NotAnEntry:
                    continue  # `audit verify` says where the log is broken
                yield stored, beside.get(row.seq)

    def _beside(self, stream: str, first: int, last: int) -> dict[int, SealedFacts]:
        found = self._rows(
            "SELECT seq, session, person, at, key_id, sealed FROM decided_call"
            " WHERE stream = ? AND seq BETWEEN ? AND ?",
            *(stream, first, last),
        )
        return {
            int(str(seq)): SealedFacts(
                session=str(session),
                person=str(person),
                at=int(str(at)),
                key_id=str(key_id),
                sealed=sealed if isinstance(sealed, bytes) else b"",
            )
            for seq, session, person, at, key_id, sealed in found
        }

    def erase(self, selection: FactsSelection) -> int:
        """Erase facts and say how many; they are gone from the disk when this returns.

        Raises:
            StoreFailure: nothing was erased.
            StillLogged: they are erased, and the log of the store still holds them, sealed.
        """
        conditions, values = _conditions(selection)
        statement = f"DELETE FROM decided_call WHERE {conditions}"  # noqa: S608 - no value in it

        def once() -> int:
            with closing(connect_erasing(self.path)) as connection, transaction(connection):
                return connection.execute(statement, values).rowcount

        try:
            gone = patiently(once)
        except sqlite3.Error as error:
            failed = failure("be cleared of facts", error)
        else:
            self._truncate_log(gone)
            return gone
        raise failed

    def _truncate_log(self, gone: int) -> None:
        try:
            done, problem = truncate_log(self.path), ""
        except sqlite3.Error as error:
            done, problem = False, f" ({getattr(error, 'sqlite_errorname', 'unknown')})"
        if not done:
            raise StillLogged(
                "the facts are erased, but others use the database, so that its log still holds"
                f" them, sealed: erase again{problem}",
                {_ERASED: gone},
            )


def _conditions(selection: FactsSelection) -> tuple[str, list[str | int]]:
    conditions, values = ["TRUE"], list[str | int]()
    for column, digests in (("session", selection.sessions), ("person", selection.persons)):
        if digests is not None:
            conditions.append(f"{column} IN ({', '.join('?' * len(digests))})")
            values += digests
    if selection.before is not None:
        conditions.append("at < ?")
        values.append(selection.before)
    return " AND ".join(conditions), values
