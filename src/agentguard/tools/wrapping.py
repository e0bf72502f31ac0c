# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is an integration given to guard an object with?"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from agentguard.enforcement import Enforcer
from agentguard.vocabulary import Caller


class HasEnforcer(Protocol):
    """A guard, as far as an integration needs it."""

    @property
    def enforcer(self) -> Enforcer:
        """What takes calls through the guard."""


class WrapsClients(HasEnforcer, Protocol):
    """A guard, as far as an integration needs it that is handed clients later."""

    def wrap(self, target: Any) -> Any:
        """Guard a client of a provider's SDK in place and return it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapping:
    """One use of ``guard.wrap``.

    Attributes:
        enforcer: takes calls through the guard.
        carried: who the object acts as when no block says so.
        server: the name of an MCP server, where one was given.
        wrap_client: guards a client of a provider's SDK in place and returns it, for a framework
            that holds one; raises a TypeError for what is no client that the guard knows.
    """

    enforcer: Enforcer
    carried: Caller | None
    server: str | None
    wrap_client: Callable[[Any], Any]
