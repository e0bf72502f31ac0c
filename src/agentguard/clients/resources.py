# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a resource of a guarded client do with a method that was replaced?

The resources get a class of their own, like the client. Their methods look at each call whether
the SDK's is still there. If so, it runs, and ``request`` is guarded as ever; if an instrumentation
stands in its place, before or after the wrap, that is run by way of ``observed``.

INVARIANT: resources reached on any way from the client are such (tests/clients/test_resources.py).
"""

import functools
import inspect
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import Any

from agentguard.clients.crossings import Asked
from agentguard.clients.observed import (
    Arguments,
    Rehearsed,
    Way,
    can_be_observed,
    candidates,
    is_address,
    passing,
    says_the_same,
    way_of,
    without_iterators,
)
from agentguard.clients.originals import asks_once, is_own, original
from agentguard.clients.seal import Ticket
from agentguard.clients.sending import crossed, crossed_async, sent, sent_async
from agentguard.clients.state import GUARDED, state_of
from agentguard.errors import UnguardedPath

ARMED = "__agentguard_armed__"
KINDS = frozenset({"SyncAPIResource", "AsyncAPIResource"})
# Made once for a resource, with its methods as they were then.
HELD = ("with_raw_response", "with_streaming_response")


def lazily_armed(base: type) -> dict[str, Any]:
    """Return what makes a class give its resources armed, by the name under which it does."""
    found: dict[str, Any] = {}
    for kind in reversed(base.__mro__):
        for name, member in kind.__dict__.items():
            if isinstance(member, cached_property) and name not in HELD:
                found[name] = _arming(name, member.func)
    return found


def _arming(name: str, func: Callable[[Any], Any]) -> Any:
    @functools.wraps(func)
    def made(self: Any) -> Any:
        return armed(func(self))

    member = cached_property(made)
    member.__set_name__(object, name)
    return member


def arm_held(holder: Any) -> None:
    """Arm the resources that a client or a resource holds already."""
    for name, value in list(holder.__dict__.items()):
        if name in HELD:
            del holder.__dict__[name]
        else:
            armed(value)


def armed(value: Any) -> Any:
    """Arm *value* in place if it is a resource, with all that it holds; return it."""
    kind: Any = type(value)
    if _is_resource(kind) and not getattr(kind, ARMED, False):
        value.__class__ = resource_class(kind)
        arm_held(value)
    return value


def _is_resource(kind: type) -> bool:
    return any(base.__name__ in KINDS for base in kind.__mro__)


@lru_cache(maxsize=1024)
def resource_class(base: Any) -> type:
    """Return the subclass of a resource's class that looks what its methods are."""
    members: dict[str, Any] = lazily_armed(base)
    for kind in reversed(base.__mro__):
        if kind is not object and kind.__name__ not in KINDS:
            for name, member in kind.__dict__.items():
                if not name.startswith("_") and _is_method(member):
                    members[name] = _forwarding(base, name)
    members |= {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        ARMED: True,
    }
    return type(base.__name__, (base,), members)


def _is_method(member: object) -> bool:
    if isinstance(member, type | staticmethod | classmethod | property | cached_property):
        return False
    # Not ``callable``: what an instrumentation puts there may be a descriptor alone.
    return hasattr(member, "__get__")


def _forwarding(base: type, name: str) -> Any:
    """Return the method that runs the SDK's, or what stands in its place."""
    sdk = base.__module__.partition(".")[0]
    own = original(_defined(base, name), sdk)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = _defined(base, name)
        if found is own or is_own(found, sdk):
            return found(self, *args, **kwargs)
        # What could not be seen through when the class was made may be gone by now.
        real = original(found, sdk) if own is None else own
        if real is None:
            raise _unknown()
        if _is_inside(self):
            return real(self, *args, **kwargs)
        observed = _observed_async if _is_asynchronous(real) else _observed
        return observed(self, real, _bound(found, self), args, kwargs)

    async def method_async(self: Any, *args: Any, **kwargs: Any) -> Any:
        found = _defined(base, name)
        if found is own or is_own(found, sdk):
            return await found(self, *args, **kwargs)
        if _is_inside(self):
            return await own(self, *args, **kwargs)
        return await _observed_async(self, own, _bound(found, self), args, kwargs)

    if own is None:
        return method
    return functools.wraps(own)(method_async if _is_asynchronous(own) else method)


def _is_asynchronous(own: Any) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(own))


def _defined(kind: type, name: str) -> Any:
    """Return what a class defines under a name, as it stands there."""
    return next(base.__dict__[name] for base in kind.__mro__ if name in base.__dict__)


def _bound(found: Any, resource: Any) -> Callable[..., Any]:
    bind = getattr(type(found), "__get__", None)
    bound: Callable[..., Any] = found if bind is None else bind(found, resource, type(resource))
    return bound


def _is_inside(resource: Any) -> bool:
    """Say whether another method of the client's resources has taken the matter in hand."""
    way = way_of(resource._client)  # noqa: SLF001 - every resource has it
    return way is not None and not way.used


def _base_of(client: Any) -> Any:
    """Return the SDK's class that a guarded client had."""
    kinds = type(client).__mro__
    at = next((at for at, kind in enumerate(kinds) if GUARDED in kind.__dict__), None)
    if at is None:
        raise UnguardedPath("a resource of a guarded client was given to another client")
    return kinds[at + 1]


def _unknown() -> UnguardedPath:
    return UnguardedPath(
        "a method of the SDK was replaced by code that the guard cannot look behind",
        remedy="wrap the client before the method is replaced, or let the code set __wrapped__",
    )


def _observed(
    resource: Any, own: Any, seen: Callable[..., Any], args: tuple[Any, ...], given: Arguments
) -> Any:
    """Run what stands in the place of a method, on what the guard has admitted."""
    client = resource._client  # noqa: SLF001 - every resource has it
    if not asks_once(own, state_of(client).surface.sdk):
        return own(resource, *args, **given)
    given = {name: without_iterators(value) for name, value in given.items()}
    try:
        with passing(Way(client)):
            return own(resource, *args, **given)
    except Rehearsed as rehearsed:
        asked = rehearsed.asked
    if not can_be_observed(asked):
        with passing(Way(client, unseen=True)):
            return own(resource, *args, **given)
    base = _base_of(client)

    def through(asked: Asked, ticket: Ticket) -> Any:
        for made in _possible(own, args, given, ticket):
            if _asks_for(client, own, resource, args, made, ticket):
                with passing(Way(client, ticket)):
                    return seen(*args, **made)
        return sent(client, base, asked, ticket)

    return crossed(client, base, asked, through)


def _possible(own: Any, args: tuple[Any, ...], given: Arguments, ticket: Ticket) -> Any:
    if not all(is_address(value, ticket.call) for value in args):
        return ()
    return candidates(own, given, ticket)


def _asks_for(
    client: Any, own: Any, resource: Any, args: tuple[Any, ...], made: Arguments, ticket: Ticket
) -> bool:
    try:
        with passing(Way(client)):
            own(resource, *args, **made)
    except Rehearsed as rehearsed:
        return says_the_same(rehearsed.asked.options, ticket.admitted)
    except Exception:  # noqa: BLE001 - arguments that the method does not take ask for nothing
        return False
    return False


async def _observed_async(
    resource: Any, own: Any, seen: Callable[..., Any], args: tuple[Any, ...], given: Arguments
) -> Any:
    """Like ``_observed``, for an asynchronous client."""
    client = resource._client  # noqa: SLF001 - every resource has it
    if not asks_once(own, state_of(client).surface.sdk):
        return await own(resource, *args, **given)
    given = {name: without_iterators(value) for name, value in given.items()}
    try:
        with passing(Way(client)):
            return await own(resource, *args, **given)
    except Rehearsed as rehearsed:
        asked = rehearsed.asked
    if not can_be_observed(asked):
        with passing(Way(client, unseen=True)):
            return await own(resource, *args, **given)
    base = _base_of(client)

    async def through(asked: Asked, ticket: Ticket) -> Any:
        for made in _possible(own, args, given, ticket):
            if await _asks_for_async(client, own, resource, args, made, ticket):
                with passing(Way(client, ticket)):
                    return await seen(*args, **made)
        return await sent_async(client, base, asked, ticket)

    return await crossed_async(client, base, asked, through)


async def _asks_for_async(
    client: Any, own: Any, resource: Any, args: tuple[Any, ...], made: Arguments, ticket: Ticket
) -> bool:
    try:
        with passing(Way(client)):
            await own(resource, *args, **made)
    except Rehearsed as rehearsed:
        return says_the_same(rehearsed.asked.options, ticket.admitted)
    except Exception:  # noqa: BLE001 - arguments that the method does not take ask for nothing
        return False
    return False
