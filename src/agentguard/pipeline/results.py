# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in the result of a tool, which may be any object?

Tools return dataclasses, models, times and sets as well as plain values. What frameworks show of
them is what is read here: fields by their names, times in ISO's form. The result itself is neither
changed nor replaced.

INVARIANT: what cannot be read whole is not read at all (tests/pipeline/test_results.py).
"""

import dataclasses
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date, time
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from uuid import UUID

from agentguard.canonical import DEEPEST_NESTING, Frozen, NotCanonical, freeze

_TEXTS = (Decimal, UUID, PurePath)


def readable(result: object) -> Frozen:
    """Return what stands in a result, frozen.

    Raises:
        NotCanonical: it holds what cannot be read; the message holds none of it.
    """
    try:
        return freeze(result)
    except NotCanonical:
        pass
    return freeze(_opened(result, 0))


def _opened(value: object, depth: int) -> object:
    """Return a value as plain lists, objects, texts and numbers, as far as that is possible."""
    value = _written(value)
    if depth > DEEPEST_NESTING or value is None or isinstance(value, str | int | float):
        return value
    fields = _fields_of(value)
    if fields is not None:
        return {_name(key): _opened(item, depth + 1) for key, item in fields.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return [_opened(item, depth + 1) for item in value]
    return value


def _written(value: object) -> object:
    """Return the text that stands for a time, a number, an id or a path, and a choice's value."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | time):
        return value.isoformat()
    return str(value) if isinstance(value, _TEXTS) else value


def _name(key: object) -> object:
    """Return the name of a member as it is written; what has no such form is not read."""
    key = key.value if isinstance(key, Enum) else key
    if isinstance(key, int | date | UUID) and not isinstance(key, bool):
        return str(key)
    return key


def _fields_of(value: object) -> Mapping[object, object] | None:
    """Return the members of a mapping, the fields of a dataclass or those of a model."""
    if isinstance(value, Mapping):
        return value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    names = getattr(type(value), "model_fields", None)
    if isinstance(names, Mapping) and all(isinstance(name, str) for name in names):
        more = getattr(value, "model_extra", None) or {}
        return {**{name: getattr(value, name) for name in names}, **more}
    return None
