# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a guarded client carry, and what happens to a use of it that is no call?

INVARIANT: a guarded class without guard state refuses (tests/attacks/test_openai_paths.py).
"""

from dataclasses import dataclass
from typing import Any, NoReturn

from agentguard.clients.seal import Ticket, ticket_of
from agentguard.clients.surface import Surface
from agentguard.enforcement import Crossing, Enforcer
from agentguard.errors import UnguardedPath
from agentguard.vocabulary import Boundary, Caller

STATE = "_agentguard_state"
GUARDED = "__agentguard_guarded__"
RAW_HTTP = "raw_http"
INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class State:
    """What a guarded client carries: its SDK, its guard, and who it acts as."""

    surface: Surface
    enforcer: Enforcer
    carried: Caller | None


def state_of(client: Any) -> State:
    """Return the guard state of a client.

    Raises:
        UnguardedPath: it has none.
    """
    state = client.__dict__.get(STATE)
    if not isinstance(state, State):
        raise UnguardedPath(
            "a client of a guarded class was made without its guard, so it is refused",
            remedy="make a plain client and wrap it, or use with_options()",
        )
    return state


def refuse(state: State, operation: str, error: UnguardedPath) -> NoReturn:
    """Take a use of the client that is no call through the guard: written down, and refused."""

    def raise_it(_: object) -> NoReturn:
        raise error

    crossing = Crossing(
        boundary=Boundary.MODEL,
        surface=state.surface.sdk,
        operation=operation,
        target="",
        carried=state.carried,
        describe=raise_it,
        operation_span=False,
    )
    state.enforcer.call(crossing, raise_it)
    raise error


def required_ticket(client: Any, options: Any = None) -> Ticket:
    """Return the current ticket of *client*, for these options if there are any.

    Raises:
        UnguardedPath: there is none, so the call did not come through the guard.
    """
    ticket = ticket_of(client)
    if ticket is not None and ticket.refusal is not None:
        raise ticket.refusal
    if ticket is not None and (options is None or ticket.is_for(options)):
        return ticket
    if ticket is not None:
        raise UnguardedPath("the request was changed after the guard had admitted it")
    url = "" if options is None else str(options.url)
    if url.startswith(("ws://", "wss://")):
        refuse_socket(client, url)
    error = UnguardedPath(
        "the client was used on a way that the guard does not decide, so it is refused",
        remedy="use the methods of the client's resources",
    )
    refuse(state_of(client), INTERNAL, error)


def socket_named(surface: Surface, url: str) -> str:
    """Return the pair that a websocket's address is listed as, or ``websocket``."""
    segments = url.partition("?")[0].split("/")
    tails = ("/" + "/".join(segments[start:]) for start in range(3, len(segments)))
    match = next((found for tail in tails if (found := surface.table.find("WS", tail))), None)
    return "websocket" if match is None else match.operation.pair


def refuse_sign_in(client: Any) -> NoReturn:
    """Refuse to hand out what a client signs in with: what is sent with it passes no guard."""
    error = UnguardedPath(
        "what the client signs in with is not handed out, since a request or a websocket of"
        " somebody's own that signs in with it would pass the guard by"
    )
    refuse(state_of(client), "websocket", error)


def refuse_socket(client: Any, url: str) -> NoReturn:
    """Refuse a websocket that is not opened through the guard, by name if it is listed."""
    state = state_of(client)
    named = socket_named(state.surface, url)
    error = UnguardedPath(f"{named} is not opened through the guard, so it is refused")
    refuse(state, named, error)
