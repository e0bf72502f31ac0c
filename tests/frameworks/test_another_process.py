# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a run that waits for a person taken up by a process that knows nothing but what was kept?

The contract takes runs up under a second guard of the same process; here it is another one. This
file is also the program of that process.
"""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agentguard import Guard
from agentguard.testing.contract import Ground, IntegrationContract, Ran
from agentguard.testing.contract.ground import asks_for, prepared, says

ADAPTERS = {
    "langchain": "langchain/test_langchain_contract.py",
    "openai_agents": "openai_agents/test_openai_agents_contract.py",
    "pydantic_ai": "pydantic_ai/test_pydantic_contract.py",
}
REFUND = {"order": "ORD-0001", "amount": 400}
ELSEWHERE_RUNS = ("-W", "error", str(Path(__file__)))


def adapter(framework: str) -> IntegrationContract:
    """Return what runs an agent of a framework, out of the test of its contract."""
    spec = spec_from_file_location(framework, Path(__file__).parent / ADAPTERS[framework])
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    (found,) = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and each.__module__ == framework
        if issubclass(each, IntegrationContract)
    ]
    made: IntegrationContract = found()
    return made


@pytest.mark.parametrize(
    "framework",
    [
        "langchain",
        pytest.param("openai_agents", marks=pytest.mark.nightly),
        pytest.param("pydantic_ai", marks=pytest.mark.nightly),
    ],
)
def test_a_run_is_resumed_in_another_process(tmp_path: Path, framework: str) -> None:
    """What was kept, the store and a name of the session are enough, and the call runs once."""
    integration = adapter(framework)
    with prepared(tmp_path) as ground:
        ground.script(asks_for("refund", **REFUND), says("all done"))
        with ground.acting():
            ran = integration.run(ground, "my money back, please", "sync")
        ground.vote(ran.pending[0])
        kept = {"base_url": ground.base_url, "folder": str(tmp_path), "framework": framework}
        done = subprocess.run(
            [sys.executable, *ELSEWHERE_RUNS],
            input=json.dumps({**kept, "pending": ran.pending, "state": ran.state}),
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout) == {"answer": "all done", "ran": [["refund", REFUND]]}
        with ground.acting():
            again = integration.run(ground, "my money back, please", "sync")
        assert again.pending != ran.pending
        assert ground.effects == []


def resumed(kept: dict[str, Any]) -> dict[str, Any]:
    """Take a run up, and return how it ended and which tools ran for it."""
    # The parts of a ground that its maker has elsewhere: the provider, the approver, the clock.
    ground = object.__new__(Ground)
    ground.folder, ground.model, ground.effects = Path(kept["folder"]), "loopback-model", []
    ground.provider = SimpleNamespace(base_url=kept["base_url"])  # type: ignore[assignment]  # all that is asked of it
    with Guard.from_file(ground.folder / "agentguard.toml") as ground.guard, ground.acting():
        ran = Ran(pending=tuple(kept["pending"]), state=kept["state"])
        answer = adapter(kept["framework"]).resume(ground, ran, "sync").answer
    return {"answer": answer, "ran": [[each.tool, each.arguments] for each in ground.effects]}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(resumed(json.load(sys.stdin))))
