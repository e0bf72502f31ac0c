# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What did a tool of pydantic-ai return, and how is it dressed once it was checked?

A result is taken apart into JSON, which the guard checks, and put together anew from that. What a
tool asks the model to try again is told to the model, so it is checked as a result, too.

INVARIANT: nothing that a tool returned comes out but what was checked
(tests/frameworks/pydantic_ai/test_pydantic_results.py).
"""

from collections.abc import Awaitable
from contextlib import suppress
from enum import StrEnum
from typing import Any

from pydantic_ai.exceptions import ModelRetry, ToolFailed
from pydantic_ai.messages import ToolReturn, is_multi_modal_content, tool_return_ta

from agentguard.errors import GuardFailure


class _Form(StrEnum):
    """What a tool ended with."""

    VALUE = "value"
    TOOL_RETURN = "tool_return"
    RETRY = "retry"
    FAILED = "failed"


class Taken:
    """The result of one call: its content goes through the guard, its form is kept here."""

    def __init__(self, tool: str) -> None:
        self._tool = tool
        self._form = _Form.VALUE
        self._tools: list[str] | None = None

    async def apart(self, work: Awaitable[Any]) -> Any:
        """Await what a tool does and return what is to be checked, as JSON.

        Raises:
            GuardFailure: it returned what cannot be checked; it has run.
        """
        try:
            result = await work
        except ModelRetry as retry:
            self._form = _Form.RETRY
            return retry.message
        except ToolFailed as failed:
            self._form = _Form.FAILED
            return failed.message
        if not isinstance(result, ToolReturn):
            return self._as_json(result)
        self._form = _Form.TOOL_RETURN
        self._tools = result.tools
        return {
            "return_value": self._as_json(result.return_value),
            "content": self._texts(result.content),
            "metadata": self._as_json(result.metadata),
        }

    def together(self, checked: Any) -> Any:
        """Return the checked result in the form in which it came.

        Raises:
            ModelRetry: the tool wants the model to try again.
            ToolFailed: the tool says that it failed for good.
        """
        if self._form is _Form.RETRY:
            raise ModelRetry(str(checked))
        if self._form is _Form.FAILED:
            raise ToolFailed(str(checked))
        if self._form is _Form.TOOL_RETURN and isinstance(checked, dict):
            return ToolReturn(**checked, tools=self._tools)
        return checked

    def _as_json(self, value: Any) -> Any:
        items = value if isinstance(value, list | tuple) else [value]
        if any(is_multi_modal_content(item) for item in items):
            raise self._unchecked("a file, an image or an address of one")
        # Types of the tool's own serialise themselves, and may raise anything, with the value in it.
        with suppress(Exception):
            return tool_return_ta.dump_python(value, mode="json", by_alias=True)
        raise self._unchecked("a value that is no JSON")

    def _texts(self, content: Any) -> Any:
        items = [content] if isinstance(content, str) else content
        if items is not None and not all(isinstance(item, str) for item in items):
            raise self._unchecked("content for the model that is no text")
        return content if content is None or isinstance(content, str) else list(content)

    def _unchecked(self, what: str) -> GuardFailure:
        return GuardFailure(
            f"tool {self._tool!r} returned {what}, which cannot be checked; return text or JSON",
            part="dispatch",
            dispatched=True,
        )
