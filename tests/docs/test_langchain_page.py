# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the code on the page about LangChain do what the page says?"""

import re
from pathlib import Path
from typing import Any

import pytest

from agentguard.config import starter
from agentguard.integrations.langchain.clients import KNOWN
from agentguard.integrations.langchain.unknown import DOMAIN
from agentguard.signing import new_key
from agentguard.testing import LoopbackProvider, echo

DECLARED = '[[identity]]\nid = "agent:support"\n'
PAGE = (Path(__file__).parents[2] / "docs" / "langchain.md").read_text(encoding="utf-8")


def test_the_models_and_the_retriever_of_the_langchain_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page's model answers, and its retriever finds what was put into the store."""
    models, retriever = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[:2]
    (tables,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)[:1]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "agentguard.toml").write_text(starter(new_key()[1]) + tables.replace(DECLARED, ""))
    page: dict[str, Any] = {}
    with LoopbackProvider(echo) as provider:
        monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
        monkeypatch.setenv("OPENAI_BASE_URL", provider.base_url)
        exec(compile(models + retriever, "langchain.md", "exec"), page)  # noqa: S102 - our page
        guard = page["guard"]
        assert page["answer"]("hello") == "hello"
        with guard.identity("agent:support", on_behalf_of="user:alice"):
            page["store"].add_texts(["Leave is 30 days."])
            assert [each.page_content for each in page["handbook"].invoke("leave")] == [
                "Leave is 30 days."
            ]
        page["llm"].root_client.close()
        page["vectors"].client._client.close()
        guard.close()


def test_the_langchain_page_names_every_class_that_is_known() -> None:
    """Each model and each kind of embeddings whose clients are known stands on the page."""
    assert [name for name in KNOWN if f"`{name.rpartition('.')[2]}`" not in PAGE] == []
    assert f".{DOMAIN}" in PAGE
