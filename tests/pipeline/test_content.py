# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a value that is recognised late also hidden where it stood before?"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from agentguard import Guard
from agentguard.config import starter
from agentguard.signing import new_key
from agentguard.testing import Answer, LoopbackProvider

TOKEN = "wJalrXUtnFEMI7K7MDENGbPxRfiCY0123456789a"


@pytest.fixture
def guard(tmp_path: Path) -> Iterator[Guard]:
    """A guard of the starter policy."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(new_key()[1]), encoding="utf-8")
    with Guard.from_file(path) as made:
        yield made


def test_a_secret_that_shows_itself_late_is_hidden_where_it_stood_first(guard: Guard) -> None:
    """A value that only its second place gives away is hidden in the first as well."""
    with (
        LoopbackProvider(lambda _: Answer("fine")) as provider,
        OpenAI(base_url=provider.base_url, api_key="k") as client,
        guard.identity("agent:support", on_behalf_of="user:alice"),
    ):
        guard.wrap(client).chat.completions.create(
            model="m",
            messages=[
                {"role": "user", "content": f"what is {TOKEN} good for?"},
                {"role": "user", "content": f"aws_secret_access_key = {TOKEN}"},
            ],
        )
        assert TOKEN not in provider.received_bytes().decode()


def test_a_value_hidden_once_stays_hidden(guard: Guard) -> None:
    """In a later request of the session the bare value is recognised again."""
    with (
        LoopbackProvider(lambda _: Answer("fine")) as provider,
        OpenAI(base_url=provider.base_url, api_key="k") as client,
        guard.identity("agent:support", on_behalf_of="user:alice"),
    ):
        guard.wrap(client)
        for content in (f"aws_secret_access_key = {TOKEN}", f"once more: {TOKEN}"):
            client.chat.completions.create(
                model="m", messages=[{"role": "user", "content": content}]
            )
        assert TOKEN not in provider.received_bytes().decode()
