# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the example of LiteLLM show what is sent, and what cannot be had?"""

import runpy
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "litellm_facade.py"

ELSEWHERE = "LiteLLM needs openai < 3, so it is tested in an environment of its own"


@pytest.mark.skipif(find_spec("litellm") is None, reason=ELSEWHERE)
@pytest.mark.filterwarnings("ignore")  # LiteLLM and what it is made of warn of themselves
def test_the_litellm_example_runs_as_it_stands(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three calls are answered, three refused, and the provider sees no address."""
    # LiteLLM would fetch a list of prices otherwise.
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    whole, streamed, embedded, option, model, function, seen = capsys.readouterr().out.splitlines()
    assert (whole, streamed, embedded) == ("whole: Hello.", "streamed: Hello.", "embedded: 1")
    assert option.startswith("refused: completion() of the guarded LiteLLM does not take api_base")
    assert model.startswith("refused: LiteLLM would ask another provider")
    assert function.startswith("refused: litellm.responses does not send with a client")
    assert seen == "the provider saw the address: False"
