# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do the lines of a JSONL file hold?"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, freeze, thaw
from agentguard.clients.jsonl import batch_lines, example_lines, json_value, written_lines
from agentguard.errors import ContentRefused, UnguardedPath
from agentguard.vocabulary import ModelCall, OfferedTool


def read(verb: str, path: str, body: Frozen) -> ModelCall:
    """Know chat completions alone, each with one tool."""
    if (verb, path) != ("POST", "/chat/completions"):
        raise UnguardedPath("the guard does not decide this", remedy="another one")
    if body is None:
        raise ContentRefused("there is no body", classes=["email"])
    tool = OfferedTool(name="f", pointer="/tools/0")
    return ModelCall(
        id="c",
        operation="chat",
        verb=verb,
        path=path,
        origin="o",
        model="m",
        payload=body,
        function_tools=(tool,),
    )


def line(**more: Any) -> str:
    """Return one line of a batch file."""
    plain = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": {"a": 1}}
    return json.dumps({**plain, **more})


def test_each_line_is_read_as_a_request() -> None:
    """Verb, path and body of every line reach the reader; what it notes is placed."""
    text = f"\ufeff{line()}\r\n\n{line(url='/chat/completions')}"
    lines = batch_lines(text, read, "/files/0/content")
    assert [call.payload for call in lines.calls] == [{"a": 1}, {"a": 1}]
    assert [call.function_tools[0].pointer for call in lines.calls] == [
        "/files/0/content/0/body/tools/0",
        "/files/0/content/1/body/tools/0",
    ]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("canary", "cannot be inspected"),
        ("[1]", "no JSON object"),
        ('{"url": "/v1/x", "url": "canary"}', "one meaning"),
        ('{"a": NaN}', "cannot be inspected"),
        ('{"a": 99999999999999999999}', "cannot be inspected"),
        ("[" * 100_000, "cannot be inspected"),
        (line(canary=1), "no part of a batch request"),
        (line(method=1), "no verb and path"),
        (line(url="https://canary.example/v1/chat/completions"), "no verb and path"),
        (line(url="/v1/chat/completions?canary=1"), "no verb and path"),
        (line(url="/v1/chat%2Fcompletions"), "no verb and path"),
        (line(body=None), "there is no body"),
    ],
)
def test_a_line_that_cannot_be_read_refuses_the_file(bad: str, message: str) -> None:
    """The refusal names the line, and holds nothing of it."""
    with pytest.raises(ContentRefused, match=message) as refused:
        batch_lines(f"{line()}\n{bad}", read, "")
    assert "line 2" in str(refused.value)
    assert "canary" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("url", ["/v1/files", "/v1/v1/chat/completions", "/v2/chat/completions"])
def test_an_operation_that_no_reader_knows_refuses_the_file(url: str) -> None:
    """A line for another endpoint is refused with its number and the reader's remedy."""
    with pytest.raises(UnguardedPath, match=r"line 1 of the file.*another one"):
        batch_lines(line(url=url), read, "")


def test_classes_of_a_refused_line_are_kept() -> None:
    """What a reader found in a line stays known."""
    with pytest.raises(ContentRefused) as refused:
        batch_lines(line(body=None), read, "")
    assert refused.value.classes == ("email",)


members = st.dictionaries(st.text("abc", max_size=3), st.integers(-9, 9) | st.text(max_size=5))


@settings(deadline=None)
@given(st.lists(members, max_size=4))
def test_lines_are_written_as_they_were_read(lines: list[dict[str, Any]]) -> None:
    """What is written reads back as the same lines."""
    text = written_lines(freeze(lines))
    assert [thaw(each) for each in example_lines(text)] == lines


def test_what_is_no_list_of_lines_is_not_written() -> None:
    """A payload whose lines were replaced is refused."""
    with pytest.raises(ContentRefused):
        written_lines("x")


def test_a_json_value_has_one_meaning() -> None:
    """A value is read where no two readers could differ."""
    assert json_value("a part", '{"a": [1]}') == {"a": (1,)}
    with pytest.raises(ContentRefused, match="a part cannot be inspected"):
        json_value("a part", '{"a": 1, "a": 2}')
