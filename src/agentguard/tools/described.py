# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a tool guarded of which a name, a text and a JSON Schema are known?

Frameworks and MCP servers describe their tools so. The arguments are frozen before anything is
decided, and what was decided is what the tool gets. How the tool is run, and how what it returns
is dressed, is the integration's.

INVARIANT: what is no JSON object with canonical values reaches no decision and no tool
(tests/tools/test_described.py).
"""

import json
import weakref
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from agentguard.canonical import (
    Frozen,
    NotCanonical,
    canonical_bytes,
    digest,
    freeze,
    is_object,
    members_once,
    texts_in,
    thaw,
)
from agentguard.enforcement import Crossing, Enforcer, Hook, ResourceHooks, hooks_for
from agentguard.enforcement.signatures import check_schema
from agentguard.errors import ContentRefused
from agentguard.pipeline import Response, definition_checked
from agentguard.policy import Policy
from agentguard.tools.declared import check_declared, check_time
from agentguard.tools.ending import finished, in_time
from agentguard.tools.known import Known, note_guarded
from agentguard.vocabulary import Boundary, Call, Caller, Impact, ToolCall

Run = Callable[[dict[str, Any]], Any]
RunAsync = Callable[[dict[str, Any]], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What a model is told of a tool.

    Attributes:
        tool: the tool's name in the policy.
        text: its description.
        schema: the JSON Schema of its arguments.
        surface: what it comes from, such as ``langchain`` or ``mcp``.
        told: what else is told of it and must not change, such as its title and annotations.
    """

    tool: str
    text: str = field(repr=False)
    schema: Mapping[str, Any] = field(repr=False)
    surface: str
    told: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """The digest of the definition, which a policy pins.

        Raises:
            NotCanonical: it holds what has no canonical form.
        """
        return digest(
            canonical_bytes((self.tool, self.text, freeze(self.schema), freeze(self.told)))
        )


class DescribedTool:
    """One tool of a framework under a guard; the integration runs it through ``call``."""

    def __init__(
        self,
        description: Description,
        enforcer: Enforcer,
        *,
        asynchronous: bool,
        impact: Impact | None = None,
        resource: Hook | None = None,
        access: Hook | None = None,
    ) -> None:
        """Check a tool against the policy.

        Args:
            description: what a model is told of it.
            enforcer: takes its calls through the guard.
            asynchronous: whether it is run by ``call_async`` alone.
            impact: what its author believes that it can do.
            resource: gives the ids of the objects that a call is about, from its arguments.
            access: says whether a principal may reach an object.

        Raises:
            ConfigError: the policy does not know the tool, knows another impact, definition or
                other arguments, or blocks what its definition says.
        """
        policy = enforcer.core.policy
        self.tool = description.tool
        self.surface = description.surface
        self._definition = description.digest
        self._enforcer = enforcer
        self._left_out = _null_by_default(description.schema)
        check_declared(policy, self.tool, impact, self._definition)
        check_schema(
            policy, self.tool, freeze(description.schema), left_out=self._left_out, fills=False
        )

        name = self.tool  # what is noted of the tool must not keep it alive

        def fitting(policy: Policy) -> ResourceHooks | None:
            check_time(policy, name, asynchronous=asynchronous)
            return hooks_for(policy, name, resource, access, asynchronous=asynchronous)

        self._hooks = fitting(policy)
        #: The description as a model may read it.
        self.text = definition_checked(enforcer.core, self.tool, _told(description))
        note_guarded(self, Known(holder=weakref.ref(enforcer), tool=self.tool, hooks_in=fitting))

    def is_offered(self, carried: Caller | None = None) -> bool:
        """Say whether a model may be shown the tool for whoever acts; the call decides anew."""
        return self.tool in self._enforcer.offered_tools(carried)

    def call(self, arguments: object, run: Run, *, carried: Caller | None = None) -> Any:
        """Take one execution through the guard.

        Args:
            arguments: what the model, or the program, wants the tool to get, a mapping.
            run: runs the tool with the decided arguments, and returns plain JSON or text.
            carried: the caller that the tool is bound to, if any.

        Returns:
            What came back, as far as it may be shown.

        Raises:
            AgentGuardError: see ``pipeline.guarded_call``.
        """
        return self._enforcer.call(
            self._crossing(arguments, carried),
            lambda call: finished(self.tool, run(_decided(call))),
        )

    async def call_async(
        self, arguments: object, run: RunAsync, *, carried: Caller | None = None
    ) -> Any:
        """Do what ``call`` does, for a tool that is awaited."""

        async def dispatch(call: Call) -> Response:
            within = self._enforcer.core.policy.tools[self.tool].within
            result = await in_time(run(_decided(call)), within, self.tool, call.id)
            return finished(self.tool, result)

        return await self._enforcer.call_async(self._crossing(arguments, carried), dispatch)

    async def ask_async(self, arguments: object, *, carried: Caller | None = None) -> None:
        """Ask people about a call, where they must agree, and do not make it.

        Raises:
            ApprovalPending: they have not answered yet.
            CallRefused: the call would be refused.
        """
        await self._enforcer.ask_async(self._crossing(arguments, carried))

    def _crossing(self, arguments: object, carried: Caller | None) -> Crossing:
        return Crossing(
            boundary=Boundary.TOOL,
            surface=self.surface,
            operation="execute_tool",
            target=self.tool,
            carried=carried,
            describe=lambda call_id: self._describe(call_id, arguments),
            hooks=self._hooks,
        )

    def _describe(self, call_id: str, arguments: object) -> ToolCall:
        if not isinstance(arguments, Mapping):
            raise ContentRefused(f"the arguments of tool {self.tool!r} are no JSON object")
        given = {
            name: value
            for name, value in arguments.items()
            if not (value is None and name in self._left_out)
        }
        try:
            frozen = freeze(given)
        except NotCanonical as error:
            raise ContentRefused(
                f"the arguments of tool {self.tool!r} cannot be inspected: {error.problem}",
                remedy="tools take JSON values: pass an id, and look the object up inside",
            ) from None
        if not is_object(frozen):
            raise ContentRefused(f"the arguments of tool {self.tool!r} are no JSON object")
        return ToolCall(
            id=call_id,
            tool=self.tool,
            definition=self._definition,
            received=frozen,
            resolved=frozen,
        )


def _told(description: Description) -> tuple[str, str]:
    """Return the text of a tool, and all else that a model is told of it."""
    beside = freeze([description.schema, description.told])
    # As texts, since JSON writes control characters as escapes, which hides them.
    return description.text, "\n".join(texts_in(beside))


def arguments_of(text: str, tool: str) -> Mapping[str, Frozen]:
    """Return the arguments that a model wrote as JSON.

    Args:
        text: what the model wrote; an empty text is no argument.
        tool: the tool's name, for what is refused.

    Raises:
        ContentRefused: it is not JSON, is no object, names a key twice or has no canonical form.
    """
    try:
        found = freeze(json.loads(text or "{}", object_pairs_hook=members_once))
    except (ValueError, RecursionError):  # the error holds the text
        found = None
    if not is_object(found):
        raise ContentRefused(f"the arguments of tool {tool!r} are no JSON object")
    return found


def _null_by_default(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the arguments for which null says that they were left out."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return frozenset()
    needed = schema.get("required")
    required = frozenset(needed) if isinstance(needed, list | tuple) else frozenset()
    return frozenset(
        name
        for name, each in properties.items()
        if name not in required and isinstance(each, Mapping) and each.get("default") is None
    )


def _decided(call: Call) -> dict[str, Any]:
    """Return fresh copies of the decided arguments."""
    resolved: Mapping[str, Frozen] = (
        call.resolved if isinstance(call, ToolCall) else MappingProxyType({})
    )
    return {name: thaw(value) for name, value in resolved.items()}
