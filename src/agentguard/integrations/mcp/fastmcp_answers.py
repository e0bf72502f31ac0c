# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a server that is made with fastmcp answer a message under a guard?

Every message is bound to those for whom it is, and answered by what is there for its method; for
any other method the answer is no.

INVARIANT: without an identity nothing is answered but the greeting
(tests/attacks/frameworks/test_gateway_identities.py).
INVARIANT: what a host is told of a refusal is its safe message, never its text
(tests/frameworks/gateway/test_gateway_calls.py).
"""

from base64 import b64decode
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import mcp_types as types
from fastmcp.prompts import Message, PromptResult
from fastmcp.resources import ResourceContent, ResourceResult
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from fastmcp.tools import ToolResult
from mcp.shared.exceptions import MCPError

from agentguard.errors import AgentGuardError, ApprovalPending, IdentityRequired
from agentguard.integrations.mcp.fastmcp_callers import Binding
from agentguard.tools import told_to_model

T = TypeVar("T")

#: Where the id of an approval request stands in the ``_meta`` of the result that tells of it.
REQUEST_ID = "agentguard/approval-request"

UNKNOWN_METHOD = "this method is not answered here"
NO_IDENTITY = "Authentication required"
_MALFORMED = "the request is malformed"
_COME_BACK = "Make exactly the same call again once a person has approved it."

# What a host says to the server itself, and what tells nobody anything.
_OWN = frozenset(
    {
        "initialize",
        "server/discover",
        "ping",
        "logging/setLevel",
        "notifications/initialized",
        "notifications/cancelled",
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """One message of a host.

    Attributes:
        context: what fastmcp knows of it.
        call_next: hands it on to the server.
    """

    context: MiddlewareContext[Any]
    call_next: CallNext[Any, Any]

    def of(self, kind: type[T]) -> T:
        """Return its parameters.

        Raises:
            MCPError: they are others.
        """
        if not isinstance(self.context.message, kind):
            raise MCPError(code=types.INVALID_PARAMS, message=_MALFORMED)
        return self.context.message


Answer: TypeAlias = Callable[[Asked], Awaitable[Any]]


class Answering(Middleware):
    """Answers every message of a host."""

    def __init__(self, binding: Binding, answers: Mapping[str, Answer]) -> None:
        """Answer these methods.

        Args:
            binding: says for whom a message is.
            answers: what answers a method, by the method's name.
        """
        self._binding = binding
        self._answers = answers

    async def __call__(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        """Answer one message.

        Raises:
            MCPError: nobody stands behind it, its method is not answered, or it is refused.
        """
        method = context.method or ""
        if method in _OWN:
            return await call_next(context)
        with ExitStack() as blocks:
            problem = self._objection(blocks)
            if problem is None:
                answer = self._answers.get(method)
                if answer is not None:
                    return await _told(answer, Asked(context, call_next))
                problem = MCPError(code=types.METHOD_NOT_FOUND, message=UNKNOWN_METHOD)
        if context.type == "notification":
            return None
        raise problem

    def _objection(self, blocks: ExitStack) -> MCPError | None:
        """Bind the message, or return why it is bound to nobody."""
        try:
            self._binding.bind(blocks)
        except IdentityRequired:
            blocks.close()
            return MCPError(code=types.INVALID_REQUEST, message=NO_IDENTITY)
        return None


def result_shown(result: types.CallToolResult) -> ToolResult:
    """Return a checked result as fastmcp takes it."""
    structured = result.structured_content
    return ToolResult(
        content=result.content,
        structured_content=structured if isinstance(structured, dict) else None,
        is_error=result.is_error,
    )


def resource_shown(result: types.ReadResourceResult) -> ResourceResult:
    """Return a checked resource as fastmcp takes it."""
    return ResourceResult(
        contents=[
            ResourceContent(
                each.text if isinstance(each, types.TextResourceContents) else b64decode(each.blob),
                mime_type=each.mime_type,
            )
            for each in result.contents
        ]
    )


def prompt_shown(result: types.GetPromptResult) -> PromptResult:
    """Return a checked prompt as fastmcp takes it."""
    return PromptResult(
        messages=[Message(each.content, role=each.role) for each in result.messages],
        description=result.description,
    )


async def _told(answer: Answer, asked: Asked) -> Any:
    """Answer a request, and where it is refused, tell what a host may be told.

    Raises:
        MCPError: the host is told so, and not the model by the result of a tool.
    """
    try:
        return await answer(asked)
    except ApprovalPending as pending:
        told = f"{pending.safe_message}: request {pending.request_id}. {_COME_BACK}"
        meta, code = {REQUEST_ID: pending.request_id}, types.INVALID_REQUEST
        result = True
    except AgentGuardError as error:
        said = told_to_model(error)
        told, meta = said or error.safe_message, None
        code = types.INTERNAL_ERROR if said is None else types.INVALID_REQUEST
        result = said is not None
    if result and asked.context.method == "tools/call":
        return ToolResult(content=told, meta=meta, is_error=True)
    raise MCPError(code=code, message=told, data=meta)
