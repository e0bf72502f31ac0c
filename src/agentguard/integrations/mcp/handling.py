# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may those who call an MCP server of ours see and do?

A middleware of a server that is made with the ``mcp`` SDK: its tools are listed for whoever may
use them, and each call is taken through the guard before the tool runs. Resources, prompts and
completions are calls of tools as well; see ``methods``. Who calls is known from a middleware before
this one, such as ``CallerMiddleware``, or from the block that the server runs in.

What a handler sends to its caller on its own, such as logs and questions, does not pass here.

INVARIANT: a message that is not known reaches no handler, and neither does a call that was not
decided (tests/frameworks/mcp/test_mcp_servers.py).
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp.types import INTERNAL_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND
from pydantic import BaseModel

from agentguard.errors import AgentGuardError, ApprovalPending
from agentguard.integrations.mcp.definitions import SURFACE, description_of, shown, tools_in
from agentguard.integrations.mcp.methods import (
    METHODS,
    arguments_of,
    own_meta,
    params_of,
    tool_of,
)
from agentguard.integrations.mcp.results import (
    Reading,
    kept_for_nobody,
    require_complete,
    whole_answer,
)
from agentguard.tools import (
    DescribedTool,
    HasEnforcer,
    ServedTools,
    told_to_model,
)

_OPEN = frozenset({"initialize", "ping", "server/discover", "logging/setLevel"})
_NOTICES = frozenset(
    {
        "notifications/initialized",
        "notifications/cancelled",
        "notifications/roots/list_changed",
    }
)

Context = ServerRequestContext[Any, Any]


class ServerGuard:
    """A middleware of an MCP server that takes what its callers ask through the guard."""

    def __init__(self, guard: HasEnforcer) -> None:
        """Stand before the handlers of a server.

        Args:
            guard: decides, for whoever acts in the running code.
        """
        self._enforcer = guard.enforcer
        self._served = ServedTools(self._enforcer, SURFACE, on_first_use=False)

    async def __call__(self, ctx: Context, call_next: CallNext) -> HandlerResult:
        """Handle one message.

        Raises:
            MCPError: it is none that may be handled, or nobody may be told why.
        """
        if ctx.request_id is None:
            return await call_next(ctx) if ctx.method in _NOTICES else None
        if ctx.method in _OPEN:
            return await call_next(ctx)
        ctx = _without_asides(ctx)
        told = "not permitted"
        try:
            if ctx.method == "tools/list":
                return await self._list(ctx, call_next)
            if ctx.method == "tools/call":
                return await self._call(ctx, call_next)
            if ctx.method in METHODS:
                return await self._ask(ctx, call_next)
        except AgentGuardError as error:
            told = error.safe_message
        else:
            raise MCPError(code=METHOD_NOT_FOUND, message="Method not found")
        raise MCPError(code=INVALID_REQUEST, message=told)

    async def _list(self, ctx: Context, call_next: CallNext) -> dict[str, Any]:
        raw = _plain(await call_next(ctx))
        taken, listed = await self._taken(raw)
        may = self._enforcer.offered_tools()
        tools = [shown(listed[name], tool) for name, tool in taken.items() if name in may]
        return {"tools": tools, **kept_for_nobody(raw), **_cursor(raw)}

    async def _call(self, ctx: Context, call_next: CallNext) -> dict[str, Any]:
        params = dict(ctx.params or {})
        name = str(params.get("name"))
        try:
            tool = await self._tool(name, ctx, call_next)
            return await self._take(
                tool,
                params.get("arguments") or {},
                lambda decided: call_next(
                    replace(ctx, params={**_beside(params), "name": name, "arguments": decided})
                ),
            )
        except ApprovalPending as pending:
            return _refused(f"{pending.safe_message}: {pending.request_id}")
        except AgentGuardError as error:
            told = told_to_model(error)
            if told is None:
                raise
            return _refused(told)

    async def _tool(self, name: str, ctx: Context, call_next: CallNext) -> DescribedTool:
        cursor: object = None
        seen: set[object] = set()
        while cursor not in seen:
            seen.add(cursor)
            params = {**_beside(ctx.params or {}), **({} if cursor is None else {"cursor": cursor})}
            raw = _plain(await call_next(replace(ctx, method="tools/list", params=params)))
            taken, _ = await self._taken(raw)
            if name in taken:
                return taken[name]
            cursor = raw.get("nextCursor")
        return await self._served.refuse_async(name)

    async def _taken(
        self, raw: Mapping[str, Any]
    ) -> tuple[Mapping[str, DescribedTool], Mapping[str, Mapping[str, Any]]]:
        own = {each.tool for each in METHODS.values()}
        listed = {each.get("name"): each for each in tools_in(raw) if each.get("name") not in own}
        described = [description_of(each, None) for each in listed.values()]
        taken = await self._served.take_async([each for each in described if each is not None])
        return taken, {str(name): each for name, each in listed.items()}

    async def _ask(self, ctx: Context, call_next: CallNext) -> dict[str, Any]:
        params = dict(ctx.params or {})
        given = arguments_of(ctx.method, params)
        kept: dict[str, Any] = {
            name: params[name] for name in ("cursor", "_meta") if name in params
        }
        tool = tool_of(ctx.method, self._enforcer)
        if tool is None:
            await self._served.refuse_async(METHODS[ctx.method].tool)
        return await self._take(
            tool,
            given,
            lambda decided: call_next(replace(ctx, params=kept | params_of(ctx.method, decided))),
        )

    async def _take(
        self, tool: DescribedTool, arguments: object, handle: Callable[[dict[str, Any]], Any]
    ) -> dict[str, Any]:
        """Take one call through the guard, and return what its caller may be told."""
        reading = Reading(self._enforcer.core.policy)
        beside: dict[str, Any] = {}

        async def run(decided: dict[str, Any]) -> dict[str, Any]:
            raw = await _handled(handle(decided))
            require_complete(tool.tool, raw)
            beside.update(kept_for_nobody(raw) | _cursor(raw))
            return reading.read(raw)

        checked = await tool.call_async(arguments, run)
        return whole_answer(tool.tool, reading, checked) | beside


async def _handled(work: Awaitable[HandlerResult]) -> dict[str, Any]:
    """Return what a handler answers; of its own errors, whose text nobody checked, only the code.

    Raises:
        AgentGuardError: the handler made a call that was refused.
        MCPError: it failed.
    """
    try:
        return _plain(await work)
    except AgentGuardError:
        raise
    except MCPError as error:
        code = error.error.code
    except Exception:  # noqa: BLE001 - whatever it is, the SDK would tell its text
        code = INTERNAL_ERROR
    raise MCPError(code=code, message="the request failed")


def _without_asides(ctx: Context) -> Context:
    """Return the context without what a caller says beside what is decided."""
    params = ctx.params
    if params is not None and "_meta" in params:
        params = {**params, "_meta": own_meta(params["_meta"])}
    meta: Any = None if ctx.meta is None else own_meta(ctx.meta)
    return replace(ctx, params=params, meta=meta)


def _cursor(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {"nextCursor": raw["nextCursor"]} if "nextCursor" in raw else {}


def _plain(result: HandlerResult) -> dict[str, Any]:
    if isinstance(result, BaseModel):
        return result.model_dump(by_alias=True, mode="json", exclude_none=True)
    return dict(result or {})


def _beside(params: Mapping[str, Any]) -> dict[str, Any]:
    return {"_meta": params["_meta"]} if "_meta" in params else {}


def _refused(told: str) -> dict[str, Any]:
    content = [{"type": "text", "text": told}]
    return {"content": content, "isError": True, "resultType": "complete"}
