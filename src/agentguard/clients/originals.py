# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a method still the SDK's own, or has an instrumentation replaced it?

Looks at code alone: whose file a function was compiled from, and which of the client's verbs it
names. It calls nothing.

INVARIANT: a wrapper that passes for its function is seen through
(tests/clients/test_originals.py).
"""

import inspect
import sys
from functools import cache, lru_cache
from os import path
from types import FunctionType
from typing import Any

VERBS = frozenset({"_post", "_get", "_put", "_patch", "_delete", "_get_api_list"})
# Where the decorator stands that the SDK puts on what it will remove.
DEPRECATING = ("typing_extensions", "warnings")
# So many frames lie at most between a method of a resource and the request it makes.
NEAREST_FRAMES = 24


@cache
def _folder(sdk: str) -> str:
    return path.dirname(sys.modules[sdk].__file__ or "") + path.sep  # noqa: PTH120 - hot path


@cache
def _deprecating() -> frozenset[str]:
    modules = (sys.modules.get(name) for name in DEPRECATING)
    return frozenset(module.__file__ or "" for module in modules if module is not None)


def is_own(found: object, sdk: str) -> bool:
    """Say whether *found* is a function that was compiled from a file of the SDK."""
    # Not ``isinstance``: a proxy says that it has the class of what it stands for.
    while type(found) is FunctionType:
        file = found.__code__.co_filename
        if file.startswith(_folder(sdk)):
            return True
        if file not in _deprecating() or not hasattr(found, "__deprecated__"):
            return False
        found = getattr(found, "__wrapped__", None)  # the SDK's own, with a warning before it
    return False


def original(found: object, sdk: str) -> Any:
    """Return the SDK's own function behind what replaced it, None if it cannot be found."""
    seen: set[int] = set()
    while not is_own(found, sdk):
        if id(found) in seen:
            return None
        seen.add(id(found))
        found = getattr(found, "__wrapped__", None)
    return found


@lru_cache(maxsize=4096)
def asks_once(function: Any, sdk: str) -> bool:
    """Say whether a method of a resource makes one request and returns what comes of it.

    Such a method names the verb that it uses, or a function of the SDK's library that does. What
    names none, such as a poller or an opener of streams, calls other methods of resources.
    """
    function = inspect.unwrap(function)
    called = (function.__globals__.get(name) for name in function.__code__.co_names)
    library = (each for each in called if is_own(each, sdk))
    return _names_verb(function) or any(map(_names_verb, library))


def _names_verb(function: Any) -> bool:
    return not VERBS.isdisjoint(function.__code__.co_names)


def request_is_observed(base: type, sdk: str) -> bool:
    """Say whether an instrumentation has replaced ``request`` of a client's class."""
    return not is_own(getattr(base, "request", None), sdk)


def came_through_observer(sdk: str) -> bool:
    """Say whether the request that is being made comes from a replaced method of a resource."""
    frame: Any = sys._getframe(2)  # noqa: SLF001 - no public way
    for _ in range(NEAREST_FRAMES):
        if frame is None:
            return False
        module = frame.f_globals.get("__name__", "")
        if module.startswith(f"{sdk}.resources."):
            kind, _, name = frame.f_code.co_qualname.rpartition(".")
            owner = frame.f_globals.get(kind)
            if isinstance(owner, type) and name in owner.__dict__:
                return not is_own(owner.__dict__[name], sdk)
        frame = frame.f_back
    return False
