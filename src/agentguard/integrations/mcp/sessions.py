# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is the session of an MCP client guarded?

In place: a guarded dispatcher stands before its own, and guarded callbacks answer the server. A
``Client`` makes its session when it is entered, which is guarded then. What would keep an answer
for another caller, such as the cache of a client, is switched off.

INVARIANT: whatever a guarded session, or the session of a guarded client, sends goes through the
guarded dispatcher (tests/attacks/frameworks/test_mcp_messages.py).
"""

# ruff: noqa: SLF001 - the SDK has no public way to what a session sends by

from contextlib import AsyncExitStack
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from mcp import Client, ClientSession, ClientSessionGroup
from mcp.client import session as sdk
from pydantic import BaseModel

from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError
from agentguard.integrations.mcp.callbacks import (
    ANSWERS,
    dropped,
    guarded_callback,
    may_answer,
    telling,
)
from agentguard.integrations.mcp.greeting import greeting_checked
from agentguard.integrations.mcp.outbound import GuardedDispatcher
from agentguard.tools import Wrapping, note_server

T = TypeVar("T", bound=BaseModel)

# By these a session knows that nobody answers, and does not offer it to its server.
_UNANSWERED = {
    "_sampling_callback": sdk._default_sampling_callback,
    "_elicitation_callback": sdk._default_elicitation_callback,
    "_list_roots_callback": sdk._default_list_roots_callback,
}
_OWN = frozenset(vars(ClientSession)) - {"__doc__", "__module__", "__init__", "__annotations__"}


def guarded_session(session: ClientSession, wrapping: Wrapping) -> ClientSession:
    """Guard a session in place and return it.

    Raises:
        TypeError: its class changes how messages are sent.
        ConfigError: another guard has it, it has extensions, or one of its tools could be that of
            another server.
    """
    before: Any = session._dispatcher
    if isinstance(before, GuardedDispatcher):
        _require_same(before.enforcer, before.server, wrapping)
        return session
    _require_plain(session)
    note_server(wrapping.enforcer, wrapping.server)
    guarded = GuardedDispatcher(
        before, wrapping.enforcer, server=wrapping.server, carried=wrapping.carried
    )
    for attribute in ANSWERS:
        setattr(session, attribute, _answering(session, attribute, guarded))
    attributes: Any = session
    attributes._logging_callback = dropped
    attributes._message_handler = telling(attributes._message_handler, guarded.tools_changed)
    attributes._dispatcher = guarded
    _check_greeting(attributes, wrapping)
    return session


def guarded_client(client: Client, wrapping: Wrapping) -> Client:
    """Guard a client in place and return it; its session is guarded when it is made.

    Raises:
        TypeError: its class changes how its session is made.
        ConfigError: another guard has it, it has extensions, or one of its tools could be that of
            another server.
    """
    attributes: Any = client
    before = getattr(client, "__dict__", {}).get("_build_session")
    if isinstance(before, _Building):
        _require_same(before.wrapping.enforcer, before.wrapping.server, wrapping)
        return client
    if type(client) is not Client:
        raise TypeError("a subclass of mcp.Client cannot be guarded; guard the client itself")
    if client.extensions:
        raise ConfigError("the extensions of an MCP client are not guarded: make it without")
    note_server(wrapping.enforcer, wrapping.server)
    if client.prior_discover is not None:  # it was a server's answer once
        client.prior_discover = _greeting(client.prior_discover, wrapping)
    attributes._response_cache = None  # what was answered to one caller, another may not see
    attributes._build_session = _Building(client._build_session, wrapping)
    if client._session is not None:
        guarded_session(client._session, wrapping)
    return client


class _Building:
    """Makes the session of a client, guarded."""

    def __init__(self, build: Any, wrapping: Wrapping) -> None:
        self.wrapping = wrapping
        _PLAINLY[self] = build

    async def __call__(self, exit_stack: AsyncExitStack) -> ClientSession:
        return guarded_session(await _PLAINLY[self](exit_stack), self.wrapping)


# By a table, so that no attribute of a client leads to what makes an unguarded session.
_PLAINLY: WeakKeyDictionary[_Building, Any] = WeakKeyDictionary()


def refuse_group(_: ClientSessionGroup) -> None:
    """Refuse a group, which lists what its servers have before anybody can guard them.

    Raises:
        TypeError: always.
    """
    raise TypeError(
        "a ClientSessionGroup cannot be guarded: guard each session, and add it to the group by"
        " connect_with_session"
    )


def _require_same(enforcer: Enforcer, server: str | None, wrapping: Wrapping) -> None:
    if enforcer is not wrapping.enforcer:
        raise ConfigError("the MCP session is guarded by another guard already")
    if server != wrapping.server:
        raise ConfigError(f"the MCP session is guarded as server {server!r} already")
    if wrapping.carried is not None:
        raise ConfigError("the MCP session is guarded already: bind it when it is guarded first")


def _require_plain(session: ClientSession) -> None:
    kinds = type(session).__mro__
    changed = [kind for kind in kinds[: kinds.index(ClientSession)] if vars(kind).keys() & _OWN]
    if changed:
        raise TypeError(
            f"{type(session).__name__} changes how an MCP session sends its messages, so it cannot"
            " be guarded: use mcp.ClientSession"
        )
    attributes: Any = session
    if _OWN & vars(session).keys():
        raise TypeError("the MCP session has methods of its own, so it cannot be guarded")
    if attributes._extensions or attributes._result_claims or attributes._notification_bindings:
        raise ConfigError("the extensions of an MCP session are not guarded: make it without")


def _answering(session: ClientSession, attribute: str, guarded: GuardedDispatcher) -> Any:
    plain = getattr(session, attribute)
    nothing = _UNANSWERED[attribute]
    if plain is nothing or not may_answer(guarded.enforcer, attribute, guarded.server):
        return nothing
    return guarded_callback(plain, guarded, attribute)


def _check_greeting(session: Any, wrapping: Wrapping) -> None:
    """Take out of what the server said of itself before what may not be read."""
    for attribute in ("_initialize_result", "_discover_result"):
        said = getattr(session, attribute)
        if said is not None:
            setattr(session, attribute, _greeting(said, wrapping))
    if session._discover_result is not None:
        session._discover_server_info = sdk._parse_server_info_stamp(session._discover_result)


def _greeting(said: T, wrapping: Wrapping) -> T:
    plain = said.model_dump(by_alias=True, mode="json", exclude_none=True)
    return type(said).model_validate(greeting_checked(wrapping.enforcer, wrapping.server, plain))
