# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the example of a pydantic-ai agent show what is hidden, refused, asked about and run?"""

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pydantic_ai_agent.py"


def test_the_pydantic_ai_example_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """A tool is hidden, a call refused, and a refund made once, after a person signed."""
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "offered: lookup refund send_mail",
        "the provider saw the address: False",
        "ran so far: lookup",
        "with a yes of the program alone: DeferredToolRequests",
        "with the signature of a person: You have it back.",
        "ran: lookup refund",
    ]
