# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the example of an agent of LangChain show what is hidden, refused, asked about and run?"""

import runpy
from pathlib import Path

import pytest
from langchain_openai.chat_models import _client_utils

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "langchain_agent.py"


def test_the_langchain_example_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """A tool is hidden, a call refused, and a refund made once, after a person signed."""
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    # LangChain keeps its HTTP clients, with what is open in them, until the process ends.
    _client_utils._cached_sync_httpx_client.cache_clear()
    assert capsys.readouterr().out.splitlines() == [
        "offered: lookup refund send_mail",
        "the provider saw the address: False",
        "told of a refusal: this call is not permitted",
        "ran so far: lookup",
        "with a yes of the program alone: 1 call waits",
        "with the signature of a person: You have it back.",
        "ran: lookup refund",
    ]


def test_the_langchain_example_is_short() -> None:
    """It is under sixty lines, so that it can be read at a glance."""
    assert len(EXAMPLE.read_text().splitlines()) < 60
