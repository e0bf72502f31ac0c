# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a tool of LangChain run beneath the guard?

It is given what was decided, so its own checks of arguments see the real values. LangChain tells
nobody of this run: the run that callbacks see is the guarded tool's. What the tool makes of its
own errors is a result, and is checked like one.

INVARIANT: what does not fit a tool's schema is told without a value
(tests/attacks/frameworks/test_langchain_tool_arguments.py).
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.runnables import RunnableConfig
from langchain_core.tools import BaseTool, ToolException
from langchain_core.tools.base import _get_runnable_config_param
from pydantic import ValidationError
from pydantic.v1 import ValidationError as ValidationErrorV1
from pydantic_core import InitErrorDetails, PydanticCustomError

# Their messages say what is wanted and never what was there.
_PLAIN_MESSAGES = frozenset(
    {
        "missing",
        "string_type",
        "string_too_short",
        "string_too_long",
        "string_pattern_mismatch",
        "int_type",
        "int_parsing",
        "int_from_float",
        "float_type",
        "float_parsing",
        "bool_type",
        "bool_parsing",
        "list_type",
        "dict_type",
        "model_type",
        "literal_error",
        "enum",
        "greater_than",
        "greater_than_equal",
        "less_than",
        "less_than_equal",
        "too_short",
        "too_long",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a tool ended.

    Attributes:
        content: what it returned, or what it says of its error.
        artifact: what it returned for the program.
        failed: whether it says so itself.
    """

    content: Any = field(repr=False)
    artifact: Any = field(default=None, repr=False)
    failed: bool = False


def run_tool(
    tool: BaseTool, given: dict[str, Any], call_id: str | None, config: RunnableConfig, manager: Any
) -> Ended:
    """Run a tool with the arguments that were decided and those that the framework puts in.

    Raises:
        Exception: whatever the tool raises and does not handle itself.
    """
    try:
        args, kwargs = _read(tool, given, call_id)
        _add_surroundings(tool._run, kwargs, config, manager)  # noqa: SLF001 - the tool's own way
        return _ended(tool, tool._run(*args, **kwargs))  # noqa: SLF001 - the tool's own way
    except (ValidationError, ValidationErrorV1, ToolException) as error:
        return _handled(tool, error)


async def run_tool_async(
    tool: BaseTool, given: dict[str, Any], call_id: str | None, config: RunnableConfig, manager: Any
) -> Ended:
    """Do what ``run_tool`` does, for a tool that is awaited."""
    try:
        args, kwargs = _read(tool, given, call_id)
        plain = type(tool)._arun is BaseTool._arun  # noqa: SLF001 - as LangChain asks
        runs = tool._run if plain else tool._arun  # noqa: SLF001 - the tool's own way
        _add_surroundings(runs, kwargs, config, manager)
        return _ended(tool, await tool._arun(*args, **kwargs))  # noqa: SLF001 - the tool's own way
    except (ValidationError, ValidationErrorV1, ToolException) as error:
        return _handled(tool, error)


def _read(
    tool: BaseTool, given: dict[str, Any], call_id: str | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments as the tool's schema reads them."""
    problem: Exception
    try:
        args, kwargs = tool._to_args_and_kwargs(given, call_id)  # noqa: SLF001 - the tool's own way
    except ValidationError as error:
        if tool.handle_validation_error:
            raise
        problem = _without_values(error)
    except ValidationErrorV1:
        if tool.handle_validation_error:
            raise
        problem = ValueError(f"the arguments do not fit the schema of tool {tool.name!r}")
    else:
        return tuple(args), dict(kwargs)
    raise problem


def _add_surroundings(
    runs: Callable[..., Any], kwargs: dict[str, Any], config: RunnableConfig, manager: Any
) -> None:
    if "run_manager" in inspect.signature(runs).parameters:
        kwargs["run_manager"] = manager
    name = _get_runnable_config_param(runs)
    if name:
        kwargs[name] = config


def _ended(tool: BaseTool, response: Any) -> Ended:
    if tool.response_format != "content_and_artifact":
        return Ended(content=response)
    if not isinstance(response, tuple) or len(response) != 2:  # noqa: PLR2004 - a pair
        raise ValueError(
            f"tool {tool.name!r} says that it returns content and artifact, and returned no pair"
        )
    return Ended(content=response[0], artifact=response[1])


def _handled(tool: BaseTool, error: Exception) -> Ended:
    """Return what the tool says of an error, if it handles such errors."""
    failed = isinstance(error, ToolException)
    how: Any = tool.handle_tool_error if failed else tool.handle_validation_error
    if not how:
        raise error
    if callable(how):
        return Ended(content=how(error), failed=True)
    if isinstance(how, str):
        return Ended(content=how, failed=True)
    if failed:
        return Ended(content=error.args[0] if error.args else "Tool execution error", failed=True)
    return Ended(content="Tool input validation error", failed=True)


def _without_values(error: ValidationError) -> ValidationError:
    """Return an error that names the arguments that do not fit, and no value."""
    return ValidationError.from_exception_data(
        error.title,
        [
            InitErrorDetails(
                type=PydanticCustomError(
                    "does_not_fit",
                    each["msg"]
                    if each["type"] in _PLAIN_MESSAGES
                    else "The value is not one that the tool takes",
                ),
                loc=tuple(
                    step
                    for place, step in enumerate(each["loc"])
                    if not place or isinstance(step, int)
                ),
                input=None,
            )
            for each in error.errors()
        ],
        hide_input=True,
    )
