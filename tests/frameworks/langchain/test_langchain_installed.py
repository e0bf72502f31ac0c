# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does somebody read who installed a part of LangChain alone?"""

import sys

import pytest

from agentguard.integrations import langchain


def test_the_middleware_without_langchain_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """With langchain-core alone, the middleware says which extra brings what it needs."""
    monkeypatch.setitem(sys.modules, "langchain", None)
    monkeypatch.delitem(sys.modules, "langchain.agents", raising=False)
    monkeypatch.delitem(sys.modules, "langchain.agents.middleware", raising=False)
    monkeypatch.delitem(sys.modules, f"{langchain.__name__}.middleware", raising=False)
    with pytest.raises(ImportError, match=r"install agentguard\[langchain-agents\]"):
        _ = langchain.GuardMiddleware
