# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Facts lie beside their entries, and leave the disk when they are erased."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType

import pytest

from agentguard.audit import VerdictState, verify
from agentguard.canonical import freeze
from agentguard.review.facts import DecidedCall, Ruling
from agentguard.stores import Journal, SqliteStore, StillLogged, VaultKey
from agentguard.stores.facts import FactsSelection, FactsStore
from agentguard.stores.facts_sealing import FactsKeeper
from agentguard.vocabulary import (
    AuditEntry,
    Chain,
    Effect,
    EntryType,
    Outcome,
    Principal,
    PrincipalKind,
    Reason,
    ToolCall,
)

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
CANARY = "canary-of-the-facts"
KEEPER = FactsKeeper(VaultKey(bytes(range(32))))


def decided(number: int, *, person: str = "user:alice", session: str = "s") -> DecidedCall:
    """Return a call, a minute after the one before."""
    arguments = MappingProxyType({"order": freeze(f"{CANARY}-{number}")})
    return DecidedCall(
        call=ToolCall(
            id=f"call-{number}",
            tool="refund",
            definition="d",
            received=arguments,
            resolved=arguments,
        ),
        chain=Chain(
            principals=(
                Principal(id=person, kind=PrincipalKind.USER),
                Principal(id="agent:support", kind=PrincipalKind.AGENT),
            )
        ),
        session=session,
        at=NOW + timedelta(minutes=number),
        ruling=Ruling(policy="p", effect=Effect.ALLOW),
    )


def intent(facts: DecidedCall) -> AuditEntry:
    """Return the entry that goes with facts."""
    return AuditEntry(
        type=EntryType.INTENT,
        at=facts.at,
        call_id=facts.call.id,
        effect=facts.ruling.effect,
        session_key=facts.session_key,
    )


Keep = Callable[..., None]


@pytest.fixture
def keep(journal: Journal) -> Keep:
    """Give the function that writes calls down, with the outcome of each."""

    def one(*many: DecidedCall, keeper: FactsKeeper = KEEPER) -> None:
        for facts in many:
            journal.append(intent(facts), durable=True, facts=keeper.sealed(facts))
            ended = replace(intent(facts), type=EntryType.OUTCOME, outcome=Outcome.COMPLETED)
            journal.append(ended, durable=True)

    return one


@pytest.fixture
def facts(store: SqliteStore, place: Path) -> FactsStore:
    """Give the facts of the database."""
    return FactsStore(place)


def files_of(place: Path) -> bytes:
    """Return everything that lies in the files of a database."""
    return b"".join(path.read_bytes() for path in place.parent.iterdir())


def opened(facts: FactsStore) -> list[DecidedCall]:
    """Open everything that is kept."""
    return [
        KEEPER.opened(each.facts, each.entry.call_id)
        for each in facts.recorded()
        if each.facts is not None
    ]


def test_facts_are_read_with_their_entries(keep: Keep, facts: FactsStore) -> None:
    """Each entry about a decided call comes with the facts that were written with it."""
    calls = [decided(number) for number in range(3)]
    keep(*calls)
    assert opened(facts) == calls


def test_an_entry_without_facts_is_read_as_such(
    journal: Journal, keep: Keep, facts: FactsStore
) -> None:
    """That a call was decided is known also where nothing is kept of it."""
    keep(decided(0))
    journal.append(intent(decided(1)), durable=True)
    journal.append(replace(intent(decided(2)), effect=None), durable=True)
    assert [each.facts is not None for each in facts.recorded()] == [True, False]


def test_facts_of_an_accepted_entry_are_written_with_it(
    journal: Journal, keep: Keep, facts: FactsStore
) -> None:
    """An entry that nobody waits for brings its facts along."""
    keep(decided(0))
    later = decided(1)
    if not journal.offer(intent(later), facts=KEEPER.sealed(later)):
        journal.append(intent(later), durable=False, facts=KEEPER.sealed(later))
    journal.close()
    assert opened(facts) == [decided(0), later]


def test_calls_of_several_processes_are_woven_by_time(
    store: SqliteStore, clock: Callable[[], datetime], facts: FactsStore
) -> None:
    """Streams are read in the order in which the calls were made."""
    journals = [Journal(store, clock) for _ in range(2)]
    for number in range(6):
        one = decided(number)
        journals[number % 2].append(intent(one), durable=True, facts=KEEPER.sealed(one))
    for journal in journals:
        journal.close()
    assert opened(facts) == [decided(number) for number in range(6)]


def test_only_what_is_recent_is_read(keep: Keep, facts: FactsStore) -> None:
    """Calls before a moment are left out."""
    keep(*(decided(number) for number in range(4)))
    recent = facts.recorded(NOW + timedelta(minutes=2))
    assert [each.entry.call_id for each in recent] == ["call-2", "call-3"]


@pytest.mark.parametrize(
    ("by", "left"),
    [
        ({"session": "a"}, [1, 2, 3]),
        ({"person": "user:bob"}, [0, 2, 3]),
        ({"before": NOW + timedelta(minutes=2)}, [2, 3]),
        ({"session": "b", "person": "user:alice"}, [0, 1, 3]),
        ({"session": "missing"}, [0, 1, 2, 3]),
        ({}, []),
    ],
)
def test_what_is_chosen_is_erased(
    keep: Keep, facts: FactsStore, by: dict[str, str], left: list[int]
) -> None:
    """An erasure takes what all of its conditions apply to, and says how much that was."""
    calls = [
        decided(0, session="a"),
        decided(1, session="b", person="user:bob"),
        decided(2, session="b"),
        decided(3, session="c"),
    ]
    keep(*calls)
    gone = facts.erase(KEEPER.selection(**by))  # type: ignore[arg-type]  # varied by key
    assert gone == 4 - len(left)
    assert opened(facts) == [calls[number] for number in left]


def test_an_erasure_leaves_the_audit_log_whole(
    journal: Journal, keep: Keep, store: SqliteStore, facts: FactsStore
) -> None:
    """After all facts are gone every entry is there and the log verifies as before."""
    keep(*(decided(number) for number in range(3)))
    journal.close()
    before = verify(store.logs())
    assert facts.erase(FactsSelection()) == 3
    after = verify(store.logs())
    assert after == before
    assert after.integrity.state is not VerdictState.BROKEN
    assert len(list(facts.recorded())) == 3


def test_what_was_erased_is_in_no_file(
    journal: Journal, keep: Keep, store: SqliteStore, place: Path, facts: FactsStore
) -> None:
    """Neither the database nor its log holds the sealed bytes afterwards."""
    keep(*(decided(number) for number in range(20)))
    kept = [each.facts.sealed for each in facts.recorded() if each.facts is not None]
    assert all(sealed in files_of(place) for sealed in kept)
    journal.close()
    store.close()
    facts.erase(FactsSelection())
    assert not [sealed for sealed in kept if sealed[-64:] in files_of(place)]


def test_nothing_lies_in_clear(journal: Journal, keep: Keep, place: Path) -> None:
    """No value of an argument can be found in any file of the store."""
    keep(decided(0))
    journal.close()
    assert CANARY.encode() not in files_of(place)


def test_what_lingers_in_the_log_is_told(
    keep: Keep, facts: FactsStore, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While somebody reads, the sealed bytes stay in the log: that is said, with the count."""
    monkeypatch.setattr("agentguard.stores.connections.RETRY_SECONDS", 0.1)
    keep(decided(0))
    with closing(sqlite3.connect(place)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM decided_call").fetchone()
        with pytest.raises(StillLogged) as caught:
            facts.erase(FactsSelection())
    assert sum(caught.value.gone.values()) == 1
    assert opened(facts) == []


def test_what_has_expired_leaves_with_the_next_call(keep: Keep, facts: FactsStore) -> None:
    """Facts that are older than they may be are erased when others are written."""
    brief = replace(KEEPER, expire_after=timedelta(minutes=5))
    keep(*(decided(number) for number in range(3)), keeper=brief)
    assert len(opened(facts)) == 3
    keep(decided(7), keeper=brief)
    assert [each.call.id for each in opened(facts)] == ["call-2", "call-7"]


def test_what_has_expired_is_overwritten(
    journal: Journal, keep: Keep, store: SqliteStore, place: Path, facts: FactsStore
) -> None:
    """Once the log is folded into the database, no expired fact is in either."""
    brief = replace(KEEPER, expire_after=timedelta(minutes=5))
    keep(*(decided(number) for number in range(3)), keeper=brief)
    kept = [each.facts.sealed for each in facts.recorded() if each.facts is not None]
    keep(decided(60), keeper=brief)
    journal.close()
    store.close()
    assert len(opened(facts)) == 1
    with closing(sqlite3.connect(place)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    assert not [sealed for sealed in kept if sealed[-64:] in files_of(place)]


def test_marked_sessions_are_those_with_a_refusal(journal: Journal, facts: FactsStore) -> None:
    """A refusal or a withheld answer marks a session; waiting for people does not."""
    for number, (reason, outcome) in enumerate(
        [
            (Reason.NOT_ALLOWLISTED, None),
            (Reason.APPROVAL_PENDING, None),
            (None, Outcome.WITHHELD),
            (None, Outcome.COMPLETED),
        ]
    ):
        kind = EntryType.REFUSED if reason is not None else EntryType.OUTCOME
        entry = replace(
            intent(decided(number)),
            type=kind,
            reason=reason,
            outcome=outcome,
            session_key=f"sha256:{number}",
        )
        journal.append(entry, durable=True)
    marked = facts.marked_sessions({Reason.APPROVAL_PENDING})
    assert marked == {"sha256:0", "sha256:2"}
