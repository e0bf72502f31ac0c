# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which living parts of openai-agents pass a guard, and who acts in them?

INVARIANT: a part counts as guarded by its identity, never by a mark that can be copied
(tests/attacks/frameworks/test_openai_agents_paths.py).
"""

import weakref
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from agents import AgentsException

from agentguard.enforcement import Enforcer
from agentguard.errors import AgentGuardError, ConfigError
from agentguard.identity import Identities

Ask = Callable[[dict[str, Any]], Awaitable[None]]
WrapClient = Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """Under which guard a part runs, and as whom.

    Attributes:
        enforcer: takes calls through the guard.
        identity: the identity that the part's agent has beside the one around, None for none.
    """

    enforcer: Enforcer
    identity: str | None = None

    def block(self) -> AbstractContextManager[object]:
        """Return the block in which the part acts; what is around it is extended, never replaced.

        Where nobody is bound, nobody is: an agent's own identity alone starts no chain.
        """
        identities: Identities = self.enforcer.identities
        around = identities.ambient()
        if self.identity is None or around is None or around.chain.actor.id == self.identity:
            return nullcontext()
        return identities.block(self.identity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is known of one guarded part.

    Attributes:
        holder: the guard's enforcer.
        identity: see ``Acting``.
        ask: for a tool, asks people about a call of it.
        wrap_client: for an agent, guards a client of a provider's SDK.
        invoked: for a tool and a handoff, the function that the SDK calls.
    """

    holder: "weakref.ref[Enforcer]"
    identity: str | None
    ask: Ask | None = None
    wrap_client: WrapClient | None = None
    invoked: object = None


_PARTS: "dict[int, tuple[weakref.ref[object], Part]]" = {}


def note_part(
    part: object,
    acting: Acting,
    ask: Ask | None = None,
    wrap_client: WrapClient | None = None,
    invoked: object = None,
) -> None:
    """Note that a part passes a guard, for as long as it lives."""
    key = id(part)
    known = Part(
        holder=weakref.ref(acting.enforcer),
        identity=acting.identity,
        ask=ask,
        wrap_client=wrap_client,
        invoked=invoked,
    )
    _PARTS[key] = (weakref.ref(part, lambda _: _PARTS.pop(key, None)), known)


def part_of(part: object, enforcer: Enforcer | None = None) -> Part | None:
    """Return what is known of a part, None if it passes no guard.

    Raises:
        ConfigError: it passes another guard than the one of *enforcer*, where that is given.
    """
    found = _PARTS.get(id(part))
    if found is None or found[0]() is not part:
        return None
    if enforcer is not None and found[1].holder() is not enforcer:
        raise ConfigError(f"this {type(part).__name__} is guarded by another guard already")
    return found[1]


class _EndsRun(AgentsException):
    """What the runner raises as it is, instead of putting it into an error of its own."""

    @property
    def run_data(self) -> None:
        """Nothing: the runner would hang the whole conversation on the error."""
        return None

    @run_data.setter
    def run_data(self, _: object) -> None:
        return


@lru_cache(maxsize=64)
def _ending(kind: type[AgentGuardError]) -> type[AgentGuardError]:
    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    return cast("type[AgentGuardError]", type(kind.__name__, (kind, _EndsRun), named))


def guards_own(error: BaseException) -> AgentGuardError | None:
    """Return the guard's own error, also where the SDK has put it into one of its own."""
    own = error if isinstance(error, AgentGuardError) else error.__cause__
    return own if isinstance(own, AgentGuardError) else None


def ends_run(error: AgentGuardError) -> AgentGuardError:
    """Return an error such that the runner raises it as what it is."""
    if not isinstance(error, AgentsException):
        error.__class__ = _ending(type(error))  # type: ignore[arg-type]  # classes are hashable
    return error
