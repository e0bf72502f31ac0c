# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A batch is written whole or not at all."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from agentguard.audit import FIRST_PREVIOUS, parse_entry
from agentguard.stores import Append, Head, SqliteStore, StoreFailure
from agentguard.vocabulary import (
    Answer,
    ApprovalChange,
    ApprovalRequest,
    ApprovalState,
    AuditEntry,
    EntryType,
    Position,
    Vote,
)

Entry = Callable[..., AuditEntry]
Question = Callable[..., ApprovalRequest]
Unprivileged = Callable[[], AbstractContextManager[None]]
AT = datetime(2026, 11, 22, 9, 5, tzinfo=UTC)


@pytest.fixture
def head(store: SqliteStore, entry: Entry) -> Head:
    """Give the head of a stream that was opened."""
    opened = Append.of(entry("o", EntryType.STREAM_OPENED))
    return store.commit(Head(stream="s"), [opened])[0]


def _moved(request: ApprovalRequest, state: ApprovalState) -> ApprovalRequest:
    return replace(request, state=state, version=request.version + 1)


def _calls(store: SqliteStore) -> list[str | None]:
    return [parse_entry(row.content).entry.call_id for row in store.entries("s")]


def test_a_new_database_belongs_to_its_owner_alone(store: SqliteStore, place: Path) -> None:
    """The file, and the log beside it, can be read by nobody else."""
    assert place.stat().st_mode & 0o777 == 0o600


def test_the_write_ahead_log_belongs_to_the_owner_alone(
    store: SqliteStore, head: Head, place: Path
) -> None:
    """What SQLite makes beside the file has the file's permissions."""
    names = {path.name for path in place.parent.iterdir()}
    assert names == {place.name, place.name + "-wal", place.name + "-shm"}
    for path in place.parent.iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    """A database in a folder that is not there is refused, and the folder is not made."""
    with pytest.raises(StoreFailure, match="there can be no database"):
        SqliteStore(tmp_path / "nowhere" / "guard.db")
    assert list(tmp_path.iterdir()) == []


def test_a_missing_database_is_not_made_when_that_is_asked(place: Path) -> None:
    """A command that works on an existing database does not make another."""
    with pytest.raises(StoreFailure, match="there is no database"):
        SqliteStore(place, create=False)
    assert not place.exists()


def test_entries_are_chained_in_the_order_of_the_batch(
    store: SqliteStore, head: Head, entry: Entry
) -> None:
    """Each entry names the hash of the one before, over batches too."""
    head, positions = store.commit(head, [Append.of(entry("a")), Append.of(entry("b"))])
    head, _ = store.commit(head, [Append.of(entry("c"))])
    assert positions == (Position(stream="s", seq=1), Position(stream="s", seq=2))
    rows = [parse_entry(row.content) for row in store.entries("s")]
    links = [FIRST_PREVIOUS, *(row.hash for row in rows)]
    assert [row.previous for row in rows] == links[:-1]
    assert (head.next_seq, head.previous) == (4, links[-1])


def test_a_change_and_its_entry_are_one(
    store: SqliteStore, head: Head, entry: Entry, question: Question
) -> None:
    """A request is made with its entry, and read back as it was written."""
    asked = question("r")
    change = ApprovalChange(before=None, after=asked)
    store.commit(head, [Append.of(entry("a"), change=change)])
    assert store.approval("r") == asked
    assert _calls(store) == ["o", "a"]


def test_a_lost_change_leaves_no_entry(
    store: SqliteStore, head: Head, entry: Entry, question: Question
) -> None:
    """Of two claims made from the same reading one is written, with its entry, and one is not."""
    asked = question("r")
    opened = Append.of(entry("a"), change=ApprovalChange(before=None, after=asked))
    head, _ = store.commit(head, [opened])
    taken = ApprovalChange(before=asked, after=_moved(asked, ApprovalState.EXECUTING))
    batch = [
        Append.of(entry("first"), change=taken),
        Append.of(entry("second"), change=taken),
        Append.of(entry("other")),
    ]
    _, positions = store.commit(head, batch)
    assert positions == (Position(stream="s", seq=2), None, Position(stream="s", seq=3))
    assert _calls(store) == ["o", "a", "first", "other"]


@pytest.mark.parametrize(
    "stale", [{"version": 1}, {"state": ApprovalState.APPROVED}, {"id": "unknown"}], ids=str
)
def test_a_change_from_a_stale_reading_is_lost(
    store: SqliteStore,
    head: Head,
    entry: Entry,
    question: Question,
    stale: dict[str, object],
) -> None:
    """State, version and id must all be as they were read."""
    asked = question("r")
    opened = Append.of(entry("a"), change=ApprovalChange(before=None, after=asked))
    head, _ = store.commit(head, [opened])
    before = replace(asked, **stale)  # type: ignore[arg-type]  # fields by name
    change = ApprovalChange(before=before, after=_moved(before, ApprovalState.EXECUTING))
    _, positions = store.commit(head, [Append.of(entry("b"), change=change)])
    assert positions == (None,)
    assert store.approval("r") == asked


@pytest.mark.parametrize(
    ("there", "beside", "made"),
    [
        ({}, frozenset(), False),
        ({}, frozenset({"another"}), False),
        ({}, frozenset({"there"}), True),
        ({}, None, True),
        ({"state": ApprovalState.DONE}, frozenset(), True),
        ({"tool": "delete_account"}, frozenset(), True),
        ({"session_key": "sha256:other"}, frozenset(), True),
    ],
    ids=str,
)
def test_a_request_is_made_only_beside_those_that_were_seen(
    store: SqliteStore,
    head: Head,
    entry: Entry,
    question: Question,
    there: dict[str, object],
    beside: frozenset[str] | None,
    *,
    made: bool,
) -> None:
    """Another open request of the session and tool, unseen so far, makes the new one lost."""
    first = ApprovalChange(before=None, after=question("there", **there))
    second = ApprovalChange(before=None, after=question("new"), beside=beside)
    batch = [Append.of(entry("a"), change=first), Append.of(entry("b"), change=second)]
    _, positions = store.commit(head, batch)
    assert (positions[1] is not None) is made
    assert (store.approval("new") is not None) is made


def test_the_same_request_is_not_made_twice(
    store: SqliteStore, head: Head, entry: Entry, question: Question
) -> None:
    """A second request of the same id is lost and does not replace the first."""
    change = ApprovalChange(before=None, after=question("r"))
    other = ApprovalChange(before=None, after=question("r", tool="delete_account"))
    batch = [Append.of(entry("a"), change=change), Append.of(entry("b"), change=other)]
    _, positions = store.commit(head, batch)
    assert positions[1] is None
    found = store.approval("r")
    assert found is not None
    assert found.tool == "refund"


def test_a_second_vote_of_an_approver_is_lost_whole(
    store: SqliteStore, head: Head, entry: Entry, question: Question
) -> None:
    """A vote that is there already takes the change of state back with it."""
    vote = Vote(request_id="r", approver="a", answer=Answer.APPROVE, at=AT, signature="c2ln")
    asked = question("r")
    once = replace(asked, version=1, votes=(vote,))
    twice = replace(once, version=2, state=ApprovalState.APPROVED, votes=(vote, vote))
    batch = [
        Append.of(entry("a"), change=ApprovalChange(before=None, after=asked)),
        Append.of(entry("b"), change=ApprovalChange(before=asked, after=once, vote=vote)),
        Append.of(entry("c"), change=ApprovalChange(before=once, after=twice, vote=vote)),
    ]
    _, positions = store.commit(head, batch)
    assert positions[2] is None
    assert store.approval("r") == once


def test_a_failed_batch_leaves_nothing(
    store: SqliteStore, head: Head, entry: Entry, question: Question, place: Path
) -> None:
    """When one item cannot be written nothing of its batch is there, changes included."""
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute(
            "CREATE TRIGGER broken BEFORE INSERT ON commitment_salt"
            " BEGIN SELECT RAISE(ABORT, 'canary-8841'); END"
        )
    change = ApprovalChange(before=None, after=question("r"))
    batch = [Append.of(entry("a"), change=change), Append.of(entry("b"), salt=b"x" * 32)]
    with pytest.raises(StoreFailure, match="SQLITE_CONSTRAINT") as caught:
        store.commit(head, batch)
    assert "canary-8841" not in str(caught.value)
    assert _calls(store) == ["o"]
    assert store.approval("r") is None


@pytest.mark.parametrize("cut", ["DELETE", "rewrite"])
def test_a_stream_that_was_altered_under_us_is_not_continued(
    store: SqliteStore, head: Head, entry: Entry, place: Path, cut: str
) -> None:
    """The live writer sees that its own end was cut off or rewritten, and refuses to go on."""
    head, _ = store.commit(head, [Append.of(entry("a"))])
    change = (
        "DELETE FROM audit_entry WHERE seq = 1"
        if cut == "DELETE"
        else "UPDATE audit_entry SET hash = 'f' WHERE seq = 1"
    )
    with closing(sqlite3.connect(place)) as connection, connection:
        connection.execute("DROP TRIGGER audit_entry_is_never_changed")
        connection.execute("DROP TRIGGER audit_entry_is_never_removed")
        connection.execute(change)
    with pytest.raises(StoreFailure, match="not what this process wrote"):
        store.commit(head, [Append.of(entry("b"))])


def test_a_removed_database_is_not_written_in_secret(
    store: SqliteStore, head: Head, entry: Entry, place: Path
) -> None:
    """Entries do not go on into a file that nobody can find any more."""
    place.unlink()
    with pytest.raises(StoreFailure, match="moved or replaced"):
        store.commit(head, [Append.of(entry("a"))])


def test_a_replaced_database_is_refused(
    store: SqliteStore, head: Head, entry: Entry, place: Path
) -> None:
    """A database put in the place of ours is not written."""
    SqliteStore(place.with_name("other.db")).close()
    place.with_name("other.db").replace(place)
    with pytest.raises(StoreFailure, match="moved or replaced"):
        store.commit(head, [Append.of(entry("a"))])


def test_a_read_only_file_is_refused_and_heals(
    shared_folder: Path, entry: Entry, unprivileged: Unprivileged
) -> None:
    """A database that cannot be written fails, and works again once it can."""
    place = shared_folder / "guard.db"
    with unprivileged():
        store = SqliteStore(place)
        opened = Append.of(entry("o", EntryType.STREAM_OPENED))
        head, _ = store.commit(Head(stream="s"), [opened])
        store.close()
        place.chmod(0o400)
        with pytest.raises(StoreFailure, match="READONLY"):
            store.commit(head, [Append.of(entry("a"))])
        for path in shared_folder.iterdir():
            path.chmod(0o600)
        _, positions = store.commit(head, [Append.of(entry("a"))])
        store.close()
    assert positions == (Position(stream="s", seq=1),)


def test_a_read_only_folder_is_refused(
    shared_folder: Path, entry: Entry, unprivileged: Unprivileged
) -> None:
    """A database beside which no log can be made fails."""
    place = shared_folder / "guard.db"
    with unprivileged():
        SqliteStore(place).close()
        store = SqliteStore(place)
        for beside in (place.with_name("guard.db-wal"), place.with_name("guard.db-shm")):
            beside.unlink(missing_ok=True)
        shared_folder.chmod(0o500)
        with pytest.raises(StoreFailure, match="the store could not be written"):
            store.commit(Head(stream="s"), [Append.of(entry("o", EntryType.STREAM_OPENED))])


def test_an_entry_without_canonical_form_is_refused_before_the_batch(entry: Entry) -> None:
    """An entry that cannot be written down fails its own caller and no other."""
    with pytest.raises(StoreFailure, match="cannot be written down"):
        Append.of(replace(entry("a"), target="\ud800"))


@pytest.mark.parametrize(
    "change",
    [
        {"resolved": "sha256:x", "version": 1},
        {"need": 1, "version": 1},
        {"state": ApprovalState.APPROVED},
        {"state": ApprovalState.APPROVED, "version": 2},
    ],
    ids=str,
)
def test_a_change_that_alters_the_question_or_skips_a_version_is_refused(
    entry: Entry, question: Question, change: dict[str, object]
) -> None:
    """A change moves a request one version on and leaves what was asked alone."""
    asked = question("r")
    after = replace(asked, **change)  # type: ignore[arg-type]  # fields by name
    with pytest.raises(StoreFailure):
        Append.of(entry("a"), change=ApprovalChange(before=asked, after=after))


def test_a_vote_for_another_request_is_refused(entry: Entry, question: Question) -> None:
    """A vote is written only with the request that it is for."""
    asked = question("r")
    vote = Vote(request_id="q", approver="a", answer=Answer.APPROVE, at=AT, signature="c2ln")
    change = ApprovalChange(before=asked, after=replace(asked, version=1), vote=vote)
    with pytest.raises(StoreFailure):
        Append.of(entry("a"), change=change)
