# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools does a request still offer to the model once the policy has spoken?"""

import string
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import freeze, thaw
from agentguard.pipeline.tools import removed
from agentguard.vocabulary import (
    Attachment,
    EncodedText,
    HostedTool,
    ModelCall,
    OfferedTool,
    Speaker,
    Utterance,
)

names = st.text(string.ascii_lowercase, min_size=1, max_size=3)


def call(body: dict[str, Any]) -> ModelCall:
    """Return a call that offers every item of ``tools`` by its name."""
    tools = body.get("tools", [])
    return ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/p",
        origin="o",
        model="m",
        payload=freeze(body),
        function_tools=tuple(
            OfferedTool(name=each["name"], pointer=f"/tools/{index}")
            for index, each in enumerate(tools)
        ),
    )


def at(payload: Any, pointer: str) -> Any:
    """Return what a JSON pointer leads to."""
    for step in pointer.split("/")[1:]:
        payload = payload[int(step)] if isinstance(payload, (list, tuple)) else payload[step]
    return payload


@settings(deadline=None)
@given(st.lists(names, min_size=1, max_size=6), st.sets(st.integers(0, 5)))
def test_what_is_left_points_to_what_it_meant(offered: list[str], gone: set[int]) -> None:
    """After any removal each tool left still points to its own definition."""
    before = call({"tools": [{"name": name} for name in offered]})
    after = removed(before, frozenset(f"/tools/{index}" for index in gone if index < len(offered)))
    left = [name for index, name in enumerate(offered) if index not in gone]
    assert [each.name for each in after.function_tools] == left
    assert [at(after.payload, each.pointer)["name"] for each in after.function_tools] == left


def test_places_behind_a_removed_item_move_up() -> None:
    """Hosted tools, attachments and what the model wrote keep their places."""
    body = {
        "items": [
            {"tools": [{"name": "a"}, {"name": "b"}, {"file": "x"}]},
            {"tools": [{"name": "c"}]},
        ]
    }
    before = replace(
        call({}),
        payload=freeze(body),
        model_authored=("/items/1",),
        hosted_tools=(
            HostedTool(type="b", arguments={}, pointer="/items/0/tools/1", removable=True),
        ),
        attachments=(
            Attachment(pointer="/items/0/tools/2/file", data_class="c", label="x", content=""),
        ),
    )
    after = removed(before, frozenset({"/items/0/tools/0"}))
    assert at(after.payload, after.hosted_tools[0].pointer)["name"] == "b"
    assert at(after.payload, after.attachments[0].pointer) == "x"
    assert after.model_authored == ("/items/1",)


@pytest.mark.parametrize("beside", ["tool_choice", "parallel_tool_calls"])
def test_the_last_tool_takes_along_how_to_choose(beside: str) -> None:
    """A list that becomes empty goes with what says how to choose from it."""
    after = removed(call({"tools": [{"name": "a"}], beside: "auto"}), frozenset({"/tools/0"}))
    assert thaw(after.payload) == {}


def test_the_last_old_function_takes_along_how_to_choose() -> None:
    """The old form of tools goes like the new one."""
    body = {"functions": [{"name": "a"}], "function_call": "auto", "tools": [{"name": "b"}]}
    after = removed(call(body), frozenset({"/functions/0"}))
    assert thaw(after.payload) == {"tools": [{"name": "b"}]}


def test_a_namespace_goes_with_its_last_tool() -> None:
    """What only held tools is not left behind empty, at any depth; what follows moves up."""
    inner = {"name": "i", "tools": [{"name": "a"}]}
    body = {"tools": [{"name": "o", "tools": [inner]}, {"name": "b"}], "tool_choice": "auto"}
    after = removed(call(body), frozenset({"/tools/0/tools/0/tools/0"}))
    assert thaw(after.payload) == {"tools": [{"name": "b"}], "tool_choice": "auto"}
    assert [each.pointer for each in after.function_tools if each.name == "b"] == ["/tools/0"]


def test_a_namespace_keeps_the_tools_that_are_left() -> None:
    """Only a namespace without any tool goes."""
    body = {"tools": [{"name": "n", "tools": [{"name": "a"}, {"name": "b"}]}]}
    after = removed(call(body), frozenset({"/tools/0/tools/0"}))
    assert thaw(after.payload) == {"tools": [{"name": "n", "tools": [{"name": "b"}]}]}


def test_what_a_removed_tool_carried_goes_along() -> None:
    """An image or a text inside a removed tool is not looked for in the tool that moves up."""
    body = {"tools": [{"name": "a", "mask": "x"}, {"name": "b", "mask": "y"}]}
    masks = ("/tools/0/mask", "/tools/1/mask")
    before = replace(
        call(body),
        attachments=tuple(
            Attachment(pointer=mask, data_class="image", label="l", content="") for mask in masks
        ),
        encoded=tuple(EncodedText(pointer=mask, prefix="") for mask in masks),
        utterances=tuple(
            Utterance(pointer=place, speaker=Speaker.TOOL) for place in ("/tools/0", *masks)
        ),
    )
    after = removed(before, frozenset({"/tools/0"}))
    assert [each.pointer for each in after.attachments] == ["/tools/0/mask"]
    assert [each.pointer for each in after.encoded] == ["/tools/0/mask"]
    assert [each.pointer for each in after.utterances] == ["/tools/0/mask"]
