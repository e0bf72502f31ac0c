# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a value of the organisation's own stay whole in a stream?

The story: token formats hold no blanks, so a stream is released word by word; the code name of a
project has three words, and its first two were shown before the third gave it away.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from agentguard import ContentRefused, Guard
from agentguard.testing import Answer, LoopbackProvider

NAME = "operation silver falcon"
OWN = f"""
[[class]]
name = "project"
action = "redact"
in_answers = "ACTION"
values = ["{NAME}"]
"""


@pytest.fixture
def provider() -> Iterator[LoopbackProvider]:
    """A provider that gives the code name away, letter by letter."""
    answer = Answer(f"this belongs to {NAME}, and nobody may know of it", cut=1)
    with LoopbackProvider(lambda _: answer) as running:
        yield running


def streamed(folder: Path, policy: str, action: str, base_url: str) -> Iterator[str]:
    """Yield the deltas of an answer under a policy that handles the name in answers."""
    path = folder / "own.toml"
    path.write_text(policy + OWN.replace("ACTION", action))
    with (
        Guard.from_file(path) as guard,
        guard.identity("agent:support", on_behalf_of="user:alice"),
        OpenAI(base_url=base_url, api_key="not-a-key") as client,
    ):
        messages: list[Any] = [{"role": "user", "content": "hi"}]
        create: Any = guard.wrap(client).chat.completions.create
        for chunk in create(model="m", messages=messages, stream=True):
            if chunk.choices:
                yield chunk.choices[0].delta.content or ""


def test_no_word_of_a_blocked_value_is_released(
    policy_file: Path, provider: LoopbackProvider
) -> None:
    """Under block the stream stops before the first word of the name."""
    seen: list[str] = []
    with pytest.raises(ContentRefused):
        seen.extend(
            streamed(policy_file.parent, policy_file.read_text(), "block", provider.base_url)
        )
    assert not set(NAME.split()) & set("".join(seen).split())


def test_a_redacted_value_leaves_no_word_behind(
    policy_file: Path, provider: LoopbackProvider
) -> None:
    """Under redact the whole name is replaced, and the rest is there."""
    text = "".join(
        streamed(policy_file.parent, policy_file.read_text(), "redact", provider.base_url)
    )
    assert not set(NAME.split()) & set(text.split())
    assert text.endswith("and nobody may know of it")
