# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""One form and one hash for every audit entry."""

import hashlib
import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.audit import (
    FIRST_PREVIOUS,
    NotAnEntry,
    entry_bytes,
    entry_fields,
    entry_hash,
    parse_entry,
    placed_bytes,
)
from agentguard.canonical import NotCanonical
from agentguard.vocabulary import AuditEntry, Boundary, Effect, EntryType, Impact, Outcome, Reason

AT = datetime(2026, 11, 22, 9, 30, 0, 123456, tzinfo=UTC)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SOME = st.none() | TEXT

FIELDS: dict[str, st.SearchStrategy[object]] = {
    "type": st.sampled_from(EntryType),
    "at": st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])),
    "call_id": SOME,
    "boundary": st.none() | st.sampled_from(Boundary),
    "operation": SOME,
    "target": SOME,
    "provider": SOME,
    "chain": st.lists(TEXT, max_size=3).map(tuple),
    "session_key": SOME,
    "policy": SOME,
    "rule": SOME,
    "effect": st.none() | st.sampled_from(Effect),
    "reason": st.none() | st.sampled_from(Reason),
    "impact": st.none() | st.sampled_from(Impact),
    "classes": st.dictionaries(TEXT, st.integers(0, 1000), max_size=3),
    "commitment": SOME,
    "approval_id": SOME,
    "approver": SOME,
    "outcome": st.none() | st.sampled_from(Outcome),
    "error": SOME,
    "trace_id": SOME,
    "span_id": SOME,
    "details": st.dictionaries(TEXT, TEXT, max_size=3),
}
ENTRIES = st.builds(AuditEntry, **FIELDS)


@given(entry=ENTRIES, seq=st.integers(0, 2**40))
@settings(deadline=None, max_examples=150)
def test_every_entry_reads_back_as_it_was_written(entry: AuditEntry, seq: int) -> None:
    """Parsing an entry's bytes gives the entry and its place, field by field."""
    content = entry_bytes(entry, stream="s", seq=seq, previous=FIRST_PREVIOUS)
    stored = parse_entry(content)
    assert stored.entry == entry
    assert (stored.stream, stored.seq, stored.previous) == ("s", seq, FIRST_PREVIOUS)
    assert stored.hash == entry_hash(content)


def test_the_round_trip_covers_every_field() -> None:
    """A field that is added to the entry is added to the round trip."""
    assert set(FIELDS) == {item.name for item in fields(AuditEntry)}


def test_the_bytes_are_the_published_form() -> None:
    """An entry is one line of sorted compact JSON, without what is None or empty."""
    entry = AuditEntry(
        type=EntryType.INTENT,
        at=AT.astimezone(timezone(timedelta(hours=2))),
        target="refund",
        effect=Effect.ALLOW,
        chain=("user:alice", "agent:support"),
        classes={"email": 1},
    )
    assert entry_bytes(entry, stream="s", seq=7, previous="ab") == (
        b'{"at":"2026-11-22T09:30:00.123456Z","chain":["user:alice","agent:support"],'
        b'"classes":{"email":1},"effect":"allow","prev":"ab","seq":7,"stream":"s",'
        b'"target":"refund","type":"intent","v":1}'
    )


def test_the_hash_is_the_leaf_hash_of_rfc_6962() -> None:
    """The hash of nothing is the published leaf hash of the empty entry."""
    # RFC 6962 test vector of the certificate transparency project: the hash of an empty leaf.
    empty = "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert entry_hash(b"") == empty
    assert entry_hash(b"x") == hashlib.sha256(b"\x00x").hexdigest()


def test_frozen_fields_give_the_same_bytes() -> None:
    """Freezing an entry beforehand changes nothing in its bytes."""
    entry = AuditEntry(type=EntryType.REFUSED, at=AT, rule="straße", details={"a": "b"})
    frozen = placed_bytes(entry_fields(entry), stream="s", seq=1, previous="p")
    assert frozen == entry_bytes(entry, stream="s", seq=1, previous="p")


@pytest.mark.parametrize(
    "change",
    [
        {"target": "\ud800"},
        {"at": AT.replace(tzinfo=None)},
        {"classes": {"email": 2**60}},
        {"details": {"a": object()}},
    ],
    ids=["surrogate", "no zone", "integer", "object"],
)
def test_what_has_no_canonical_form_is_refused(change: dict[str, object]) -> None:
    """An entry that has no canonical form is refused before it reaches the chain."""
    entry = replace(AuditEntry(type=EntryType.INTENT, at=AT), **change)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(NotCanonical):
        entry_fields(entry)


GOOD = {
    "v": 1,
    "stream": "s",
    "seq": 0,
    "prev": "p",
    "type": "intent",
    "at": "2026-11-22T09:30:00.123456Z",
}


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"v": None},
        {"seq": "0"},
        {"seq": True},
        {"stream": 1},
        {"prev": None},
        {"type": "else"},
        {"type": None},
        {"at": "2026-11-22T09:30:00Z"},
        {"at": "yesterday"},
        {"at": 5},
        {"surprise": "x"},
        {"chain": "user:alice"},
        {"chain": [1]},
        {"classes": {"email": "1"}},
        {"classes": {"email": True}},
        {"details": {"a": 1}},
        {"details": []},
        {"outcome": "fine"},
        {"rule": 5},
    ],
    ids=str,
)
def test_what_is_no_entry_of_this_version_is_refused(change: dict[str, object]) -> None:
    """A wrong version, an unknown field, a wrong type or an unknown choice is no entry."""
    assert parse_entry(json.dumps(GOOD).encode()).seq == 0
    changed = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    with pytest.raises(NotAnEntry):
        parse_entry(json.dumps(changed).encode())


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b"{", b'{"v":1,"v":1}', b"[" * 100_000],
    ids=["empty", "list", "no utf-8", "cut", "duplicate", "deep"],
)
def test_what_is_no_json_object_is_refused(content: bytes) -> None:
    """Bytes that are not one JSON object without duplicates are no entry."""
    with pytest.raises(NotAnEntry) as caught:
        parse_entry(content)
    assert caught.value.__cause__ is None
