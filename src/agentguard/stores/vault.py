# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the stores of a vault have in common?

A row as it lies on disk, what is read and written of rows, and what a store must do. What a row
means, and which rows may follow which, is said in ``vault_keeping``.

INVARIANT: every store passes the same tests (tests/stores/test_vault_stores.py).
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedRow:
    """One value of one session, encrypted.

    Attributes:
        space: which sessions know it, a keyed digest.
        session: the session that hid it, a keyed digest of its name.
        tenant: whose it is, a keyed digest.
        placeholder: as it stands in texts.
        data_class: the name of the value's class.
        reversible: whether it may ever be turned back.
        created_at: when it was hidden, in seconds since 1970.
        key_id: names the key that it is encrypted with, without saying anything about it.
        sealed: nonce, value, source and tag.
        serial: grows with each write; 0 until it is written.
    """

    space: str
    session: str
    tenant: str
    placeholder: str
    data_class: str
    reversible: bool
    created_at: int
    key_id: str
    sealed: bytes = field(repr=False)
    serial: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What was read of some spaces.

    Attributes:
        rows: in the order in which they were written.
        erasures: grows whenever somebody erases.
    """

    rows: tuple[SealedRow, ...]
    erasures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassAge:
    """How much of a class a store holds, and since when; in seconds since 1970."""

    data_class: str
    count: int
    oldest: int
    newest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows are meant: those to which everything applies that is not None.

    Attributes:
        sessions, tenants: keyed digests of one name, by each key.
        before: hidden before this time.
        serials: these.
    """

    sessions: Collection[str] | None = None
    tenants: Collection[str] | None = None
    before: int | None = None
    serials: Collection[int] | None = None


Settle = Callable[[Sequence[SealedRow]], Sequence[SealedRow]]


class VaultStore(Protocol):
    """Where sealed rows lie. Threads share it; each method is one transaction.

    Every method raises ``StoreFailure`` when it cannot be done.
    """

    def read(self, spaces: Collection[str], after: int) -> Shelf:
        """Return the rows of these spaces with a higher serial than *after*."""

    def add(
        self, space: str, placeholders: Sequence[str], settle: Settle, *, expired: int | None
    ) -> None:
        """Write the rows that *settle* returns, durable when this returns.

        Args:
            space: the one space that is written to.
            placeholders: those that are to be written; nobody else writes to the space meanwhile.
            settle: takes the rows of the space that have one of these placeholders, whatever
                their session. What it raises leaves everything as it was.
            expired: rows that were hidden before this time are taken out of the store first.
        """

    def erase(self, selection: Selection) -> Mapping[str, int]:
        """Take rows out of the store and of its files; say how many of each class.

        Raises:
            StillLogged: they are out of the store, and not yet of its files.
        """

    def census(self) -> tuple[ClassAge, ...]:
        """Say how much there is, by class."""

    def everything(self) -> Iterator[SealedRow]:
        """Return all rows."""

    def key_ids(self) -> frozenset[str]:
        """Say which keys rows are encrypted with."""

    def close(self) -> None:
        """Close connections; they are opened again when they are needed."""
