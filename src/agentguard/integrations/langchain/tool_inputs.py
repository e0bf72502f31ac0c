# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which of a tool's arguments are a model's to write, and which does the framework put in?

What the framework puts in (state, store, runtime, the id of the call) is no argument of the policy
and is handed on as it is. An argument that the program alone sets is none as long as the program
makes the call; in a call as a model writes it, it is an argument like any other, so that no rule
allows it.

What LangGraph's node of tools puts in cannot be told from what a loop of one's own lets through.

INVARIANT: no argument of a call that a model wrote reaches a tool undecided, in a node of tools
(tests/attacks/frameworks/test_langchain_tool_arguments.py).
"""

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args, get_type_hints

from langchain_core.tools import BaseTool, InjectedToolCallId, StructuredTool, Tool
from langchain_core.tools.base import (
    _get_runnable_config_param,
    _is_directly_injected_arg_type,
    _is_injected_arg_type,
    get_all_basemodel_annotations,
)

SINGLE = "tool_input"
RUNTIME = "runtime"  # LangGraph puts its runtime into an argument of this name, however annotated


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """The input of one run.

    Attributes:
        input: a text, a mapping of arguments, or whatever else was handed in.
        call_id: the id of the tool call that a model wrote, None where the program calls.
    """

    input: Any = field(repr=False)
    call_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What is known of a tool's arguments.

    Attributes:
        schema: the JSON Schema of what a model writes.
        injected: what it does not write.
        programs: those of them that LangGraph's node of tools does not fill in, so that the
            program does.
        call_ids: those that are the id of the call.
        first: the argument that a single text stands for, None where there is none.
    """

    schema: Mapping[str, Any] = field(repr=False)
    injected: frozenset[str]
    programs: frozenset[str]
    call_ids: frozenset[str]
    first: str | None

    def parted(self, given: Given) -> tuple[Any, dict[str, Any]]:
        """Return what is decided on, and what is handed on beside it."""
        value = given.input
        if isinstance(value, str) and self.first is not None:
            return {self.first: value}, {}
        if not isinstance(value, Mapping):
            return value, {}
        if given.call_id is None:
            return _without(value, self.injected), _among(value, self.injected)
        handed = _among(value, self.injected - self.programs)
        ids = dict.fromkeys(_among(handed, self.call_ids), given.call_id)
        return _without(value, handed), {**handed, **ids}


def inputs_of(tool: BaseTool) -> Inputs:
    """Return what is known of a tool's arguments."""
    own, seen = _annotations(tool)
    kinds = {**own, **seen}
    injected = frozenset(name for name, kind in kinds.items() if _is_injected_arg_type(kind))
    injected |= frozenset(tool._injected_args_keys)  # noqa: SLF001 - LangChain's own answer
    schema = schema_of(tool)
    properties = schema.get("properties")
    names = list(properties) if isinstance(properties, Mapping) else []
    return Inputs(
        schema=schema,
        injected=injected,
        programs=frozenset(
            name
            for name in injected
            if _is_set_by_program(seen.get(name)) and (name != RUNTIME or name not in seen)
        ),
        call_ids=frozenset(
            name
            for name in injected
            if _is_injected_arg_type(kinds.get(name, str), injected_type=InjectedToolCallId)
        ),
        first=names[0] if names and not isinstance(tool.args_schema, dict) else None,
    )


def schema_of(tool: BaseTool) -> Mapping[str, Any]:
    """Return the JSON Schema of the arguments that a model writes."""
    if isinstance(tool, Tool) and tool.args_schema is None:
        return single_schema()
    schema: Any = tool.tool_call_schema
    if isinstance(schema, Mapping):
        return schema
    written = schema.model_json_schema if hasattr(schema, "model_json_schema") else schema.schema
    found: Mapping[str, Any] = written()
    return found


def single_schema() -> dict[str, Any]:
    """Return the schema of a tool that takes one text and describes no arguments."""
    return {
        "type": "object",
        "properties": {SINGLE: {"type": "string"}},
        "required": [SINGLE],
    }


def function_of(tool: BaseTool, *, asynchronous: bool) -> Callable[..., Any] | None:
    """Return the plain function that a tool runs, None where it runs a method of its own."""
    if not isinstance(tool, StructuredTool | Tool):
        return None
    return tool.coroutine if asynchronous else tool.func


def config_argument(function: Callable[..., Any]) -> str | None:
    """Return the argument of a function that takes LangChain's config, if it has one."""
    return _get_runnable_config_param(function)


def _annotations(tool: BaseTool) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is written at a tool's arguments: in its methods, and where LangGraph looks."""
    function = function_of(tool, asynchronous=False) or function_of(tool, asynchronous=True)
    own = {**_hints(tool._arun), **_hints(tool._run)}  # noqa: SLF001 - the methods that it runs
    seen = {} if function is None else _hints(function)
    if isinstance(tool.args_schema, dict) or (tool.args_schema is None and function is not None):
        return own, seen
    return own, {**seen, **get_all_basemodel_annotations(tool.get_input_schema())}


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        found = get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - evaluates the author's annotations, which may do anything
        found = {
            each.name: each.annotation for each in inspect.signature(function).parameters.values()
        }
    return {name: kind for name, kind in found.items() if name != "return"}


def _without(value: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    left_out = frozenset(names)
    return {name: each for name, each in value.items() if name not in left_out}


def _among(value: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if name in names}


def _is_set_by_program(kind: Any) -> bool:
    """Say whether nothing in LangGraph sets an argument of this kind."""
    if _is_directly_injected_arg_type(kind):
        return False
    marks = [each if isinstance(each, type) else type(each) for each in get_args(kind)[1:]]
    return not any(
        issubclass(each, InjectedToolCallId) or each.__module__.startswith("langgraph.")
        for each in marks
    )
