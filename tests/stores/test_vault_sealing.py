# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A sealed row says nothing without its key, and opens only as what it was sealed."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.redaction import Issued
from agentguard.stores import KeyRing, SealedRow, StoreFailure, VaultKey
from agentguard.stores.vault_sealing import STEP

KEY, OTHER = VaultKey(bytes(range(32))), VaultKey(bytes(range(1, 33)))
ROW = SealedRow(
    space="space",
    session="session",
    tenant="tenant",
    placeholder="[[EMAIL:7KQ2M4XA]]",
    data_class="email",
    reversible=True,
    created_at=100,
    key_id="",
    sealed=b"",
)
ISSUED = Issued(
    placeholder=ROW.placeholder,
    value="jane.doe@customers.example",
    data_class="email",
    reversible=True,
    source="/messages/0/jane",
)


@given(st.text(st.characters()), st.text(st.characters()))
@settings(deadline=None, max_examples=50)
def test_what_was_sealed_comes_back(value: str, source: str) -> None:
    """Any value and source, lone surrogates included, open as they were."""
    issued = replace(ISSUED, value=value, source=source)
    ring = KeyRing(KEY)
    assert ring.opened(ring.sealed(ROW, issued)) == issued


def test_nothing_of_a_value_is_in_its_row() -> None:
    """The bytes hold no text, are never the same twice and tell its length in steps only."""
    ring = KeyRing(KEY)
    rows = [ring.sealed(ROW, replace(ISSUED, value="jane" * size)) for size in (1, 1, 4)]
    assert len({row.sealed for row in rows}) == 3
    assert len({len(row.sealed) for row in rows}) == 1
    assert not [row for row in rows if b"jane" in row.sealed]
    assert all(len(row.sealed) % STEP == 28 for row in rows)
    assert "jane" not in repr(rows)
    assert "sealed" not in repr(rows[0]).replace("SealedRow", "")


@pytest.mark.parametrize(
    "change",
    [
        {"space": "other"},
        {"session": "other"},
        {"tenant": "other"},
        {"placeholder": "[[EMAIL:AAAAAAAA]]"},
        {"data_class": "phone"},
        {"reversible": False},
        {"created_at": 101},
        {"key_id": OTHER.id},
        {"key_id": "0" * 16},
        {"sealed": b""},
        {"sealed": bytes(92)},
    ],
    ids=str,
)
def test_a_changed_or_moved_row_does_not_open(change: dict[str, Any]) -> None:
    """A row that somebody moved, made reversible or dated anew is refused, without its text."""
    ring = KeyRing(KEY, [OTHER])
    sealed = ring.sealed(ROW, ISSUED)
    with pytest.raises(StoreFailure) as caught:
        ring.opened(replace(sealed, **change))
    assert "jane" not in str(caught.value)
    flipped = sealed.sealed[:20] + bytes([sealed.sealed[20] ^ 1]) + sealed.sealed[21:]
    with pytest.raises(StoreFailure):
        ring.opened(replace(sealed, sealed=flipped))


def test_an_old_key_opens_and_does_not_seal() -> None:
    """After a rotation old rows open, new rows carry the new key, and the old ring opens none."""
    before, after = KeyRing(KEY), KeyRing(OTHER, [KEY])
    assert after.opened(before.sealed(ROW, ISSUED)) == ISSUED
    sealed = after.sealed(ROW, ISSUED)
    assert sealed.key_id == OTHER.id
    with pytest.raises(StoreFailure, match="not here"):
        before.opened(sealed)


def test_everything_derived_depends_on_key_purpose_and_subject() -> None:
    """Two keys, purposes, tenants or shapes of a name never give the same bytes."""
    derived = [
        KEY.derived("codes of tenant", "a"),
        OTHER.derived("codes of tenant", "a"),
        KEY.derived("rows of", "a"),
        KEY.derived("codes of tenant", "b"),
        KEY.derived("codes of tenant", "a", None),
        KEY.derived("codes of tenant", ("a",)),
        KEY.derived("codes of tenant", None),
        KEY.derived("codes of tenant", ""),
        KEY.secret,
    ]
    assert len(set(derived)) == len(derived)
    assert KEY.id != OTHER.id
    assert KEY.secret.hex() not in KEY.id + repr(KEY) + repr(KeyRing(KEY))
    assert KeyRing(KEY, [OTHER]).digests("x", "y") == (KEY.digest("x", "y"), OTHER.digest("x", "y"))


def test_a_short_key_is_refused() -> None:
    """A key that could be guessed seals nothing."""
    for size in (0, 16, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            VaultKey(bytes(size))
