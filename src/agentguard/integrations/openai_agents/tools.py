# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a function tool of openai-agents guarded?

What is given to the SDK is a new tool of the same name and schema. It is hidden from whom the
policy hides it, pauses the run where people must agree, and runs the tool that it was made of with
the decided arguments alone. The policy decides outside everything with which the SDK turns errors
into answers.

INVARIANT: no attribute of the guarded tool leads to the tool that it was made of
(tests/attacks/frameworks/test_openai_agents_paths.py).
INVARIANT: ``state.approve()`` approves nothing
(tests/attacks/frameworks/test_openai_agents_approvals.py).
"""

import copy
import dataclasses
import inspect
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

from agents import AgentBase, FunctionTool, RunContextWrapper
from agents.tool import (
    ToolErrorFunction,
    invoke_function_tool,
    resolve_function_tool_failure_error_function,
    set_function_tool_failure_error_function,
)
from agents.tool_context import ToolContext

from agentguard.errors import (
    AgentGuardError,
    ApprovalExpired,
    ApprovalPending,
    ConfigError,
    ContentRefused,
)
from agentguard.integrations.openai_agents.media import MediaAside
from agentguard.integrations.openai_agents.outputs import plain_output
from agentguard.integrations.openai_agents.parts import (
    Acting,
    Ask,
    ends_run,
    guards_own,
    note_part,
    part_of,
)
from agentguard.integrations.openai_agents.runs import keep_from_trace
from agentguard.tools import (
    DescribedTool,
    Description,
    arguments_of,
    ask_about,
    known_as,
    made_of_checked,
    told_to_model,
)

SURFACE = "openai-agents"
MOST_EXPIRED = 64
_FUNCTION = "__wrapped__"

Expired = OrderedDict[tuple[str, str], ApprovalExpired]
Invoke = Callable[[ToolContext[Any], str], Awaitable[Any]]
Context = RunContextWrapper[Any]


def guard_tool(tool: FunctionTool, acting: Acting) -> FunctionTool:
    """Return a tool that passes the guard; the same one where it does so already.

    Raises:
        ConfigError: the policy does not know the tool, or knows it otherwise; another guard has
            it, or the agent behind it passes no guard.
    """
    known = part_of(tool, acting.enforcer)
    if known is not None and known.ask is not None:
        if acting.identity in (None, known.identity):
            return tool
        return dressed(tool, acting, offered=lambda: True, ask=known.ask, call=tool.on_invoke_tool)
    _require_guarded_agent(tool, acting)
    function = _function_in(tool)
    if function is not None and known_as(function, acting.enforcer, name=tool.name):
        return _paused(tool, function, acting)
    return _decided(tool, acting)


def _function_in(tool: FunctionTool) -> object:
    """Return the function that a tool runs, None where the SDK does not vouch for it."""
    said, known = (
        inspect.getattr_static(each, _FUNCTION, None) for each in (type(tool), FunctionTool)
    )
    return getattr(tool, _FUNCTION, None) if said is known else None


def _require_guarded_agent(tool: FunctionTool, acting: Acting) -> None:
    if not tool._is_agent_tool:  # noqa: SLF001 - nothing else says that an agent runs in it
        return
    if part_of(tool._agent_instance, acting.enforcer) is None:  # noqa: SLF001 - as above
        raise ConfigError(
            f"tool {tool.name!r} runs an agent that is not guarded:"
            " guard that agent first, guard.wrap(agent).as_tool(...)"
        )


def _decided(tool: FunctionTool, acting: Acting) -> FunctionTool:
    """Guard a tool whose function the guard does not know."""
    description = Description(
        tool=tool.name, text=tool.description, schema=tool.params_json_schema, surface=SURFACE
    )
    described = DescribedTool(description, acting.enforcer, asynchronous=True)
    inner = unhidden(tool)

    async def call(context: ToolContext[Any], text: str) -> Any:
        media = MediaAside(acting.enforcer.core.policy)

        async def run(decided: dict[str, Any]) -> Any:
            result = await invoke_function_tool(
                function_tool=inner, context=context, arguments=json.dumps(decided)
            )
            return media.walk(plain_output(result, inner))

        checked = await described.call_async(_arguments(text, tool.name), run)
        return made_of_checked(tool.name, lambda: media.put_together(checked))

    made = dressed(tool, acting, offered=described.is_offered, ask=described.ask_async, call=call)
    made.description = described.text
    return made


def _paused(tool: FunctionTool, function: object, acting: Acting) -> FunctionTool:
    """Guard a tool whose function passes the guard itself, which decides."""
    name, enforcer = tool.name, acting.enforcer
    inner = unhidden(tool)

    async def ask(arguments: dict[str, Any]) -> None:
        await ask_about(function, enforcer, arguments)

    async def call(context: ToolContext[Any], text: str) -> Any:
        return await invoke_function_tool(function_tool=inner, context=context, arguments=text)

    return dressed(
        tool, acting, offered=lambda: name in enforcer.offered_tools(), ask=ask, call=call
    )


def _arguments(text: str, tool: str) -> object:
    try:
        return arguments_of(text, tool)
    except ContentRefused:
        return text  # which the guard refuses and writes down


def unhidden(tool: FunctionTool) -> FunctionTool:
    """Return a tool that hides no refusal of the guard in what it tells the model.

    Its time is up outside the guard, so that the guard writes down that it was ended.
    """
    inner = copy.copy(tool)
    inner.timeout_seconds = None
    formatter = resolve_function_tool_failure_error_function(tool)
    if formatter is not None:
        set_function_tool_failure_error_function(inner, _letting_through(formatter))
    return inner


def _letting_through(formatter: ToolErrorFunction) -> ToolErrorFunction:
    async def told(context: RunContextWrapper[Any], error: Exception) -> str:
        own = guards_own(error)
        if own is not None:
            raise own from None
        text = formatter(context, error)
        return await text if inspect.isawaitable(text) else text

    return told


def dressed(
    tool: FunctionTool, acting: Acting, *, offered: Callable[[], bool], ask: Ask, call: Invoke
) -> FunctionTool:
    """Return a new tool that looks like another one.

    Args:
        tool: what it looks like.
        acting: who acts in it.
        offered: says whether whoever acts may be shown it.
        ask: asks people about a call, where they must agree.
        call: takes a call through the guard.
    """
    expired: Expired = OrderedDict()
    made = FunctionTool(
        **{
            each.name: getattr(tool, each.name)
            for each in dataclasses.fields(FunctionTool)
            if each.init
        }
    )
    acted = _as_acting(acting, ask)
    made.is_enabled = _shown(tool, acting, offered)
    # Where nobody is ever asked, a call whose arguments cannot be read need not wait either.
    if acting.enforcer.core.policy.profiles or tool.needs_approval is not False:
        made.needs_approval = _pausing(tool, acting, acted, expired)
    made.on_invoke_tool = _told(acting, call, expired)
    note_part(made, acting, acted, invoked=made.on_invoke_tool)
    return made


def _as_acting(acting: Acting, ask: Ask) -> Ask:
    async def asked(arguments: dict[str, Any]) -> None:
        with acting.block():
            await ask(arguments)

    return asked


def _shown(
    tool: FunctionTool, acting: Acting, offered: Callable[[], bool]
) -> Callable[[Context, AgentBase[Any]], Awaitable[bool]]:
    enabled = tool.is_enabled

    async def shown(context: Context, agent: AgentBase[Any]) -> bool:
        try:
            with acting.block():
                may_be = offered()
        except AgentGuardError:
            return False
        if not may_be or isinstance(enabled, bool):
            return may_be and bool(enabled)
        told = enabled(context, agent)
        return bool(await told if inspect.isawaitable(told) else told)

    return shown


def _pausing(
    tool: FunctionTool, acting: Acting, ask: Ask, expired: Expired
) -> Callable[[Context, dict[str, Any], str], Awaitable[bool]]:
    """Say before a call whether the run pauses for it: until people have answered."""
    wanted = tool.needs_approval

    async def pauses(context: Context, arguments: dict[str, Any], call_id: str) -> bool:
        try:
            await ask(arguments)
        except ApprovalPending:
            return True
        except ApprovalExpired as over:
            expired[_place(acting, call_id)] = over  # told once: the call itself would ask anew
            while len(expired) > MOST_EXPIRED:
                expired.popitem(last=False)
            return False
        except AgentGuardError:
            return False  # the call itself is refused, and written down
        return wanted if isinstance(wanted, bool) else await wanted(context, arguments, call_id)

    return pauses


def _place(acting: Acting, call_id: str) -> tuple[str, str]:
    """Return by what a call is known between a pause and its end."""
    caller = acting.enforcer.identities.ambient()
    return ("" if caller is None else caller.session_key), call_id


def _told(acting: Acting, call: Invoke, expired: Expired) -> Invoke:
    """Run calls; tell the model of refusals inside a run, and raise them outside one."""

    async def made(context: ToolContext[Any], text: str) -> Any:
        over = expired.pop(_place(acting, getattr(context, "tool_call_id", "")), None)
        if over is not None:
            raise over
        with acting.block():
            return await call(context, text)

    async def invoke(context: ToolContext[Any], text: str) -> Any:
        config = getattr(context, "run_config", None)
        in_run = config is not None
        keep_from_trace(config)
        try:
            return await made(context, text)
        except Exception as error:
            own = guards_own(error)
            if own is None:
                raise
            told = told_to_model(own) if in_run else None
            if told is not None:
                return told
            if in_run:
                ends_run(own)
            raise own from None

    return invoke
