# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the example of LiteLLM show what is sent, and what cannot be had?"""

import runpy
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "litellm_facade.py"

pytest.importorskip(
    "litellm", reason="LiteLLM needs openai < 3, so it is tested in an environment of its own"
)


@pytest.mark.filterwarnings("ignore")  # LiteLLM and what it is made of warn of themselves
def test_the_litellm_example_runs_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    """Three calls are answered, three refused, and the provider sees no address."""
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    whole, streamed, embedded, option, model, function, seen = capsys.readouterr().out.splitlines()
    assert (whole, streamed, embedded) == ("whole: Hello.", "streamed: Hello.", "embedded: 1")
    assert option.startswith("refused: completion() of the guarded LiteLLM does not take api_base")
    assert model.startswith("refused: LiteLLM would ask another provider")
    assert function.startswith("refused: litellm.responses does not send with a client")
    assert seen == "the provider saw the address: False"
