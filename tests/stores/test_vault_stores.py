# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Every store of a vault does the same: in a file and on a server."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from agentguard.stores import ClassAge, SealedRow, Selection, SqliteVaultStore, VaultStore
from agentguard.stores.vault_postgres import PostgresVaultStore

SPACE, OTHER = "a" * 64, "b" * 64
Open = Callable[[], VaultStore]


def row(number: int, *, space: str = SPACE, session: str = "s1", at: int = 100) -> SealedRow:
    """A row whose content does not matter here."""
    return SealedRow(
        space=space,
        session=session,
        tenant="t1",
        placeholder=f"[[EMAIL:AAAAAA{number:02d}]]",
        data_class="email" if number % 2 else "phone",
        reversible=True,
        created_at=at,
        key_id="k1",
        sealed=bytes([number]) * 8,
    )


def add(store: VaultStore, *rows: SealedRow, expired: int | None = None) -> list[SealedRow]:
    """Write rows, and return what was there of their placeholders before."""
    seen: list[SealedRow] = []

    def settle(found: Sequence[SealedRow]) -> Sequence[SealedRow]:
        seen[:] = found
        return rows

    store.add(rows[0].space, [each.placeholder for each in rows], settle, expired=expired)
    return seen


def plain(rows: Sequence[SealedRow]) -> list[SealedRow]:
    """Return rows as they were before they were written."""
    return [replace(each, serial=0) for each in rows]


@pytest.fixture(params=["sqlite", "postgres"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Open the same store again and again, as processes do."""
    made: list[VaultStore] = []

    def sqlite() -> VaultStore:
        return SqliteVaultStore(tmp_path / "vault.db")

    def postgres() -> VaultStore:
        return PostgresVaultStore(request.getfixturevalue("server"))

    def one() -> VaultStore:
        made.append(sqlite() if request.param == "sqlite" else postgres())
        return made[-1]

    if request.param == "postgres":
        one().erase(Selection())
    yield one
    for store in made:
        store.close()


def test_what_was_written_is_read_by_another(opened: Open) -> None:
    """Rows come back as they were, in order, with growing serials, and only of the spaces asked."""
    first, second = opened(), opened()
    assert add(first, row(1), row(2)) == []
    add(first, row(3, space=OTHER))
    found = second.read([SPACE], 0).rows
    assert plain(found) == [row(1), row(2)]
    assert found[0].serial < found[1].serial
    assert plain(second.read([SPACE, OTHER], found[0].serial).rows) == [row(2), row(3, space=OTHER)]


def test_a_row_is_written_anew_under_a_new_serial(opened: Open) -> None:
    """Whoever reads on after a serial sees a row that was changed since."""
    store = opened()
    add(store, row(1), row(2))
    last = store.read([SPACE], 0).rows[-1].serial
    changed = replace(row(1), reversible=False)
    assert plain(add(store, changed)) == [row(1)]
    assert plain(store.read([SPACE], last).rows) == [changed]
    assert len(store.read([SPACE], 0).rows) == 2


def test_sessions_have_rows_of_their_own(opened: Open) -> None:
    """The same placeholder of two sessions of a space is two rows, shown to who writes a third."""
    store = opened()
    add(store, row(1))
    add(store, row(1, session="s2"))
    assert len(add(store, row(1, session="s3"))) == 2
    assert store.erase(Selection(sessions=["s1", "s3"])) == {"email": 2}
    assert plain(store.read([SPACE], 0).rows) == [row(1, session="s2")]


def test_what_settling_raises_leaves_everything_as_it_was(opened: Open) -> None:
    """Nothing is written, and nothing that has expired is taken out."""
    store = opened()
    add(store, row(1, at=5))

    def settle(found: Sequence[SealedRow]) -> Sequence[SealedRow]:
        raise KeyError

    with pytest.raises(KeyError):
        store.add(SPACE, [row(2).placeholder], settle, expired=50)
    assert plain(store.read([SPACE], 0).rows) == [row(1, at=5)]
    add(store, row(2))
    assert len(store.read([SPACE], 0).rows) == 2


def test_what_has_expired_goes_with_the_next_writing(opened: Open) -> None:
    """Whoever writes takes out what was hidden before a time, of every space."""
    store = opened()
    add(store, row(1, at=5))
    add(store, row(2, at=5, space=OTHER))
    add(store, row(3, at=50), expired=50)
    assert plain(list(store.everything())) == [row(3, at=50)]


def test_rows_are_erased_by_what_all_applies(opened: Open) -> None:
    """Session, tenant, age and serial each narrow what is erased, and erasures are counted."""
    store = opened()
    add(store, row(1), row(2, at=5), row(3, session="s2"), row(4))
    before = store.read([SPACE], 0)
    assert store.erase(Selection(sessions=["s1"], tenants=["t2"])) == {}
    assert store.erase(Selection(sessions=["s1"], before=50)) == {"phone": 1}
    assert store.erase(Selection(serials=[before.rows[0].serial, 10**6])) == {"email": 1}
    after = store.read([SPACE], 0)
    assert plain(after.rows) == [row(3, session="s2"), row(4)]
    assert after.erasures == before.erasures + 3
    assert store.erase(Selection(tenants=["t1"])) == {"email": 1, "phone": 1}


def test_a_census_counts_classes(opened: Open) -> None:
    """How many of each class there are, and since when, and which keys sealed them."""
    store = opened()
    assert store.census() == ()
    assert store.key_ids() == frozenset()
    add(store, row(1, at=7), row(2), row(3, at=9))
    assert store.census() == (
        ClassAge(data_class="email", count=2, oldest=7, newest=9),
        ClassAge(data_class="phone", count=1, oldest=100, newest=100),
    )
    assert store.key_ids() == {"k1"}


def test_a_thousand_rows_are_one_writing(opened: Open) -> None:
    """More rows than a statement takes values are written, settled and erased."""
    store = opened()
    rows = [replace(row(1), placeholder=f"[[EMAIL:{number:08d}]]") for number in range(1200)]
    add(store, *rows)
    assert len(add(store, *rows)) == 1200
    serials = [each.serial for each in store.everything()]
    assert store.erase(Selection(serials=serials)) == {"email": 1200}


def test_who_writes_to_a_space_at_once_loses_nothing(opened: Open) -> None:
    """Each of several writers sees what the one before wrote, and a reader misses no serial."""
    writers = [opened() for _ in range(3)]
    reader, seen = opened(), list[SealedRow]()
    found: list[int] = []

    def work(store: VaultStore, number: int) -> None:
        rows = (row(7, session=f"s{number}-{turn}") for turn in range(8))
        found.extend(len(add(store, each)) for each in rows)

    threads = [
        threading.Thread(target=work, args=(store, number)) for number, store in enumerate(writers)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen += reader.read([SPACE], seen[-1].serial if seen else 0).rows
    seen += reader.read([SPACE], seen[-1].serial if seen else 0).rows
    assert sorted(found) == list(range(24))
    assert len(seen) == 24


def test_a_closed_store_opens_again(opened: Open) -> None:
    """Closing gives the connections back and ends nothing."""
    store = opened()
    add(store, row(1))
    store.close()
    assert plain(store.read([SPACE], 0).rows) == [row(1)]
