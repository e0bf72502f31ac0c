# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which client objects of an SDK live in this process, and which of them pass the guard?

Clients are found by asking the garbage collector for the instances of the SDK's client classes,
so that one that nobody told the guard of is found, too. Nothing of a client is called or read but
its class and its guard state.

INVARIANT: a client that lives in this process and is not guarded is found, unless ``gc.freeze``
took it out of sight; and looking disturbs no other thread (tests/clients/test_living.py).
"""

import gc
import sys
from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from itertools import chain, compress, starmap, tee
from typing import Any
from weakref import WeakKeyDictionary

from agentguard.clients.state import GUARDED, STATE
from agentguard.clients.surface import Surface
from agentguard.enforcement import Enforcer

# What every client class of the SDKs derives from.
BASE = "BaseClient"


class Standing(StrEnum):
    """How a client stands to a guard.

    ``REFUSING`` is one of a guarded class that was made past the guard: each use is refused.
    """

    GUARDED = "guarded"
    ELSEWHERE = "elsewhere"
    REFUSING = "refusing"
    UNGUARDED = "unguarded"


# The collector does not show objects that gc.freeze took out of its sight; these it need not.
_ARMED: WeakKeyDictionary[Any, None] = WeakKeyDictionary()


def note(client: Any) -> None:
    """Remember a client that was guarded, as long as it lives."""
    _ARMED[client] = None


def living(surface: Surface, enforcer: Enforcer) -> Counter[tuple[Standing, str]]:
    """Count the clients of an SDK in this process by how they stand to a guard, and by class.

    Classes are named as the SDK names them, also where a program derived one of its own.
    """
    found = _counted(surface, enforcer)
    if any(standing is Standing.UNGUARDED for standing, _ in found):
        # A client refers to itself; one that nobody can use any more is not worth a report.
        gc.collect()
        found = _counted(surface, enforcer)
    return found


def _counted(surface: Surface, enforcer: Enforcer) -> Counter[tuple[Standing, str]]:
    base = getattr(sys.modules.get(f"{surface.sdk}._base_client"), BASE, None)
    if base is None:
        return Counter()
    names = {kind: name for kind in _derived(base) if (name := class_name(kind, surface.sdk))}
    noted = [client for reference in _ARMED.keyrefs() if (client := reference()) is not None]
    clients = {id(one): one for one in (*_instances(names), *noted) if type(one) in names}
    return Counter((_standing(one, enforcer), names[type(one)]) for one in clients.values())


def _derived(kind: type) -> Iterator[type]:
    below: list[type] = type.__subclasses__(kind)
    for derived in below:
        yield derived
        yield from _derived(derived)


def _instances(kinds: dict[type, str]) -> list[Any]:
    """Return the objects of these very classes that the collector knows.

    Other objects that hold such a class are held for a moment, too: also a tuple that another
    thread is still making, which would fail there. So they are let go within one call that runs
    no Python code, before another thread can go on, and no name holds what remembers them.
    """
    both = [*tee(chain.from_iterable(starmap(gc.get_referrers, (tuple(kinds),))))]
    return list(compress(both.pop(), map(kinds.__contains__, map(type, both.pop()))))


def class_name(kind: type, sdk: str) -> str | None:
    """Return the SDK's public name of a client class, None if it is no such class."""
    of_sdk = [base for base in kind.__mro__ if str(base.__module__).partition(".")[0] == sdk]
    if not any(base.__name__ == BASE for base in of_sdk):
        return None
    return next(base.__name__ for base in of_sdk if not base.__name__.startswith("_"))


def _standing(client: Any, enforcer: Enforcer) -> Standing:
    if not getattr(type(client), GUARDED, False):
        return Standing.UNGUARDED
    held = getattr(client.__dict__.get(STATE), "enforcer", None)
    if held is None:
        return Standing.REFUSING
    return Standing.GUARDED if held is enforcer else Standing.ELSEWHERE
