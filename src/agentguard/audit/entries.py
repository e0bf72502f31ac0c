# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which bytes are an audit entry, and which hash ties it to the one before?

Writes and reads single entries; it does not store them and does not judge a stream.

INVARIANT: an entry has exactly one form: canonical JSON (RFC 8785) with ``v``, ``stream``,
``seq`` and ``prev`` beside the fields of ``AuditEntry``; what is None or empty is left out; times
are UTC with microseconds.
INVARIANT: the hash is the leaf hash of RFC 6962, SHA-256(0x00 || bytes), so that a tree can later
be built over the same hashes (tests/audit/test_entries.py).
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum

from agentguard.canonical import (
    Frozen,
    canonical_bytes,
    freeze,
    instant,
    members_once,
    parse_instant,
)
from agentguard.vocabulary import AuditEntry, Boundary, Effect, EntryType, Impact, Outcome, Reason

VERSION = 1
FIRST_PREVIOUS = "0" * 64
"""What the first entry of a stream names as its predecessor; the entry itself names the stream."""

_LEAF = b"\x00"
_NAMES = tuple(item.name for item in fields(AuditEntry))
_CHOICES: Mapping[str, type[StrEnum]] = {
    "type": EntryType,
    "boundary": Boundary,
    "effect": Effect,
    "reason": Reason,
    "impact": Impact,
    "outcome": Outcome,
}
_COUNTS = "classes"
_FACTS = "details"
_CHAIN = "chain"
_TIME = "at"
_COLLECTIONS = frozenset({_COUNTS, _FACTS, _CHAIN})


class NotAnEntry(ValueError):
    """Bytes are not an audit entry of this version; the message holds nothing of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it stands in a stream.

    Attributes:
        stream: the stream it belongs to.
        seq: its number there, from 0.
        previous: the hash of the entry before, ``FIRST_PREVIOUS`` for the first.
        hash: its own hash.
        entry: what it says.
    """

    stream: str
    seq: int
    previous: str
    hash: str
    entry: AuditEntry


def entry_fields(entry: AuditEntry) -> Mapping[str, Frozen]:
    """Return the fields of an entry that are not empty, frozen.

    Raises:
        NotCanonical: a field has no canonical form.
    """
    present: dict[str, Frozen] = {_TIME: instant(entry.at)}
    for name in _NAMES:
        value = getattr(entry, name)
        if value is None or name == _TIME or (name in _COLLECTIONS and not value):
            continue
        plain = type(value) is str and value.isascii()
        present[name] = value if plain else freeze(value, f"/{name}")
    return present


def entry_bytes(entry: AuditEntry, *, stream: str, seq: int, previous: str) -> bytes:
    """Return the bytes of an entry at its place in a stream.

    Raises:
        NotCanonical: a field has no canonical form.
    """
    return placed_bytes(entry_fields(entry), stream=stream, seq=seq, previous=previous)


def placed_bytes(present: Mapping[str, Frozen], *, stream: str, seq: int, previous: str) -> bytes:
    """Return the bytes of an entry whose fields were already frozen by ``entry_fields``."""
    place: dict[str, Frozen] = {"v": VERSION, "stream": stream, "seq": seq, "prev": previous}
    return canonical_bytes({**present, **place})


def entry_hash(content: bytes) -> str:
    """Return the RFC 6962 leaf hash of an entry's bytes, in lower-case hexadecimal."""
    return hashlib.sha256(_LEAF + content).hexdigest()


def parse_entry(content: bytes) -> StoredEntry:
    """Return the entry that the bytes stand for.

    Raises:
        NotAnEntry: the bytes are not an entry of this version, field by field.
    """
    present = _parse_object(content)
    if present.pop("v", None) != VERSION:
        raise NotAnEntry(f"not an audit entry of version {VERSION}")
    stream, seq, previous = (present.pop(name, None) for name in ("stream", "seq", "prev"))
    if not isinstance(stream, str) or type(seq) is not int or not isinstance(previous, str):
        raise NotAnEntry("an entry does not say where it stands")
    return StoredEntry(
        stream=stream,
        seq=seq,
        previous=previous,
        hash=entry_hash(content),
        entry=_parse_fields(present),
    )


def _parse_object(content: bytes) -> dict[str, object]:
    try:
        present = json.loads(content.decode("utf-8"), object_pairs_hook=members_once)
    except (ValueError, RecursionError):
        present = None
    if not isinstance(present, dict):
        raise NotAnEntry("not a JSON object in UTF-8 without duplicate keys")
    return present


def _parse_fields(present: Mapping[str, object]) -> AuditEntry:
    known: dict[str, object] = {}
    for name, value in present.items():
        if name not in _NAMES:
            raise NotAnEntry("an entry holds a field that this version does not know")
        known[name] = _parse_field(name, value)
    if "type" not in known or _TIME not in known:
        raise NotAnEntry("an entry lacks its type or its time")
    return AuditEntry(**known)  # type: ignore[arg-type]  # each value was checked by its name


def _parse_field(name: str, value: object) -> object:
    if name == _COUNTS:
        return _mapping_of(value, int)
    if name == _FACTS:
        return _mapping_of(value, str)
    if name == _CHAIN and isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(value)
    if name == _CHAIN or not isinstance(value, str):
        raise NotAnEntry(f"the field {name!r} has the wrong type")
    try:
        if name == _TIME:
            return parse_instant(value)
        choices = _CHOICES.get(name)
        return choices(value) if choices else value
    except ValueError:
        problem = f"the field {name!r} holds an unknown value"
    raise NotAnEntry(problem)


def _mapping_of(value: object, kind: type) -> Mapping[str, object]:
    if not isinstance(value, dict) or not all(type(one) is kind for one in value.values()):
        raise NotAnEntry("a field that counts or describes has the wrong type")
    return value
