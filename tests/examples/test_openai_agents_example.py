# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the example of an agent of openai-agents show what is hidden, refused, asked and run?"""

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "openai_agents_run.py"


def test_the_openai_agents_example_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """A tool is hidden, a call refused, and a refund made once, after a person signed."""
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    assert capsys.readouterr().out.splitlines() == [
        "offered: lookup refund send_mail",
        "the provider saw the address: False",
        "told of the refusal, and no rule: True",
        "ran so far: lookup",
        "with the signature of a person: You have it back.",
        "ran: lookup refund",
    ]


def test_the_openai_agents_example_is_short() -> None:
    """It is under sixty lines, so that it can be read at a glance."""
    assert len(EXAMPLE.read_text().splitlines()) < 60
