# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a message of a client come to its MCP server?

A guarded dispatcher stands before the one of a session, through which every message goes. A call
of a tool is taken through the guard; what holds no content is sent as far as it is listed; the rest
is refused. What the server answers is returned as it was checked.

INVARIANT: no attribute of a guarded session leads past this, and no message of an unknown method
is sent (tests/attacks/frameworks/test_mcp_messages.py).
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from weakref import WeakKeyDictionary

from mcp.shared.dispatcher import Dispatcher
from mcp.shared.exceptions import MCPError
from mcp.shared.inbound import (
    MCP_METHOD_HEADER,
    MCP_NAME_HEADER,
    MCP_PROTOCOL_VERSION_HEADER,
    encode_header_value,
    mcp_param_headers,
    x_mcp_header_map,
)
from mcp.types import (
    CONNECTION_CLOSED,
    METHOD_NOT_FOUND,
    REQUEST_TIMEOUT,
    UNSUPPORTED_PROTOCOL_VERSION,
)
from mcp_types.version import KNOWN_PROTOCOL_VERSIONS

from agentguard.enforcement import Enforcer
from agentguard.errors import DeniedByPolicy, UnguardedPath
from agentguard.integrations.mcp.definitions import (
    SURFACE,
    description_of,
    name_in_policy,
    shown,
    tools_in,
)
from agentguard.integrations.mcp.greeting import greeting_checked
from agentguard.integrations.mcp.methods import (
    METHODS,
    PAGED,
    arguments_of,
    meta_of,
    only,
    params_of,
    plain_params,
    tool_of,
    unguarded,
)
from agentguard.integrations.mcp.results import (
    Reading,
    kept_for_nobody,
    require_bounded,
    require_complete,
    whole_answer,
)
from agentguard.integrations.mcp.spans import unrecorded
from agentguard.integrations.mcp.under_way import UnderWay
from agentguard.tools import RESERVED, DescribedTool, ServedTools, is_anothers
from agentguard.vocabulary import Caller

_MOST_PAGES = 100
_LOCAL = {CONNECTION_CLOSED: "the connection is closed", REQUEST_TIMEOUT: "the request timed out"}
_HEADERS = {"tools/call": "name", "resources/read": "uri", "prompts/get": "name"}
_ERROR = "__error__"

Send = Callable[[str, Mapping[str, Any] | None, Any], Awaitable[dict[str, Any]]]

# By a table, so that no attribute of a session leads to the bare dispatcher.
_BARE: "WeakKeyDictionary[GuardedDispatcher, Dispatcher[Any]]" = WeakKeyDictionary()


class GuardedDispatcher:
    """The dispatcher of a session, with the guard before it."""

    def __init__(
        self,
        bare: Dispatcher[Any],
        enforcer: Enforcer,
        *,
        server: str | None,
        carried: Caller | None,
    ) -> None:
        """Stand before a dispatcher.

        Args:
            bare: sends and receives messages.
            enforcer: takes calls through the guard.
            server: the server's name in the policy, if it has one.
            carried: the caller that the session is bound to, if any.
        """
        self.enforcer = enforcer
        self.server = server
        self.carried = carried
        self.under_way = UnderWay(enforcer, carried)
        self._served = ServedTools(enforcer, SURFACE)
        self._own = {name_in_policy(each, server) for each in RESERVED}
        self._listed: dict[str, Mapping[str, Any]] = {}
        self._cursors: dict[str, str] = {}
        self._changes, self._looked_at = 1, 0
        _BARE[self] = bare

    def tools_changed(self) -> None:
        """Note that the server's tools are to be listed again before the next call."""
        self._changes += 1

    async def run(self, *arguments: Any, **options: Any) -> None:
        """Receive messages; what answers them is guarded in the session."""
        await _BARE[self].run(*arguments, **options)

    async def notify(self, method: str, params: Mapping[str, Any] | None, opts: Any = None) -> None:
        """Send a notification.

        Raises:
            UnguardedPath: it is none that may be sent.
        """
        try:
            if not method.startswith("notifications/"):
                raise unguarded(method)
            given = params or {}
            sent = plain_params(method, given) | meta_of(method, given)
        except UnguardedPath as refusal:
            await self._served.refuse_async("", self.carried, refusal)
        with unrecorded():
            await _BARE[self].notify(method, sent or None, _options(method, opts, {}))

    async def send_raw_request(
        self, method: str, params: Mapping[str, Any] | None, opts: Any = None
    ) -> dict[str, Any]:
        """Send a request and return its answer, as far as it may be shown.

        Raises:
            AgentGuardError: it may not be sent, or its answer may not be shown.
            MCPError: the server answered with an error, or did not answer.
        """
        if method == "subscriptions/listen":  # its own task sends it, and must not end the session
            raise MCPError(code=METHOD_NOT_FOUND, message=str(unguarded(method)))
        try:
            return await self._sent(method, params or {}, opts)
        except UnguardedPath as found:
            refusal = found
        return await self._served.refuse_async("", self.carried, refusal)

    async def _sent(self, method: str, given: Mapping[str, Any], opts: Any) -> dict[str, Any]:
        if method == "tools/call":
            return await self._call(given, opts)
        if method == "tools/list":
            return await self._list(given, opts)
        if method in METHODS:
            return await self._ask(method, given, opts)
        if method.startswith("notifications/"):
            raise unguarded(method)
        sent = plain_params(method, given) | meta_of(method, given)
        raw = await self._send_plainly(method, sent, opts)
        return greeting_checked(self.enforcer, self.server, raw)

    async def _call(self, params: Mapping[str, Any], opts: Any) -> dict[str, Any]:
        only("tools/call", params, ("name", "arguments", "_meta"))
        meta = meta_of("tools/call", params)
        name = str(params.get("name"))
        if name in self.enforcer.core.policy.tools and (
            self._looked_at != self._changes
            or name not in self._listed
            or self._served.get(name) is None
        ):
            await self._relist(meta, opts)
        tool, listed = self._served.get(name), self._listed.get(name)
        if tool is None or listed is None or is_anothers(self.enforcer, name, self.server):
            await self._served.refuse_async(name, self.carried)

        def sent(decided: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
            headers = mcp_param_headers(x_mcp_header_map(listed["inputSchema"]), decided)
            return {"name": listed["name"], "arguments": decided, **meta}, headers

        return await self._take("tools/call", tool, params.get("arguments") or {}, sent, opts)

    async def _ask(self, method: str, params: Mapping[str, Any], opts: Any) -> dict[str, Any]:
        names = METHODS[method].params
        only(method, params, (*names, "_meta", *(("cursor",) if method in PAGED else ())))
        meta = meta_of(method, params) | self._page(method, params)
        arguments = arguments_of(method, params)
        tool = await self._tool_of(method)
        return await self._take(
            method, tool, arguments, lambda decided: (params_of(method, decided) | meta, {}), opts
        )

    async def _tool_of(self, method: str) -> DescribedTool:
        """Return the tool that a method is a call of.

        Raises:
            DeniedByPolicy: the policy does not declare it, or not so that it fits.
        """
        tool = tool_of(method, self.enforcer, self.server)
        if tool is not None:
            return tool
        name = name_in_policy(METHODS[method].tool, self.server)
        refusal = DeniedByPolicy(
            f"the MCP method {method!r} is not permitted: the policy declares no tool {name!r}"
            " that fits",
            remedy="see docs/mcp.md",
        )
        return await self._served.refuse_async(name, self.carried, refusal)

    async def _take(
        self,
        method: str,
        tool: DescribedTool,
        arguments: object,
        sent: Callable[[dict[str, Any]], tuple[dict[str, Any], dict[str, str]]],
        opts: Any,
    ) -> dict[str, Any]:
        """Take one call through the guard, and return the answer as it was checked."""
        reading = Reading(self.enforcer.core.policy)
        beside: dict[str, Any] = {}

        async def run(decided: dict[str, Any]) -> Any:
            params, headers = sent(decided)
            raw: dict[str, Any] = {}
            failed: dict[str, Any] | None = None
            try:
                with self.under_way.call():
                    raw = await self._send(method, params, opts, headers)
            except MCPError as error:
                if error.error.code in _LOCAL:
                    raise _told(error) from None
                # What the server says of its error is content as well.
                failed = error.error.model_dump(mode="json", exclude_none=True)
            if failed is not None:
                require_bounded(failed)
                return {_ERROR: failed}
            require_complete(tool.tool, raw)
            beside.update(self._beside(method, raw))
            return reading.read(raw)

        checked = await tool.call_async(arguments, run, carried=self.carried)
        if isinstance(checked, Mapping) and _ERROR in checked:
            error = checked[_ERROR]
            raise MCPError(code=error["code"], message=error["message"], data=error.get("data"))
        return whole_answer(tool.tool, reading, checked) | beside

    async def _list(self, params: Mapping[str, Any], opts: Any) -> dict[str, Any]:
        only("tools/list", params, ("cursor", "_meta"))
        sent = meta_of("tools/list", params) | self._page("tools/list", params)
        raw = await self._send_plainly("tools/list", sent, opts)
        taken = await self._taken(raw, keep="cursor" in sent)
        may = self.enforcer.offered_tools(self.carried)
        tools = [shown(self._listed[name], tool) for name, tool in taken.items() if name in may]
        return {"tools": tools, **self._beside("tools/list", raw)}

    async def _relist(self, meta: dict[str, Any], opts: Any) -> None:
        """List all tools anew, so that a call is decided on what the server says now."""
        options = {name: given for name, given in (opts or {}).items() if name != "on_progress"}
        cursor: object = None
        changes = self._changes  # one that it tells of meanwhile is looked at the next time
        for page in range(_MOST_PAGES):
            params = {**meta, **({} if cursor is None else {"cursor": cursor})}
            raw = await self._send_plainly("tools/list", params, options)
            await self._taken(raw, keep=page > 0)
            cursor = raw.get("nextCursor")
            if cursor is None:
                break
        self._looked_at = changes

    async def _taken(self, raw: Mapping[str, Any], *, keep: bool) -> Mapping[str, DescribedTool]:
        described, listed = [], {}
        for tool in tools_in(raw):
            found = description_of(tool, self.server)
            if found is not None and self._may_have(found.tool):
                described.append(found)
                listed[found.tool] = tool
        taken = await self._served.take_async(described)
        kept = self._listed if keep else {}
        self._listed = kept | {name: listed[name] for name in taken}
        return taken

    def _may_have(self, tool: str) -> bool:
        return tool not in self._own and not is_anothers(self.enforcer, tool, self.server)

    def _page(self, method: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the server's own cursor for one that was handed out."""
        cursor = params.get("cursor")
        if cursor is None:
            return {}
        if cursor not in self._cursors:
            only(method, {"cursor": cursor}, ())
        return {"cursor": self._cursors[cursor]}

    def _beside(self, method: str, raw: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the SDK needs of an answer beside its content."""
        found: dict[str, Any] = {}
        cursor = raw.get("nextCursor")
        if isinstance(cursor, str) and method in PAGED:
            handed = f"page-{len(self._cursors) + 1}"
            self._cursors[handed] = cursor
            found["nextCursor"] = handed
        return found | kept_for_nobody(raw)

    async def _send(
        self, method: str, params: dict[str, Any], opts: Any, headers: dict[str, str]
    ) -> dict[str, Any]:
        if method in _HEADERS:
            headers = {MCP_NAME_HEADER: encode_header_value(params[_HEADERS[method]]), **headers}
        with unrecorded():
            return await _BARE[self].send_raw_request(
                method, params or None, _options(method, opts, headers)
            )

    async def _send_plainly(self, method: str, params: dict[str, Any], opts: Any) -> dict[str, Any]:
        """Send what holds no content, and tell of an error what kind it is, not what it says."""
        try:
            return await self._send(method, params, opts, {})
        except MCPError as error:
            told = _told(error)
        raise told


def _told(error: MCPError) -> MCPError:
    """Return an error without what the server says of it."""
    code = error.error.code
    data = error.error.data if code == UNSUPPORTED_PROTOCOL_VERSION else None
    supported = data.get("supported") if isinstance(data, Mapping) else None
    if isinstance(supported, list):
        known = [each for each in supported if each in KNOWN_PROTOCOL_VERSIONS]
        data = {"supported": known, "requested": known[0] if known else ""}
    else:
        data = None
    return MCPError(code=code, message=_LOCAL.get(code, "the server refused it"), data=data)


def _options(method: str, opts: Any, headers: dict[str, str]) -> Any:
    """Return how a message is sent: nothing of it holds content."""
    given = opts or {}
    found = {name: given[name] for name in ("timeout", "cancel_on_abandon") if name in given}
    version = given.get("headers", {}).get(MCP_PROTOCOL_VERSION_HEADER)
    if version in KNOWN_PROTOCOL_VERSIONS:
        found["headers"] = {
            MCP_PROTOCOL_VERSION_HEADER: version,
            MCP_METHOD_HEADER: method,
            **headers,
        }
    progress = given.get("on_progress")
    if progress is not None:

        async def without_text(done: float, total: float | None, _: str | None) -> None:
            await progress(done, total, None)

        found["on_progress"] = without_text
    return found
