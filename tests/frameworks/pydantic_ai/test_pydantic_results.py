# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does what a tool of pydantic-ai returns come back?"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import BinaryContent, ImageUrl, ModelRetry, RunContext, Tool, ToolReturn
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from agentguard import Guard, GuardFailure

POLICY = """
version = 1
name = "results"
identity = [{ id = "agent:a" }]
tool = [{ name = "read", impact = "read_only" }]
rule = [{ id = "reading", who = "agent:a", tool = "read", then = "allow" }]

[[class]]
name = "project"
action = "redact"
in_results = "redact"
values = ["operation silver falcon"]
"""
SECRET = "operation silver falcon"
OUTSIDE = RunContext[Any](deps=None, model=TestModel(), usage=RunUsage())


@pytest.fixture(scope="module")
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    """A guard under which a tool may be run, and a project be named to nobody."""
    path: Path = tmp_path_factory.mktemp("results") / "agentguard.toml"
    path.write_text(POLICY)
    with Guard.from_file(path) as made:
        yield made


@dataclass
class Found:
    """What a tool returns that is no JSON yet."""

    name: str
    on: date


def result_of(guard: Guard, work: Callable[[], Any]) -> Any:
    """Return what a guarded tool returns that does a piece of work."""

    def read() -> Any:
        return work()

    tool = guard.wrap(Tool(read))
    with guard.identity("agent:a", session="one"):
        return asyncio.run(tool.function_schema.call({}, OUTSIDE))


def test_a_value_comes_back_as_json(guard: Guard) -> None:
    """Whatever a tool returns is JSON once it was checked."""
    made = Found(f"{SECRET} begins", date(2026, 11, 22))
    got = result_of(guard, lambda: [made, 7, None, {"a": (1.5,)}])
    assert got == [{"name": f"{_hidden(guard)} begins", "on": "2026-11-22"}, 7, None, {"a": [1.5]}]


def _hidden(guard: Guard) -> str:
    return str(result_of(guard, lambda: SECRET))


def test_all_of_a_tool_return_is_checked(guard: Guard) -> None:
    """Value, content and metadata of a ToolReturn come back, without what may not be told."""
    hidden = _hidden(guard)
    assert SECRET not in hidden
    got = result_of(
        guard,
        lambda: ToolReturn(
            {"to": SECRET}, content=["and", SECRET], metadata={"of": SECRET}, tools=["other"]
        ),
    )
    assert got == ToolReturn(
        {"to": hidden}, content=["and", hidden], metadata={"of": hidden}, tools=["other"]
    )


@pytest.mark.parametrize("kind", [ModelRetry, ToolFailed])
def test_what_a_tool_asks_of_the_model_is_checked(guard: Guard, kind: Any) -> None:
    """A message with which a tool fails reaches the model without what may not be told."""

    def work() -> Any:
        raise kind(f"not {SECRET}")

    with pytest.raises(kind) as caught:
        result_of(guard, work)
    assert caught.value.message == f"not {_hidden(guard)}"


@pytest.mark.parametrize(
    "returned",
    [
        BinaryContent(b"\x89PNG", media_type="image/png"),
        [ImageUrl("https://example.com/a.png")],
        ToolReturn("an image", content=[BinaryContent(b"\x89PNG", media_type="image/png")]),
        ToolReturn("text", metadata=object()),
        object(),
    ],
)
def test_what_cannot_be_checked_does_not_come_back(guard: Guard, returned: Any) -> None:
    """Files, images and what is no JSON are withheld, and the error says that the tool ran."""
    with pytest.raises(GuardFailure, match="cannot be checked") as caught:
        result_of(guard, lambda: returned)
    assert caught.value.dispatched


def test_an_error_of_the_tool_is_raised(guard: Guard) -> None:
    """What a tool raises is raised to whoever called it."""

    def work() -> Any:
        raise KeyError("its own")

    with pytest.raises(KeyError):
        result_of(guard, work)
