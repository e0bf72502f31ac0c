# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What of a tool's output is given back, and what waits aside?"""

import asyncio
from typing import Any

import pytest
from agents import (
    FunctionTool,
    ToolOutputFileContent,
    ToolOutputImage,
    ToolOutputText,
    function_tool,
)
from agents.tool_context import ToolContext
from pydantic import BaseModel

from agentguard import Guard
from agentguard.testing.contract import Ground
from agentguard.tools import WITHHELD

PICTURE = "data:image/png;base64,aGVsbG8="
IMAGES = """
[[class]]
name = "image"
action = "label"
in_results = "label"
"""


class Found(BaseModel):
    """What a lookup gives."""

    order: str


def tool_that(returns: Any) -> FunctionTool:
    """Return a tool that returns something."""

    async def lookup(order: str) -> Any:
        """Look an order up."""
        return returns

    return function_tool(lookup)


def looked_up(guard: Guard, ground: Ground, returns: Any) -> Any:
    """Return what a guarded tool gives back that returned something."""
    tool = guard.wrap(tool_that(returns))
    text = '{"order": "ORD-0001"}'
    context = ToolContext(None, tool_name="lookup", tool_call_id="c", tool_arguments=text)

    async def invoke() -> Any:
        return await tool.on_invoke_tool(context, text)

    with ground.acting(guard=guard):
        return asyncio.run(invoke())


@pytest.mark.parametrize(
    ("returned", "given"),
    [
        ("a text", "a text"),
        (None, None),
        ({"a": [1, 2.5]}, {"a": [1, 2.5]}),
        (ToolOutputText(text="a text"), {"type": "text", "text": "a text"}),
        (
            [ToolOutputText(text="a"), ToolOutputImage(image_url="https://x.example/a.png")],
            [
                {"type": "text", "text": "a"},
                {"type": "image", "image_url": "https://x.example/a.png"},
            ],
        ),
        (ToolOutputImage(file_id="f-1"), {"type": "image", "file_id": "f-1"}),
        (ToolOutputImage(image_url=PICTURE), {"type": "text", "text": WITHHELD}),
        (ToolOutputFileContent(file_data="aGVsbG8="), {"type": "text", "text": WITHHELD}),
        (Found(order="a"), "order='a'"),
    ],
)
def test_outputs_are_given_back_as_the_sdk_reads_them(
    ground: Ground, returned: Any, given: Any
) -> None:
    """Texts, JSON and parts by address come back; bytes that cannot be read do not."""
    assert looked_up(ground.guard, ground, returned) == given


def test_a_picture_passes_where_the_policy_labels_its_class(ground: Ground) -> None:
    """A class of media that is labelled, in calls and in results, waits aside and passes."""
    path = ground.folder / "images.toml"
    path.write_text((ground.folder / "agentguard.toml").read_text() + IMAGES)
    with Guard.from_file(path) as guard:
        found = looked_up(guard, ground, [ToolOutputImage(image_url=PICTURE)])
        assert found == [{"type": "image", "image_url": PICTURE}]


def test_what_may_not_be_answered_is_hidden_in_parts(ground: Ground) -> None:
    """Values of a class that no result may hold are hidden in structured outputs."""
    path = ground.folder / "hidden.toml"
    text = (ground.folder / "agentguard.toml").read_text()
    path.write_text(text.replace('in_answers = "redact"', 'in_results = "redact"'))
    with Guard.from_file(path) as guard:
        found = looked_up(guard, ground, [ToolOutputText(text="of operation silver falcon")])
    assert "falcon" not in str(found)
