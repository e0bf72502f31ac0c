# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the host say about the objects of a call?

Calls the functions that a tool was guarded with: which objects a call is about, and whether
somebody may reach one. What becomes of the answers is decided elsewhere; whatever they raise is
passed on.

INVARIANT: only ``True`` says that somebody may reach an object (tests/enforcement/test_hooks.py).
"""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentguard.pipeline import CheckAccess, FindResources
from agentguard.vocabulary import Principal

Hook = Callable[..., Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceHooks:
    """The functions of one tool.

    Attributes:
        resource: gives the id, or the ids, of the objects that arguments are about.
        access: says whether a principal may reach an object; None where rules or deciders do.
    """

    resource: Hook
    access: Hook | None = None

    def ask(self, step: FindResources | CheckAccess) -> Any:
        """Perform a step in the thread of the call."""
        if isinstance(step, FindResources):
            return self.resource(step.call.resolved)
        for principal, resource in _pairs(step):
            if self._access(principal, resource) is not True:
                return principal
        return None

    async def ask_async(self, step: FindResources | CheckAccess) -> Any:
        """Perform a step; functions that are not asynchronous run in a thread."""
        if isinstance(step, FindResources):
            return await _called(self.resource, step.call.resolved)
        for principal, resource in _pairs(step):
            if await _called(self._access, principal, resource) is not True:
                return principal
        return None

    @property
    def _access(self) -> Hook:
        if self.access is None:
            raise TypeError("nothing says who may reach an object")
        return self.access


def _pairs(step: CheckAccess) -> list[tuple[Principal, str]]:
    return [(principal, each) for principal in step.principals for each in step.resources]


async def _called(hook: Hook, *values: Any) -> Any:
    if inspect.iscoroutinefunction(hook):
        return await hook(*values)
    return await asyncio.to_thread(hook, *values)
