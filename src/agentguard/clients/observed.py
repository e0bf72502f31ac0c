# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does an instrumentation's own method run without seeing what the caller gave?

Such a method copies its arguments into a span before it calls the SDK's. So the SDK's own method
is asked first what it would request; that goes through the guard; and the replaced method runs as
the dispatch, with arguments made from what was admitted.

INVARIANT: a replaced method gets nothing but admitted content (tests/attacks/observers/test_observers.py).
INVARIANT: what is sent is what was admitted, or the call is refused (same file).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import lru_cache
from inspect import signature
from typing import Any

from agentguard.clients.crossings import Asked
from agentguard.clients.originals import came_through_observer
from agentguard.clients.request import body_of
from agentguard.clients.seal import Ticket
from agentguard.clients.state import state_of
from agentguard.errors import UnguardedPath
from agentguard.vocabulary import ModelCall

# Arguments of every method that say how to ask and hold nothing of the body.
BESIDE_THE_BODY = frozenset({"extra_headers", "extra_query", "timeout"})

Arguments = dict[str, Any]


class Rehearsed(BaseException):
    """The SDK's method would ask for this; thrown so that nothing in the SDK catches it."""

    def __init__(self, asked: Asked) -> None:
        super().__init__()
        self.asked = asked


@dataclass(slots=True, eq=False)
class Way:
    """On which way the next request of a client is made.

    Attributes:
        client: the client.
        ticket: what was admitted for the replaced method that runs, None in a rehearsal.
        unseen: whether the SDK's own method runs, past what replaced it.
    """

    client: Any = field(repr=False)
    ticket: Ticket | None = field(default=None, repr=False)
    unseen: bool = False
    used: bool = False


_WAY: ContextVar[Way | None] = ContextVar("agentguard_way", default=None)


@contextmanager
def passing(way: Way) -> Iterator[None]:
    """Let requests be made on a way until the block ends."""
    token = _WAY.set(way)
    try:
        yield
    finally:
        way.used = True
        _WAY.reset(token)


def way_of(client: Any) -> Way | None:
    """Return the way on which the next request of *client* is made, None for by itself."""
    way = _WAY.get()
    return way if way is not None and way.client is client else None


def passed(client: Any, asked: Asked) -> Ticket | None:
    """Return the ticket with which a request was admitted already, None if it was not.

    Raises:
        Rehearsed: it is only to be known what would be asked.
        UnguardedPath: it comes through a method that an instrumentation has replaced, and that
            method was given what was not admitted.
    """
    way = way_of(client)
    if way is None or way.used:
        if came_through_observer(state_of(client).surface.sdk):
            raise UnguardedPath(
                "a method that an instrumentation has replaced was called past the guard",
                remedy="take the method from the client anew after wrapping it",
            )
        return None
    if way.unseen:
        return None
    if way.ticket is None:
        raise Rehearsed(asked)
    way.used = True
    if not says_the_same(asked.options, way.ticket.admitted):
        raise UnguardedPath(
            "what replaced a method of the SDK changed the request after the guard had admitted it",
            remedy="change the request before the client is called",
        )
    way.ticket.landing.asked = asked
    return way.ticket


def says_the_same(options: Any, admitted: Any) -> bool:
    """Say whether two requests are for the same, with the same content."""
    return (
        options.files is None
        and options.content is None
        and options.method == admitted.method
        and options.url == admitted.url
        and _given(options.params) == _given(admitted.params)
        and _given(body_of(options)) == admitted.json_data
    )


def _given(members: Any) -> Any:
    """Return members without those that an SDK leaves out as late as in ``request``."""
    if not isinstance(members, Mapping):
        return members
    return {name: value for name, value in members.items() if not _is_left_out(value)}


def _is_left_out(value: object) -> bool:
    return type(value).__name__ in {"Omit", "NotGiven"}


def can_be_observed(asked: Asked) -> bool:
    """Say whether a request's arguments can be made from its body."""
    options = asked.options
    body = options.json_data
    plain = options.files is None and options.content is None
    return plain and (body is None or isinstance(body, Mapping))


def candidates(own: Any, given: Arguments, ticket: Ticket) -> Iterator[Arguments]:
    """Return arguments that may make the SDK's method ask for what was admitted.

    First those that the caller has named, then every one that the body has. Nothing of the
    caller's is among them but what stands beside the body.

    Args:
        own: the SDK's own method.
        given: what the caller has named.
        ticket: what was admitted.
    """
    body = ticket.admitted.json_data or {}
    beside = {
        name: value
        for name, value in given.items()
        if name not in body and _stands_beside(name, value, ticket.call)
    }
    named = {*given, *(given.get("extra_body") or ())}
    for names in (named.intersection(body), frozenset(body)):
        parameters = _parameters(own)
        extra = {name: body[name] for name in body if name in names and name not in parameters}
        made = {name: body[name] for name in body if name in names and name in parameters}
        yield {**beside, **made, **({"extra_body": extra} if extra else {})}


@lru_cache(maxsize=4096)
def _parameters(own: Any) -> frozenset[str]:
    return frozenset(signature(own).parameters)


def _stands_beside(name: str, value: object, call: ModelCall) -> bool:
    if name in BESIDE_THE_BODY or value is None or isinstance(value, bool | int | float):
        return True
    return _is_left_out(value) or is_address(value, call)


def is_address(value: object, call: ModelCall) -> bool:
    """Say whether a value stands in path or query, where everything was inspected."""
    parts = call.address if isinstance(call.address, tuple) else ()
    if isinstance(value, list | tuple):
        return all(item in parts for item in value)
    return isinstance(value, str) and value in parts


def without_iterators(value: Any) -> Any:
    """Return an argument in a form that can be read more than once."""
    return list(value) if isinstance(value, Iterator) else value
