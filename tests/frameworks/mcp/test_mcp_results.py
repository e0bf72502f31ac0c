# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What of the answer of an MCP server can be read, and what is it put together from again?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agentguard import GuardFailure
from agentguard.config import load
from agentguard.integrations.mcp.results import (
    MOST,
    Reading,
    kept_for_nobody,
    require_complete,
    whole_answer,
)
from agentguard.policy import Policy
from agentguard.tools import WITHHELD

IMAGE = {"type": "image", "mimeType": "image/png", "data": "aGk="}
FILE = {"uri": "a", "mimeType": "application/zip", "blob": "aGk="}
TEXT = {"type": "text", "text": "hi"}
POLICY = 'version = 1\nname = "p"\n'
PASSES = (
    '[[class]]\nname = "image"\naction = "label"\n[[class]]\nname = "binary"\naction = "label"\n'
)


@pytest.fixture
def policy_of(tmp_path: Path) -> Callable[[str], Policy]:
    """Give the function that reads a policy."""

    def read(lines: str) -> Policy:
        path = tmp_path / "agentguard.toml"
        path.write_text(POLICY + lines)
        return load(path).policy

    return read


def parts(*content: Any) -> dict[str, Any]:
    """Return an answer of a tool."""
    return {"content": list(content), "_meta": {"x": 1}}


def test_media_are_withheld_unless_their_class_is_labelled(
    policy_of: Callable[[str], Policy],
) -> None:
    """An image and a file pass where the policy labels their class; else a text says so."""
    answer = parts(TEXT, IMAGE, {"type": "resource", "resource": FILE})
    blocked = Reading(policy_of(""))
    shown = blocked.put_together(blocked.read(answer))["content"]
    assert "aGk=" not in str(shown)
    assert shown[1] == {"type": "text", "text": WITHHELD}
    passing = Reading(policy_of(PASSES))
    read = passing.read(answer)
    assert "aGk=" not in str(read)
    whole = passing.put_together(read)["content"]
    assert whole == [TEXT, IMAGE, {"type": "resource", "resource": FILE}]


def test_resources_and_prompts_hold_media_too(policy_of: Callable[[str], Policy]) -> None:
    """A file of a resource and an image of a prompt are treated alike."""
    policy = policy_of(PASSES)
    for answer in (
        {"contents": [{"uri": "a", "text": "x"}, FILE]},
        {"messages": [{"role": "user", "content": IMAGE}]},
        {"messages": [{"role": "user", "content": {"type": "resource", "resource": FILE}}]},
    ):
        reading = Reading(policy)
        read = reading.read(answer)
        assert "aGk=" not in str(read)
        assert reading.put_together(read) == answer
    assert "aGk=" not in str(Reading(policy_of("")).read({"contents": [FILE]}))


@pytest.mark.parametrize(
    "part",
    [{"type": "video", "data": "x"}, {"type": "image"}, {}, "text", {"type": "resource"}, None],
)
def test_a_part_of_no_known_kind_is_withheld(
    policy_of: Callable[[str], Policy], part: object
) -> None:
    """What is no text and no known medium is replaced."""
    read = Reading(policy_of(PASSES)).read(parts(part))
    assert read == {"content": [{"type": "text", "text": WITHHELD}]}


def test_links_keep_what_can_be_read(policy_of: Callable[[str], Policy]) -> None:
    """Of a link its words are kept; icons and ``_meta`` are not."""
    link = {"type": "resource_link", "uri": "https://a", "name": "a"}
    read = Reading(policy_of("")).read(parts({**link, "icons": [{"src": "x"}], "_meta": {"y": 1}}))
    assert read["content"] == [link]


def test_structured_content_is_left_as_it_is(policy_of: Callable[[str], Policy]) -> None:
    """Structured content is JSON of the server's own, whatever its members are called."""
    own = {"type": "image", "blob": "b", "items": [{"type": "text"}]}
    read = Reading(policy_of("")).read({"content": [], "structuredContent": own, "isError": True})
    assert read == {"content": [], "structuredContent": own, "isError": True}


def test_an_answer_of_another_shape_is_withheld(policy_of: Callable[[str], Policy]) -> None:
    """What was checked is put together only if its media fit."""
    reading = Reading(policy_of(PASSES))
    reading.read(parts(IMAGE))
    misshapen: tuple[Any, ...] = ({}, {"content": []}, "hidden", {"content": "hidden"}, None)
    for checked in misshapen:
        with pytest.raises(GuardFailure) as caught:
            whole_answer("read", reading, checked)
        assert caught.value.dispatched


def test_more_than_is_checked_at_once_is_withheld(policy_of: Callable[[str], Policy]) -> None:
    """An answer of any shape that is too large is not read."""
    policy, half = policy_of(""), "x" * (MOST // 2)
    Reading(policy).read(parts({**TEXT, "text": half}))
    for large in (
        parts(TEXT, {**TEXT, "text": half * 2}),
        {"structuredContent": [half, {half: 1}]},
    ):
        with pytest.raises(GuardFailure) as caught:
            Reading(policy).read(large)
        assert caught.value.dispatched


def test_an_answer_that_asks_is_none() -> None:
    """An answer of another kind than a complete one is refused, and none may be cached."""
    require_complete("read", {})
    require_complete("read", {"resultType": "complete"})
    with pytest.raises(GuardFailure):
        require_complete("read", {"resultType": "input_required"})
    assert kept_for_nobody({"ttlMs": 9, "cacheScope": "public", "resultType": "x"}) == {
        "ttlMs": 0,
        "cacheScope": "private",
        "resultType": "complete",
    }
    assert kept_for_nobody({}) == {}
