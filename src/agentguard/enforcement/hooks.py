# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the host say about the objects of a call?

Calls the functions that a tool was guarded with: which objects a call is about, and whether
somebody may reach one. What becomes of the answers is decided elsewhere; whatever they raise is
passed on.

INVARIANT: a tool whose policy names a kind of object is guarded with what says which ones, and
something says who may reach them (tests/enforcement/test_hooks.py).
INVARIANT: only ``True`` says that somebody may reach an object (tests/enforcement/test_hooks.py).
"""

import asyncio
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from agentguard.errors import ConfigError
from agentguard.pipeline import CheckAccess, FindResources
from agentguard.policy import Policy
from agentguard.policy.targets import finding_tools, tools_named
from agentguard.vocabulary import Effect, Principal

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


def hooks_for(
    policy: Policy, tool: str, resource: Hook | None, access: Hook | None, *, asynchronous: bool
) -> ResourceHooks | None:
    """Return the functions of a tool, checked against its policy; None for a tool without any.

    Raises:
        TypeError: one of them is no function that a tool of this kind can ask.
        ConfigError: the policy and the host disagree on whether the tool acts on objects, or
            nothing says who may reach them.
    """
    kind = policy.tools[tool].resource
    for name, hook in (("resource", resource), ("access", access)):
        _refuse_shape(name, hook, asynchronous=asynchronous)
    if kind is None:
        if resource is None and access is None:
            return None
        raise ConfigError(
            f"the policy does not say what kind of object tool {tool!r} acts on:"
            f" add resource = '...' to its [[tool]] table, or guard it without resource= and access="
        )
    if resource is None:
        raise ConfigError(
            f"the policy says that tool {tool!r} acts on {kind!r}: guard it with resource=, a"
            " function that takes the arguments and returns the id of what the call is about"
        )
    unchecked = _unchecked_rules(policy, tool)
    if access is None and unchecked and not _is_decided(policy, tool):
        rules = ", ".join(map(repr, unchecked))
        raise ConfigError(
            f"nothing says which {kind!r} tool {tool!r} may act on: put a 'resource' constraint"
            f" into {rules}, guard the tool with access=, or name it in a [[decider]]"
        )
    return ResourceHooks(resource=resource, access=access)


def _refuse_shape(name: str, hook: object, *, asynchronous: bool) -> None:
    if hook is None:
        return
    if not callable(hook) or inspect.isgeneratorfunction(hook) or inspect.isasyncgenfunction(hook):
        raise TypeError(f"{name}= takes a function that returns its answer")
    if inspect.iscoroutinefunction(hook) and not asynchronous:
        raise TypeError(f"{name}= takes an asynchronous function for an asynchronous tool only")


def _unchecked_rules(policy: Policy, tool: str) -> list[str]:
    """Return the rules that let the tool act on whatever objects there are."""
    tools_of = finding_tools(policy.document)
    letting = [rule for rule in policy.rules if rule.effect is not Effect.DENY]
    return [rule.id for rule in letting if rule.resource is None and tool in tools_of(rule)]


def _is_decided(policy: Policy, tool: str) -> bool:
    """Say whether an extra decider is asked about the tool's objects."""
    document = policy.document
    return any(tool in tools_named(each.tools, document) for each in document.deciders)


def _pairs(step: CheckAccess) -> list[tuple[Principal, str]]:
    return [(principal, each) for principal in step.principals for each in step.resources]


async def _called(hook: Hook, *values: Any) -> Any:
    if inspect.iscoroutinefunction(hook):
        return await hook(*values)
    return await asyncio.to_thread(hook, *values)
