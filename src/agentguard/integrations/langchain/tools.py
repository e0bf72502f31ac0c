# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a tool of LangChain guarded?

A new tool stands for it, with the same name, schema and settings. However it is run, its arguments
are decided as the model wrote them, and the tool gets what was decided. A refusal is an error that
no setting of the tool turns into a result. A tool whose function passes the guard already is
decided there, once. What an agent makes of a refusal is the middleware's.

INVARIANT: nothing that can be reached from the guarded tool runs the tool unguarded
(tests/attacks/frameworks/test_langchain_tool_paths.py).
"""

import copy
import functools
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.callbacks import AsyncCallbackManagerForToolRun, CallbackManagerForToolRun
from langchain_core.messages import ToolMessage
from langchain_core.runnables import RunnableConfig, ensure_config
from langchain_core.tools import BaseTool, BaseToolkit
from pydantic import PrivateAttr

from agentguard.enforcement import Enforcer
from agentguard.errors import AgentGuardError, ConfigError, ContentRefused
from agentguard.integrations.langchain.observers import SURFACE, check, check_async
from agentguard.integrations.langchain.tool_inputs import (
    Given,
    Inputs,
    config_argument,
    function_of,
    inputs_of,
    single_schema,
)
from agentguard.integrations.langchain.tool_results import (
    Taken,
    messages_in,
    taken_apart,
    with_artifact,
)
from agentguard.integrations.langchain.tool_running import Ended, run_tool, run_tool_async
from agentguard.pipeline import definition_checked
from agentguard.tools import DescribedTool, Description, Wrapping, known_as, made_of_checked
from agentguard.vocabulary import Boundary

_KEPT = ("return_direct", "verbose", "callbacks", "tags", "metadata", "response_format", "extras")
_ENTRANCES = ("invoke", "ainvoke", "run", "arun")
_OVER_A_FUNCTION = ("_run", "_arun", "_to_args_and_kwargs", "_parse_input")

# What the guarded tools that run in a block raised, also where a framework makes results of it.
_raised: ContextVar[list[AgentGuardError] | None] = ContextVar("agentguard_raised", default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The only way to a tool. It is made of functions, which are not copied with the tool."""

    tool: str
    is_under: Callable[[Enforcer], bool]
    run: Callable[..., Any] = field(repr=False)
    run_async: Callable[..., Any] = field(repr=False)
    watched: Callable[..., None] = field(repr=False)
    watched_async: Callable[..., Any] = field(repr=False)
    inputs: Inputs
    function: Callable[..., Any] | None = field(repr=False)
    coroutine: Callable[..., Any] | None = field(repr=False)


class GuardedTool(BaseTool):
    """A tool of which every run passes the guard."""

    _way: Way = PrivateAttr()

    def __init__(self, way: Way, **fields: Any) -> None:
        super().__init__(**fields)
        self._way = way

    @property
    def func(self) -> Callable[..., Any] | None:
        """The function behind the tool, guarded, None where there is none."""
        return self._way.function

    @property
    def coroutine(self) -> Callable[..., Any] | None:
        """The asynchronous function behind the tool, guarded, None where there is none."""
        return self._way.coroutine

    @property
    def _injected_args_keys(self) -> frozenset[str]:
        return self._way.inputs.injected

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002 - LangChain's word
        """Run the tool through the guard; see ``BaseTool.invoke``."""
        _refuse_nameless(input, self._way)
        return super().invoke(input, config, **kwargs)

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:  # noqa: A002 - LangChain's word
        """Run the tool through the guard; see ``BaseTool.ainvoke``."""
        _refuse_nameless(input, self._way)
        return await super().ainvoke(input, config, **kwargs)

    def run(self, tool_input: Any, *arguments: Any, **options: Any) -> Any:
        """Run the tool through the guard; see ``BaseTool.run``."""
        with _noted():
            self._way.watched(*_watching(self, arguments, options))
            return super().run(tool_input, *arguments, **options)

    async def arun(self, tool_input: Any, *arguments: Any, **options: Any) -> Any:
        """Run the tool through the guard; see ``BaseTool.arun``."""
        with _noted():
            await self._way.watched_async(*_watching(self, arguments, options))
            return await super().arun(tool_input, *arguments, **options)

    def _to_args_and_kwargs(
        self, tool_input: Any, tool_call_id: str | None
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Hand the input on as it is: the tool's own checks see what was decided."""
        return (Given(input=tool_input, call_id=tool_call_id),), {}

    def _run(
        self,
        *args: Any,
        config: RunnableConfig,
        run_manager: CallbackManagerForToolRun | None = None,
        **kwargs: Any,
    ) -> Any:
        return self._way.run(_given(args, kwargs), config, run_manager)

    async def _arun(
        self,
        *args: Any,
        config: RunnableConfig,
        run_manager: AsyncCallbackManagerForToolRun | None = None,
        **kwargs: Any,
    ) -> Any:
        return await self._way.run_async(_given(args, kwargs), config, run_manager)


class GuardedToolkit(BaseToolkit):
    """A set of tools that each pass the guard."""

    _tools: tuple[BaseTool, ...] = PrivateAttr(default=())

    def get_tools(self) -> list[BaseTool]:
        """Return the tools."""
        return list(self._tools)


def guarded_tool(target: BaseTool | BaseToolkit, wrapping: Wrapping) -> BaseTool | BaseToolkit:
    """Return a tool, or a toolkit, under the guard.

    Args:
        target: the tool or the toolkit, which stays as it is.
        wrapping: what to guard it with.

    Raises:
        TypeError: the tool has a way to be run that LangChain's tools do not have.
        ConfigError: the policy does not know the tool, or knows it otherwise; or another guard
            has it.
    """
    if isinstance(target, BaseToolkit):
        if isinstance(target, GuardedToolkit):
            for each in target.get_tools():
                _one(each, wrapping.enforcer)
            return target
        kit = GuardedToolkit()
        kit._tools = tuple(_one(each, wrapping.enforcer) for each in target.get_tools())  # noqa: SLF001 - its maker
        return kit
    return _one(target, wrapping.enforcer)


def is_guarded(tool: object, enforcer: Enforcer) -> bool:
    """Say whether every way to run a tool passes this very guard."""
    return type(tool) is GuardedTool and tool._way.is_under(enforcer)  # noqa: SLF001 - its maker


def guarded_as(tool: object, enforcer: Enforcer) -> GuardedTool | None:
    """Return what runs a tool through this guard and tells of refusals, None if it does not pass.

    Raises:
        ConfigError: its function passes another guard, or is guarded under another name.
    """
    if is_guarded(tool, enforcer):
        return cast("GuardedTool", tool)
    if isinstance(tool, BaseTool) and _passes_already(tool, enforcer):
        return _one(tool, enforcer)
    return None


def policy_name(tool: GuardedTool) -> str:
    """Return the tool's name in the policy, whatever a copy of it is called."""
    return tool._way.tool  # noqa: SLF001 - its maker


@contextmanager
def noting() -> Iterator[list[AgentGuardError]]:
    """Give a list that holds what the guarded tool raised that ran last in the block.

    It does so, too, where a framework made a result of it.
    """
    raised: list[AgentGuardError] = []
    token = _raised.set(raised)
    try:
        yield raised
    finally:
        _raised.reset(token)


def _one(tool: BaseTool, enforcer: Enforcer) -> GuardedTool:
    if isinstance(tool, GuardedTool):
        if not is_guarded(tool, enforcer):
            raise ConfigError(f"tool {tool.name!r} is guarded by another guard already")
        return tool
    _refuse_entrances(tool)
    inputs = inputs_of(tool)
    guarded = _passes_already(tool, enforcer)
    run, run_async, text = (_passed if guarded else _decided)(tool, inputs, enforcer)
    functions = [
        _dressed(
            function_of(tool, asynchronous=each), run_async if each else run, asynchronous=each
        )
        for each in (False, True)
    ]
    schema: Any = tool.args_schema
    if schema is None:
        single = function_of(tool, asynchronous=False) or function_of(tool, asynchronous=True)
        schema = single_schema() if single else tool.get_input_schema()
    watched, watched_async = _watchers(tool.name, enforcer)
    way = Way(
        tool=tool.name,
        is_under=lambda other: other is enforcer,
        run=run,
        run_async=run_async,
        watched=watched,
        watched_async=watched_async,
        inputs=inputs,
        function=functions[0],
        coroutine=functions[1],
    )
    kept = {name: getattr(tool, name) for name in _KEPT}
    return GuardedTool(way, name=tool.name, description=text, args_schema=schema, **kept)


def _refuse_entrances(tool: BaseTool) -> None:
    for name in _ENTRANCES:
        if not _is_of_langchain(tool, name):
            raise TypeError(
                f"tool {tool.name!r} has a {name}() of its own, so it cannot be guarded as a tool"
                " of LangChain; put what it does into _run, or guard the function beneath it"
            )


def _is_of_langchain(tool: BaseTool, method: str) -> bool:
    return bool(getattr(type(tool), method).__module__.startswith("langchain_core."))


def _passes_already(tool: BaseTool, enforcer: Enforcer) -> bool:
    """Say whether the functions behind a tool pass this guard.

    Raises:
        ConfigError: they pass another one, under another name, or one does and the other does not;
            or the tool has its own way of running them.
    """
    both = [function_of(tool, asynchronous=each) for each in (False, True)]
    functions = [each for each in both if each is not None]
    names = [known_as(each, enforcer) for each in functions]
    if not any(names):
        return False
    if set(names) != {tool.name}:
        raise ConfigError(
            f"tool {tool.name!r} has a function that is guarded under another name, or one that is"
            " guarded beside one that is not: guard both, under the tool's name"
        )
    if not all(_is_of_langchain(tool, each) for each in _OVER_A_FUNCTION):
        raise ConfigError(
            f"tool {tool.name!r} has a guarded function and a way of its own to run it, which nobody"
            " guards: hand it the plain function"
        )
    return True


Runs = tuple[Callable[..., Any], Callable[..., Any], str]


def _decided(tool: BaseTool, inputs: Inputs, enforcer: Enforcer) -> Runs:
    """Return what runs a tool through the guard, and its description as a model may read it."""
    plain = function_of(tool, asynchronous=False)
    awaited = plain is None and function_of(tool, asynchronous=True) is not None
    description = Description(
        tool=tool.name,
        text=tool.description,
        schema=inputs.schema,
        surface=SURFACE,
        told={"extras": tool.extras} if tool.extras else {},
    )
    described = DescribedTool(description, enforcer, asynchronous=awaited)

    def run(given: Given, config: RunnableConfig, manager: Any) -> Any:
        if awaited:
            raise NotImplementedError(f"tool {tool.name!r} does not support sync invocation")
        decided, injected = inputs.parted(given)
        taken: list[Taken] = []

        def dispatch(arguments: dict[str, Any]) -> Any:
            ended = run_tool(tool, {**arguments, **injected}, given.call_id, config, manager)
            taken.append(_taken(tool, ended, given, injected))
            return taken[0].content

        shown = described.call(decided, dispatch)
        return made_of_checked(tool.name, lambda: taken[0].together(shown))

    async def run_async(given: Given, config: RunnableConfig, manager: Any) -> Any:
        decided, injected = inputs.parted(given)
        taken: list[Taken] = []

        async def dispatch(arguments: dict[str, Any]) -> Any:
            every = {**arguments, **injected}
            ended = await run_tool_async(tool, every, given.call_id, config, manager)
            taken.append(_taken(tool, ended, given, injected))
            return taken[0].content

        shown = await described.call_async(decided, dispatch)
        return made_of_checked(tool.name, lambda: taken[0].together(shown))

    return run, run_async, described.text


def _passed(tool: BaseTool, inputs: Inputs, enforcer: Enforcer) -> Runs:
    """Return what runs a tool whose function takes every call through the guard itself."""
    # A copy, so that no other function is put in the place of this one afterwards.
    tool, core = copy.copy(tool), enforcer.core
    texts = (tool.description, json.dumps(inputs.schema))
    text = definition_checked(core, tool.name, texts)

    def run(given: Given, config: RunnableConfig, manager: Any) -> Any:
        decided, injected = _every(inputs, given)
        ended = run_tool(tool, {**decided, **injected}, given.call_id, config, manager)
        taken = _taken(tool, ended, given, injected)
        return taken.together(taken.content)

    async def run_async(given: Given, config: RunnableConfig, manager: Any) -> Any:
        decided, injected = _every(inputs, given)
        every = {**decided, **injected}
        ended = await run_tool_async(tool, every, given.call_id, config, manager)
        taken = _taken(tool, ended, given, injected)
        return taken.together(taken.content)

    return run, run_async, text


def _every(inputs: Inputs, given: Given) -> tuple[dict[str, Any], dict[str, Any]]:
    decided, injected = inputs.parted(given)
    if not isinstance(decided, dict):
        raise TypeError("a tool takes a mapping of arguments, or one text")
    return decided, injected


def _taken(tool: BaseTool, ended: Ended, given: Given, injected: dict[str, Any]) -> Taken:
    """Take apart how a tool ended, such that LangChain gets what it expects of it."""
    known = messages_in(injected)
    if tool.response_format == "content_and_artifact":
        pair = with_artifact(ended.content, ended.artifact, tool.name, known)
        if not ended.failed:
            return pair
        return Taken(
            content=pair.content,
            together=lambda checked: (_failed(pair.together(checked)[0], tool, given), None),
        )
    taken = taken_apart(ended.content, tool.name, known)
    if not ended.failed:
        return taken
    return Taken(
        content=taken.content,
        together=lambda checked: _failed(taken.together(checked), tool, given),
    )


def _failed(content: Any, tool: BaseTool, given: Given) -> Any:
    """Return what a tool says of an error, for a model's call as a message that says so."""
    if given.call_id is None:
        return content
    said = content if isinstance(content, str | list) else json.dumps(content, default=str)
    return ToolMessage(said, tool_call_id=given.call_id, name=tool.name, status="error")


def _watchers(tool: str, enforcer: Enforcer) -> tuple[Callable[..., None], Callable[..., Any]]:
    """Return what refuses a run that somebody would see whom the policy does not know."""

    def watched(callbacks: Any, local: Any, verbose: bool) -> None:  # noqa: FBT001 - LangChain's
        check(enforcer, callbacks, local, verbose=verbose, boundary=Boundary.TOOL, target=tool)

    async def watched_async(callbacks: Any, local: Any, verbose: bool) -> None:  # noqa: FBT001 - LangChain's
        await check_async(
            enforcer, callbacks, local, verbose=verbose, boundary=Boundary.TOOL, target=tool
        )

    return watched, watched_async


def _watching(
    tool: GuardedTool, arguments: tuple[Any, ...], options: dict[str, Any]
) -> tuple[Any, Any, bool]:
    """Return who would see a run, from the arguments of ``BaseTool.run``."""
    given = dict(zip(("verbose", "start_color", "color", "callbacks"), arguments, strict=False))
    given |= options
    return given.get("callbacks"), tool.callbacks, tool.verbose or bool(given.get("verbose"))


def _refuse_nameless(given: Any, way: Way) -> None:
    """Refuse a call without an id, as a model writes it, that sets what only the program sets."""
    if not isinstance(given, dict) or given.get("type") != "tool_call" or given.get("id"):
        return
    if way.inputs.programs & set(given.get("args") or ()):
        raise ContentRefused(
            f"a call of tool {way.tool!r} without an id sets an argument that is not the model's",
            remedy="hand the arguments to the tool by themselves",
        )


def _given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Given:
    if len(args) == 1 and not kwargs:
        return args[0] if isinstance(args[0], Given) else Given(input=args[0])
    if args:
        raise TypeError("the arguments of a guarded tool are given by their names")
    return Given(input=kwargs)


def _dressed(
    function: Callable[..., Any] | None, run: Callable[..., Any], *, asynchronous: bool
) -> Callable[..., Any] | None:
    """Return a function with the looks of one behind a tool that goes through the guard."""
    if function is None:
        return None
    signature = inspect.signature(function)
    takes_config = config_argument(function)

    def given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Given, RunnableConfig]:
        bound = dict(signature.bind(*args, **kwargs).arguments)
        for each in signature.parameters.values():
            if each.kind is each.VAR_KEYWORD:
                bound.update(bound.pop(each.name, {}))
        config = bound.pop(takes_config, None) if takes_config else None
        return Given(input=bound), ensure_config(cast("RunnableConfig | None", config))

    def plain(*args: Any, **kwargs: Any) -> Any:
        with _noted():
            return run(*given(args, kwargs), None)

    async def awaited(*args: Any, **kwargs: Any) -> Any:
        with _noted():
            return await run(*given(args, kwargs), None)

    dressed: Any = awaited if asynchronous else plain
    functools.update_wrapper(dressed, function, updated=())
    del dressed.__dict__["__wrapped__"]
    dressed.__signature__ = signature
    return cast("Callable[..., Any]", dressed)


@contextmanager
def _noted() -> Iterator[None]:
    """Note what is raised, for whoever runs this tool and for nobody around that."""
    raised = _raised.get()
    token = _raised.set(None)
    try:
        yield
    except AgentGuardError as error:
        if raised is not None:
            raised[:] = [error]
        raise
    else:
        if raised is not None:
            raised.clear()
    finally:
        _raised.reset(token)
