# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What did a tool return, as JSON or text, as the SDK would tell the model?

A part by address or by id is text, and is checked as such.
"""

from collections.abc import Mapping
from typing import Any

from agents import FunctionTool, ToolOutputFileContent, ToolOutputImage, ToolOutputText
from pydantic import TypeAdapter

_PLAIN = (str, int, float, bool, type(None))
_STRUCTURED = (ToolOutputText, ToolOutputImage, ToolOutputFileContent)
_ANYTHING: TypeAdapter[Any] = TypeAdapter(Any)


def plain_output(result: Any, tool: FunctionTool) -> Any:
    """Return what a tool returned as plain JSON or text."""
    adapter = tool._output_type_adapter  # noqa: SLF001 - says how a typed output is written
    if adapter is not None and not isinstance(result, str):
        return adapter.dump_python(adapter.validate_python(result), mode="json", by_alias=True)
    if tool.output_json_schema is not None and not isinstance(result, str):
        return _ANYTHING.dump_python(result, mode="json")
    return _plain(result)


def _plain(result: Any) -> Any:
    if isinstance(result, _STRUCTURED):
        return result.model_dump(exclude_none=True)
    if isinstance(result, list | tuple):
        return [_plain(item) for item in result]
    if isinstance(result, Mapping):
        return {str(key): _plain(item) for key, item in result.items()}
    return result if isinstance(result, _PLAIN) else str(result)
