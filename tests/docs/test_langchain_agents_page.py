# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the page about LangChain show an agent that runs, pauses and is resumed?"""

import re
from pathlib import Path
from typing import Any

import pytest
from langchain_openai.chat_models import _client_utils

from agentguard.config import starter
from agentguard.signing import new_key
from agentguard.testing import Answer, LoopbackProvider, ToolRequest

PAGE = (Path(__file__).parents[2] / "docs" / "langchain.md").read_text(encoding="utf-8")
LARGE = {"order": "ORD-00012345", "amount": 400, "to": "jane.doe@customers.example"}


def test_the_agent_of_the_langchain_page_runs_and_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small refund is made, a large one waits, and resuming alone lets it wait on."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    code = "".join(each for each in blocks if "InMemoryVectorStore" not in each)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agentguard.toml").write_text(starter(new_key()[1]))
    page: dict[str, Any] = {}
    with LoopbackProvider() as provider:
        monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
        exec(compile(code, "langchain.md", "exec"), page)  # noqa: S102 - our page
        calls = [ToolRequest("refund", {**LARGE, "amount": each}) for each in (40, 400)]
        provider.script([*(Answer(tool_calls=(each,)) for each in calls), Answer(content="done")])
        said = {"messages": [{"role": "user", "content": "my money back"}]}
        paused = page["serve"](said, "conv-17")
        assert paused["messages"][-2].content == f"refunded 40 for ORD-00012345 to {LARGE['to']}"
        (waiting,) = paused["__interrupt__"]
        assert page["resume"]("conv-17")["__interrupt__"][0].value == waiting.value
        assert waiting.value["tool"] == "refund"
        page["llm"].root_client.close()
        page["guard"].close()
        # LangChain keeps its HTTP clients, with what is open in them, until the process ends.
        _client_utils._cached_sync_httpx_client.cache_clear()
