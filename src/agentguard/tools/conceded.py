# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a guard let pass that it cannot hold in full?

Observers that would see content before it is hidden, and objects that can be guarded in part only,
are refused unless ``[coverage]`` of the policy says ``warn``. What is let pass is told in the log,
and noted by the names of classes for the report of coverage; nothing of a call is kept.

INVARIANT: what is conceded is reported as long as it lives, and nothing is conceded that the policy
refuses (tests/tools/test_conceded.py).
"""

import logging
import weakref
from collections import Counter
from weakref import WeakKeyDictionary

from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError, UnguardedPath
from agentguard.policy import Glob, Strictness

_LOG = logging.getLogger("agentguard")

_PARTIAL: "dict[int, tuple[weakref.ref[object], weakref.ref[Enforcer], str]]" = {}
_OBSERVERS: "WeakKeyDictionary[Enforcer, set[str]]" = WeakKeyDictionary()


def full_name(kind: type) -> str:
    """Return the full name of a class, by which a policy knows it."""
    return f"{kind.__module__}.{kind.__qualname__}"


def require_partial(enforcer: Enforcer, problem: str) -> None:
    """Refuse an object that can be guarded in part only, unless the policy lets it be.

    Args:
        enforcer: its policy says so.
        problem: why that is, and what to use instead.

    Raises:
        ConfigError: the policy does not.
    """
    if enforcer.core.policy.document.coverage.partial is Strictness.REFUSE:
        raise ConfigError(f'{problem}, or set partial = "warn" in [coverage]')


def note_partial(held: object, enforcer: Enforcer, name: str) -> None:
    """Note that an object is guarded in part only, for as long as it lives, and tell the log.

    Args:
        held: the object.
        enforcer: the guard that has it.
        name: the full name of its class.
    """
    key = id(held)
    gone = weakref.ref(held, lambda _: _PARTIAL.pop(key, None))
    _PARTIAL[key] = (gone, weakref.ref(enforcer), name)
    _LOG.warning("objects of class %s are guarded in part only", name)


def knows_observer(enforcer: Enforcer, name: str) -> bool:
    """Say whether the policy names what sees content before it is hidden.

    Args:
        enforcer: its policy says so.
        name: the full name of its class.
    """
    known = enforcer.core.policy.document.coverage.known_observers
    return any(Glob(pattern).matches(name) for pattern in known)


def objection_to_observer(
    enforcer: Enforcer, name: str, *, instead: str = "take it off the run"
) -> UnguardedPath | None:
    """Return why something is refused because of who would see it, None if it is not.

    An observer that the policy lets see without naming it is noted, and told in the log once.

    Args:
        enforcer: its policy says who may see.
        name: the full name of the observer's class.
        instead: what to do about it.
    """
    if knows_observer(enforcer, name):
        return None
    if enforcer.core.policy.document.coverage.observers is Strictness.REFUSE:
        return UnguardedPath(
            f"{name} would see prompts and results before anything in them is hidden, so this is"
            " refused",
            remedy=f"{instead}, or name its class in known_observers of [coverage];"
            ' observers = "warn" lets every one of them see',
        )
    if note_observer(enforcer, name):
        _LOG.warning("%s sees prompts and results as they were before hiding", name)
    return None


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
