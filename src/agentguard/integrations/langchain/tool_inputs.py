# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which of a tool's arguments are a model's to write, and which does the framework put in?

What the framework puts in (state, store, runtime, the id of the call) is no argument of the policy
and is handed on as it is. An argument that the program alone sets is none as long as the program
makes the call; in a call as a model writes it, it is an argument like any other, so that no rule
allows it.

INVARIANT: no argument of a call that a model wrote reaches a tool undecided
(tests/attacks/frameworks/test_langchain_tool_arguments.py).
"""

import inspect
from collections.abc import Callable, Mapping
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
        programs: those of them that the framework does not fill in, so that the program does.
        first: the argument that a single text stands for, None where there is none.
    """

    schema: Mapping[str, Any] = field(repr=False)
    injected: frozenset[str]
    programs: frozenset[str]
    first: str | None

    def parted(self, given: Given) -> tuple[Any, dict[str, Any]]:
        """Return what is decided on, and what is handed on beside it."""
        value = given.input
        if isinstance(value, str) and self.first is not None:
            return {self.first: value}, {}
        if not isinstance(value, Mapping):
            return value, {}
        hidden = self.injected if given.call_id is None else self.injected - self.programs
        decided = {name: each for name, each in value.items() if name not in hidden}
        return decided, {name: each for name, each in value.items() if name in hidden}


def inputs_of(tool: BaseTool) -> Inputs:
    """Return what is known of a tool's arguments."""
    kinds = _annotations(tool)
    injected = frozenset(name for name, kind in kinds.items() if _is_injected_arg_type(kind))
    injected |= frozenset(tool._injected_args_keys)  # noqa: SLF001 - LangChain's own answer
    schema = schema_of(tool)
    properties = schema.get("properties")
    names = list(properties) if isinstance(properties, Mapping) else []
    return Inputs(
        schema=schema,
        injected=injected,
        programs=frozenset(name for name in injected if _is_set_by_program(kinds.get(name))),
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


def _annotations(tool: BaseTool) -> dict[str, Any]:
    """Return what is written at a tool's arguments, in its function and in its schema."""
    function = function_of(tool, asynchronous=False) or function_of(tool, asynchronous=True)
    found = _hints(function or tool._run)  # noqa: SLF001 - the method that it runs
    if function is None:
        found = {**_hints(tool._arun), **found}  # noqa: SLF001 - or this one
    if isinstance(tool.args_schema, dict) or (tool.args_schema is None and isinstance(tool, Tool)):
        return found
    return {**found, **get_all_basemodel_annotations(tool.get_input_schema())}


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    try:
        found = get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - evaluates the author's annotations, which may do anything
        found = {
            each.name: each.annotation for each in inspect.signature(function).parameters.values()
        }
    return {name: kind for name, kind in found.items() if name != "return"}


def _is_set_by_program(kind: Any) -> bool:
    """Say whether nothing in LangGraph sets an argument of this kind."""
    if _is_directly_injected_arg_type(kind):
        return False
    marks = [each if isinstance(each, type) else type(each) for each in get_args(kind)[1:]]
    return not any(
        issubclass(each, InjectedToolCallId) or each.__module__.startswith("langgraph.")
        for each in marks
    )
