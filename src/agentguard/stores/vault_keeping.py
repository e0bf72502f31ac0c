# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values does a session have on disk, and which may be written there?

Says where the values of a caller belong, seals them and hands them to a store. One-way values
are kept, too, sealed like all others: only who knows a value can find it again in a later text.

In the scope of a session, what a session hid is there again wherever the session is opened.
In the scope of a tenant, a value has the same placeholder in all of the tenant's sessions of one
environment; it is known, and turned back, in those of the same chain of principals, and in no
other.

INVARIANT: a placeholder stands for one value on disk: whoever comes second with another one is
refused, and one-way stays one-way (tests/stores/test_vault_keeping.py).
INVARIANT: what has expired is not read (tests/stores/test_vault_keeping.py).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from agentguard.redaction import Issued, VaultScope
from agentguard.stores.failures import StoreFailure
from agentguard.stores.vault import ClassAge, SealedRow, Selection, VaultStore
from agentguard.stores.vault_sealing import KeyRing
from agentguard.vocabulary import Caller

SHORTEST_ERASED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the values of a caller belong.

    Attributes:
        spaces: by each key; the first is written to, all are read.
        sessions: the session's name, by each key.
        tenant: the tenant's name, by the current key.
        code_key: makes the codes of placeholders.
    """

    spaces: tuple[str, ...]
    sessions: tuple[str, ...]
    tenant: str
    code_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What was read for a caller.

    Attributes:
        own: what the very session hid.
        others: what other sessions hid that share their values with it.
        last: the highest serial that was read.
        erasures: grows whenever somebody erases.
        expires_at: when the first of what was read expires, None if nothing does.
    """

    own: tuple[Issued, ...]
    others: tuple[Issued, ...]
    last: int
    erasures: int
    expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What was written for a caller.

    Attributes:
        values: as they are kept: one that is one-way anywhere is one-way.
        expires_at: when the first of them expires, None if nothing does.
    """

    values: tuple[Issued, ...]
    expires_at: float | None


class Collision(Exception):
    """Two values have the same placeholder; the second was not written."""


class VaultKeeper:
    """Keeps the values of sessions beyond the process."""

    def __init__(
        self,
        store: VaultStore,
        keys: KeyRing,
        *,
        scope: VaultScope,
        expire_after: timedelta | None,
        now: Callable[[], datetime],
    ) -> None:
        """Begin to keep values in a store.

        Raises:
            StoreFailure: the store cannot be read, or holds rows whose key is not here.
        """
        self._store = store
        self._keys = keys
        self._scope = scope
        self._expire_after = None if expire_after is None else int(expire_after.total_seconds())
        self._now = now
        strange = store.key_ids() - keys.ids
        if strange:
            named = ", ".join(sorted(strange))
            raise StoreFailure(
                f"the vault holds values sealed with another key ({named}):"
                " name it among the old keys"
            )

    def keeps(self, caller: Caller) -> bool:
        """Say whether anybody else can come back to what a caller hides."""
        return caller.lifetime is None or self._scope is VaultScope.TENANT

    def place(self, caller: Caller) -> Place:
        """Return where the values of a caller belong.

        Raises:
            StoreFailure: the vault is shared by tenant, and nobody says whose the caller is.
        """
        if self._scope is VaultScope.TENANT:
            if caller.tenant is None:
                raise StoreFailure(
                    "the vault is shared by tenant and the call names none: use"
                    " guard.identity(..., tenant=...) or 'tenant' in [vault]"
                )
            # Only where there are some, so that vaults without them stay as they are.
            within = () if caller.environment is None else (caller.environment,)
            issuers = caller.chain.issuers
            whose = (caller.chain.ids, *within, *((issuers,) if any(issuers) else ()))
            space = self._keys.digests("chain", caller.tenant, *whose)
            code = self._keys.current.derived("codes of tenant", caller.tenant, *within)
        else:
            space = self._keys.digests("session", caller.session_key)
            code = self._keys.current.derived("codes of session", caller.session_key)
        return Place(
            spaces=space,
            sessions=self._sessions(caller.session, caller.tenant),
            tenant=self._tenants(caller.tenant)[0],
            code_key=code,
        )

    def read(self, place: Place, after: int = 0) -> Kept:
        """Return what is kept for a place and has not expired.

        Raises:
            StoreFailure: the store cannot be read, or a row does not open.
        """
        shelf = self._store.read(place.spaces, after)
        rows = self._lasting(shelf.rows)
        own = frozenset(place.sessions)
        return Kept(
            own=tuple(self._keys.opened(row) for row in rows if row.session in own),
            others=tuple(self._keys.opened(row) for row in rows if row.session not in own),
            last=max((row.serial for row in shelf.rows), default=after),
            erasures=shelf.erasures,
            expires_at=self._expiry(row.created_at for row in rows),
        )

    def keep(self, place: Place, values: Sequence[Issued]) -> Settled:
        """Write values, all or none; they are on disk when this returns.

        Raises:
            StoreFailure: nothing was written.
            Collision: another value has one of the placeholders; nothing was written.
        """
        settled: list[Issued] = []
        times: list[int] = []

        def settle(found: Sequence[SealedRow]) -> Sequence[SealedRow]:
            settled.clear()  # a store that was busy asks again
            times[:] = [self._seconds(), *(row.created_at for row in self._lasting(found))]
            there: dict[str, list[SealedRow]] = {}
            for row in found:
                there.setdefault(row.placeholder, []).append(row)
            fresh: list[SealedRow] = []
            for value in values:
                kept, rows = self._settled(place, value, there.get(value.placeholder, ()))
                settled.append(kept)
                fresh += rows
            return fresh

        placeholders = [value.placeholder for value in values]
        self._store.add(place.spaces[0], placeholders, settle, expired=self._expired_before())
        return Settled(values=tuple(settled), expires_at=self._expiry(times))

    def _settled(
        self, place: Place, value: Issued, rows: Iterable[SealedRow]
    ) -> tuple[Issued, list[SealedRow]]:
        """Return a value as it is to be kept, and the rows that change for that."""
        rows = self._lasting(rows)
        opened = [self._keys.opened(row) for row in rows]
        if any((each.value, each.data_class) != (value.value, value.data_class) for each in opened):
            raise Collision(f"two values of class {value.data_class!r} share a placeholder")
        if not all(each.reversible for each in opened):
            value = replace(value, reversible=False)
        changed = [
            self._keys.sealed(replace(row, reversible=False), replace(issued, reversible=False))
            for row, issued in zip(rows, opened, strict=True)
            if issued.reversible and not value.reversible
        ]
        if not any(row.session == place.sessions[0] for row in rows):
            changed.append(self._fresh(place, value))
        return value, changed

    def _fresh(self, place: Place, value: Issued) -> SealedRow:
        row = SealedRow(
            space=place.spaces[0],
            session=place.sessions[0],
            tenant=place.tenant,
            placeholder=value.placeholder,
            data_class=value.data_class,
            reversible=value.reversible,
            created_at=self._seconds(),
            key_id="",
            sealed=b"",
        )
        return self._keys.sealed(row, value)

    def census(self) -> tuple[ClassAge, ...]:
        """Say how much there is, by class, expired values included."""
        return self._store.census()

    def erase(
        self,
        *,
        session: str | None = None,
        tenant: str | None = None,
        older_than: timedelta | None = None,
        expired: bool = False,
    ) -> Mapping[str, int]:
        """Erase everything to which all of these apply, and say how many of each class.

        Args:
            session: the session's id, of this tenant or of none.
            tenant: the tenant's id.
            older_than: hidden at least that long ago.
            expired: past the time that values are kept.

        Raises:
            StoreFailure: it could not be erased.
        """
        times = [self._expired_before() or 0] if expired else []
        if older_than is not None:
            times.append(self._seconds() - int(older_than.total_seconds()))
        return self._store.erase(
            Selection(
                sessions=None if session is None else self._sessions(session, tenant),
                tenants=None if tenant is None else self._tenants(tenant),
                before=min(times, default=None),
            )
        )

    def erase_value(self, value: str) -> Mapping[str, int]:
        """Erase every row that holds a text, of whatever session, and say how many of each class.

        Raises:
            StoreFailure: a row does not open, so that nobody knows what it holds.
            ValueError: the text is so short that it stands in too many values.
        """
        if len(value) < SHORTEST_ERASED:
            raise ValueError(f"a value to erase has at least {SHORTEST_ERASED} characters")
        serials = []
        for row in self._store.everything():
            issued = self._keys.opened(row)
            if value in issued.value or value in issued.source:
                serials.append(row.serial)
        return self._store.erase(Selection(serials=serials))

    def close(self) -> None:
        """Close the store's connections."""
        self._store.close()

    def _sessions(self, session: str, tenant: str | None) -> tuple[str, ...]:
        return self._keys.digests("session name", session, tenant)

    def _tenants(self, tenant: str | None) -> tuple[str, ...]:
        return self._keys.digests("tenant name", tenant)

    def _lasting(self, rows: Iterable[SealedRow]) -> list[SealedRow]:
        """Return the rows that have not expired."""
        oldest = self._expired_before()
        return [row for row in rows if oldest is None or row.created_at > oldest]

    def _expiry(self, times: Iterable[int]) -> float | None:
        """Return when the first of what was hidden at these times expires."""
        first = min(times, default=None)
        if first is None or self._expire_after is None:
            return None
        return float(first + self._expire_after)

    def _expired_before(self) -> int | None:
        return None if self._expire_after is None else self._seconds() - self._expire_after

    def _seconds(self) -> int:
        return int(self._now().timestamp())
