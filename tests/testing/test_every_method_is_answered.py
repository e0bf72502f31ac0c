# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the loopback provider answer every method of the SDKs?"""

from typing import Any

import pytest

from agentguard.testing import LoopbackProvider, echo
from agentguard.testing.sdk_surface import client
from agentguard.testing.sdk_sweep import sweep

# It reads the events of a whole turn, of which the provider knows none.
TURN = {"beta.agents.sessions.stream"}
# What reads something that arrived before, and what needs a package that is not installed.
LOCAL = {
    "beta.agents.sessions.artifacts.for_result",
    "beta.webhooks.parse_unverified",
    "beta.webhooks.unwrap",
    "webhooks.unwrap",
    "webhooks.verify_signature",
}


@pytest.mark.parametrize(
    ("kind", "wrapper"),
    [
        ("OpenAI", ""),
        ("AsyncOpenAI", ""),
        ("AzureOpenAI", ""),
        ("OpenAI", "with_raw_response"),
        ("OpenAI", "with_streaming_response"),
        ("Anthropic", ""),
    ],
)
def test_every_method_is_answered(kind: Any, wrapper: str) -> None:
    """Every method of an unguarded client but the sockets gets an answer that it can read."""
    with LoopbackProvider(respond=echo) as provider:
        swept = sweep(client(kind, provider.base_url), wrapper)
    unanswered = {name for name in swept.raised if not name.endswith(".connect")}
    assert unanswered <= LOCAL | TURN
    assert len(swept.returned) > 300
