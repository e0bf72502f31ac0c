# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a guard let pass that it cannot hold in full, because its policy says ``warn``?

Noted by the names of classes, for the report of coverage; nothing of a call is kept.

INVARIANT: what is conceded is reported as long as it lives (tests/tools/test_conceded.py).
"""

import weakref
from collections import Counter
from weakref import WeakKeyDictionary

from agentguard.enforcement import Enforcer

_PARTIAL: "dict[int, tuple[weakref.ref[object], weakref.ref[Enforcer], str]]" = {}
_OBSERVERS: "WeakKeyDictionary[Enforcer, set[str]]" = WeakKeyDictionary()


def note_partial(held: object, enforcer: Enforcer, name: str) -> None:
    """Note that an object is guarded in part only, for as long as it lives.

    Args:
        held: the object.
        enforcer: the guard that has it.
        name: the full name of its class.
    """
    key = id(held)
    gone = weakref.ref(held, lambda _: _PARTIAL.pop(key, None))
    _PARTIAL[key] = (gone, weakref.ref(enforcer), name)


def note_observer(enforcer: Enforcer, name: str) -> bool:
    """Note that an observer sees content before it is hidden, and say whether that is news.

    Args:
        enforcer: the guard that lets it.
        name: the full name of its class.
    """
    seen = _OBSERVERS.setdefault(enforcer, set())
    if name in seen:
        return False
    seen.add(name)
    return True


def partial_of(enforcer: Enforcer) -> Counter[str]:
    """Count the living objects that are guarded in part, by the names of their classes."""
    # A copy, since objects come and go in other threads.
    found = list(_PARTIAL.values())
    return Counter(name for _, holder, name in found if holder() is enforcer)


def observers_of(enforcer: Enforcer) -> tuple[str, ...]:
    """Return the observers that were let see, by the names of their classes, sorted."""
    return tuple(sorted(_OBSERVERS.get(enforcer, ())))
