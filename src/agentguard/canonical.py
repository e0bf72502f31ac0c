# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which bytes stand for a value, the same everywhere?

Freezes JSON-shaped values so that what was decided is what is dispatched, and gives their
canonical bytes (RFC 8785) and digests.
It does not parse: nothing is deserialised twice.

INVARIANT: NaN, infinities, integers beyond 2^53-1, lone surrogates, keys that are not strings
and every other type are refused, and no error holds the value (tests/test_canonical.py).
"""

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, TypeAlias, TypeGuard

import rfc8785

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
Frozen: TypeAlias = "bool | int | float | str | tuple[Frozen, ...] | Mapping[str, Frozen] | None"

LARGEST_INTEGER = 2**53 - 1
DEEPEST_NESTING = 64


class NotCanonical(ValueError):
    """A value has no canonical form; ``pointer`` (RFC 6901) says where, never what."""

    def __init__(self, pointer: str, problem: str) -> None:
        super().__init__(f"{pointer or 'the value'}: {problem}")
        self.pointer = pointer
        self.problem = problem


def is_object(value: object) -> TypeGuard[Mapping[str, Frozen]]:
    """Say whether a frozen value is a JSON object."""
    return isinstance(value, Mapping)


def texts_in(value: Frozen) -> Iterator[str]:
    """Yield every text in a frozen value, names of members included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            yield name
            yield from texts_in(member)
    elif isinstance(value, tuple):
        for item in value:
            yield from texts_in(item)


def freeze(value: object, pointer: str = "") -> Frozen:
    """Return an immutable copy of a JSON-shaped value; lists and tuples become tuples.

    Raises:
        NotCanonical: the value, or one inside it, has no canonical form.
    """
    try:
        return _freeze(value, 0)
    except NotCanonical as error:
        inside = error
    raise NotCanonical(pointer + inside.pointer, inside.problem)


def _freeze(value: object, depth: int) -> Frozen:
    kind = type(value)
    if kind is str or kind is int or kind is float:
        return _scalar(value)
    if value is None or value is True or value is False:
        return value
    if depth == DEEPEST_NESTING:
        raise NotCanonical("", f"nested deeper than {DEEPEST_NESTING} levels")
    if kind is dict or isinstance(value, Mapping):
        return _freeze_object(value, depth + 1)
    if isinstance(value, list | tuple):
        return _freeze_array(value, depth + 1)
    if isinstance(value, str | int | float):
        return _scalar(_plain(value))
    raise NotCanonical("", f"a value of type {kind.__name__} cannot be inspected")


# The pointer is put together on the way out of a refusal, so that it costs nothing otherwise.


def _freeze_object(value: Any, depth: int) -> Frozen:
    frozen: dict[str, Frozen] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise NotCanonical("", "an object key is not a string")
        name = str(_scalar(_plain(key)))
        try:
            frozen[name] = _freeze(item, depth)
        except NotCanonical as error:
            inside = error
        else:
            continue
        raise NotCanonical(f"/{escape(name)}{inside.pointer}", inside.problem)
    return MappingProxyType(frozen)


def _freeze_array(value: list[Any] | tuple[Any, ...], depth: int) -> Frozen:
    frozen: list[Frozen] = []
    for index, item in enumerate(value):
        try:
            frozen.append(_freeze(item, depth))
        except NotCanonical as error:
            inside = error
        else:
            continue
        raise NotCanonical(f"/{index}{inside.pointer}", inside.problem)
    return tuple(frozen)


def _plain(value: str | float) -> str | int | float:
    """Return what a member of a subclass, such as an enumeration, holds; not what it prints."""
    if isinstance(value, str):
        return str.__str__(value)
    return int.__int__(value) if isinstance(value, int) else float.__float__(value)


def _scalar(value: object) -> str | int | float:
    if isinstance(value, str):
        if not value.isascii() and _has_lone_surrogate(value):
            raise NotCanonical("", "a string holds a lone surrogate")
        return value
    if isinstance(value, int):
        if abs(value) > LARGEST_INTEGER:
            raise NotCanonical("", "an integer lies beyond 2^53-1")
        return value
    if isinstance(value, float) and math.isfinite(value):
        return value
    raise NotCanonical("", "a number is not finite")


def _has_lone_surrogate(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return True
    return False


def members_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return the members of a JSON object, for ``json.loads(..., object_pairs_hook=...)``.

    Raises:
        ValueError: a key stands twice, so that two readers could take different values.
    """
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice")
    return members


def escape(key: str) -> str:
    """Escape one JSON pointer segment (RFC 6901, section 3)."""
    return key.replace("~", "~0").replace("/", "~1")


def thaw(value: Frozen) -> JsonValue:
    """Return fresh lists and dicts equal to a frozen value."""
    kind = type(value)
    if kind is str or kind is int:
        return value  # type: ignore[return-value]  # a scalar, as just seen
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    return value


def canonical_bytes(value: Frozen) -> bytes:
    """Return the RFC 8785 bytes of a frozen value.

    Without floats and with ASCII keys the standard library's sorted compact form is the
    RFC 8785 form, at a twentieth of the cost; everything else goes through ``rfc8785``.
    """
    if _is_simple(value):
        return _ENCODER.encode(value).encode("utf-8")
    return rfc8785.dumps(thaw(value))


def _is_simple(value: Frozen) -> bool:
    kind = type(value)
    if kind is str or kind is int:
        return True
    if kind is tuple or isinstance(value, tuple):
        return all(map(_is_simple, value))  # type: ignore[arg-type]  # a tuple, as just seen
    if isinstance(value, Mapping):
        return all(map(str.isascii, value)) and all(map(_is_simple, value.values()))
    return not isinstance(value, float)


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=dict)


def digest(content: bytes) -> str:
    """Return ``sha256:`` and the digest of *content* in hexadecimal."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def commitment(value: Frozen, salt: bytes) -> str:
    """Return a salted commitment to a value: without the salt it says nothing about the value.

    Args:
        value: what is committed to.
        salt: 32 random bytes, kept apart from the commitment and erased to forget the value.
    """
    return digest(salt + canonical_bytes(value))


def tagged(value: Frozen) -> Frozen:
    """Return a value in which every scalar and every array says its type.

    RFC 8785 writes 1 and 1.0 alike, 0.0 and -0.0 too; where they must differ, this form is
    digested or committed to.
    """
    if isinstance(value, Mapping):
        return {key: tagged(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return ("array", *map(tagged, value))
    return (type(value).__name__, repr(value) if isinstance(value, float) else value)


def instant(at: datetime) -> str:
    """Return the one text that stands for a point in time: UTC, microseconds, ``Z``.

    Raises:
        NotCanonical: the time has no zone.
    """
    if at.tzinfo is None:
        raise NotCanonical("", "a time has no zone")
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_instant(text: str) -> datetime:
    """Return the point in time that ``instant`` wrote.

    Raises:
        ValueError: the text is not what ``instant`` writes.
    """
    at = datetime.fromisoformat(text)
    if instant(at) != text:
        raise ValueError("not a time in UTC with microseconds")
    return at
