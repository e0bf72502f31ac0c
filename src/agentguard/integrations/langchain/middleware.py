# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the guard do in an agent of ``create_agent``, or in a node of tools?

It shows the model no tool that whoever acts may not use, refuses models and tools that are not
under the guard, tells the model of refusals, and pauses the graph where people must agree. The
guarded tools decide each call themselves, so that this stands for none of it where it is left out,
or where another middleware stands below it.

INVARIANT: no model and no tool of the agent is used that does not pass this guard
(tests/attacks/frameworks/test_langchain_middleware.py).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from langchain.agents.middleware import AgentMiddleware, ModelRequest, TracePolicy, omit_payload
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableBinding
from langchain_core.tools import BaseTool

from agentguard.enforcement import Enforcer
from agentguard.errors import AgentGuardError, ApprovalPending, CallRefused, UnguardedPath
from agentguard.integrations.langchain.clients import is_of_langchain
from agentguard.integrations.langchain.interrupting import begin, pause
from agentguard.integrations.langchain.models import wrapping_of
from agentguard.integrations.langchain.observers import refuse, refuse_async
from agentguard.integrations.langchain.tools import (
    GuardedTool,
    guarded_as,
    noting,
    policy_name,
)
from agentguard.tools import HasEnforcer, told_to_model
from agentguard.vocabulary import Boundary

R = TypeVar("R")


class GuardMiddleware(AgentMiddleware[Any, Any, Any]):
    """Brings the guard into an agent; put it last in the list, where it is innermost.

    Args:
        guard: the guard under which the agent's model and tools are.

    Raises:
        TypeError: it is no guard.
    """

    trace_policy = TracePolicy(process_inputs=omit_payload, process_outputs=omit_payload)
    tools = ()

    def __init__(self, guard: HasEnforcer) -> None:
        super().__init__()
        enforcer = getattr(guard, "enforcer", None)
        if not isinstance(enforcer, Enforcer):
            raise TypeError(f"GuardMiddleware takes a guard, not a {type(guard).__name__}")
        self._enforcer = enforcer

    def wrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], R]
    ) -> R:
        """Let the model be called with the tools that whoever acts may use.

        Raises:
            UnguardedPath: the model, or a tool, is not under the guard.
        """
        objection = self._objection(request)
        if objection is not None:
            refuse(self._enforcer, objection)
        return handler(self._narrowed(request))

    async def awrap_model_call(
        self, request: ModelRequest[Any], handler: Callable[[ModelRequest[Any]], Awaitable[R]]
    ) -> R:
        """Do what ``wrap_model_call`` does, for a model that is awaited."""
        objection = self._objection(request)
        if objection is not None:
            await refuse_async(self._enforcer, objection)
        return await handler(self._narrowed(request))

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Let a tool be called, tell the model of a refusal, or pause the graph.

        A ``ToolNode`` of a graph of one's own takes it as well.

        Raises:
            AgentGuardError: what is for the program and not for the model.
            GraphInterrupt: people must agree.
        """
        if request.tool is None:
            return _said(request, CallRefused.default_safe_message)
        tool = guarded_as(request.tool, self._enforcer)
        if tool is None:
            refuse(self._enforcer, self._unguarded(request.tool), boundary=Boundary.TOOL)
        begin(request)
        result = None
        with noting() as raised:
            try:
                result = handler(request.override(tool=tool))
            except AgentGuardError as error:
                raised[:] = [error]
        return _answered(request, tool, raised, result)

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """Do what ``wrap_tool_call`` does, for a tool that is awaited."""
        if request.tool is None:
            return _said(request, CallRefused.default_safe_message)
        tool = guarded_as(request.tool, self._enforcer)
        if tool is None:
            await refuse_async(
                self._enforcer, self._unguarded(request.tool), boundary=Boundary.TOOL
            )
        begin(request)
        result = None
        with noting() as raised:
            try:
                result = await handler(request.override(tool=tool))
            except AgentGuardError as error:
                raised[:] = [error]
        return _answered(request, tool, raised, result)

    def _objection(self, request: ModelRequest[Any]) -> UnguardedPath | None:
        """Return why a model's call is refused, None if it is not."""
        model: Any = request.model
        # Another kind of binding may have ways of its own.
        while isinstance(model, RunnableBinding) and is_of_langchain(type(model)):
            model = model.bound
        wrapping = wrapping_of(model)
        if wrapping is None or wrapping.enforcer is not self._enforcer:
            return UnguardedPath(
                "the agent's model is not under the guard of its middleware",
                remedy="hand it to guard.wrap(...) before it is given to the agent",
            )
        for tool in request.tools:
            if not isinstance(tool, dict) and guarded_as(tool, self._enforcer) is None:
                return self._unguarded(tool)
        return None

    def _narrowed(self, request: ModelRequest[Any]) -> ModelRequest[Any]:
        """Return the request without the tools that whoever acts may not use."""
        offered = self._enforcer.offered_tools()
        shown = [each for each in request.tools if self._may_be_shown(each, offered)]
        return request if len(shown) == len(request.tools) else request.override(tools=shown)

    def _may_be_shown(self, tool: Any, offered: frozenset[str]) -> bool:
        if isinstance(tool, dict):
            return self._described_is_shown(tool, offered)
        guarded = guarded_as(tool, self._enforcer)
        return guarded is not None and policy_name(guarded) in offered

    def _described_is_shown(self, tool: Mapping[str, Any], offered: frozenset[str]) -> bool:
        """Say whether a tool that the provider is told of as it stands may be shown.

        One that runs at the provider, or that the policy does not know, is left to the guard of
        the model's client, which decides it by its definition.
        """
        function = tool.get("function")
        name = function.get("name") if isinstance(function, Mapping) else tool.get("name")
        known = self._enforcer.core.policy.tools.get(name) if isinstance(name, str) else None
        return known is None or bool(known.hosted) or known.name in offered

    def _unguarded(self, tool: object) -> UnguardedPath:
        told = f"a tool of type {type(tool).__name__}"
        # A name that the policy does not declare may be in a server's words.
        if isinstance(tool, BaseTool) and tool.name in self._enforcer.core.policy.tools:
            told = f"tool {tool.name!r}"
        return UnguardedPath(
            f"{told} of the agent is not under the guard of its middleware",
            remedy="hand it to guard.wrap(...) before it is given to the agent or a middleware",
        )


def _answered(
    request: Any, tool: GuardedTool | None, raised: list[AgentGuardError], result: Any
) -> Any:
    """Return the result of a call, or what the model is told of its refusal.

    Raises:
        AgentGuardError: what is for the program and not for the model.
        GraphInterrupt: people must agree.
    """
    if not raised or tool is None:
        return result
    error = raised[0]
    if isinstance(error, ApprovalPending) and not error.dispatched:
        pause(error, policy_name(tool), request)
    told = told_to_model(error)
    if told is None:
        raise error
    return _said(request, told)


def _said(request: Any, text: str) -> ToolMessage:
    call = request.tool_call
    return ToolMessage(text, name=call["name"], tool_call_id=call["id"], status="error")
