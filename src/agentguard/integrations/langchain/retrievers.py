# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a retriever of LangChain guarded?

As a tool of the policy: its name is the retriever's, its one argument is ``query``, and the
documents are what it returns, so that they are labelled, heard and redacted like any result. How
a retriever finds documents is its own: settings such as the filter of a vector store belong to it
and are no arguments.

INVARIANT: documents come from nowhere but a call that the guard decided
(tests/frameworks/langchain/test_langchain_retrievers.py).
"""

from collections.abc import Mapping
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import ensure_config
from pydantic import PrivateAttr

from agentguard.errors import ConfigError, ContentRefused
from agentguard.integrations.langchain import observers
from agentguard.tools import DescribedTool, Description, Wrapping, made_of_checked
from agentguard.vocabulary import Boundary

_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"query": {"type": "string"}},
    "required": ["query"],
    "additionalProperties": False,
}
# What LangChain itself hands to ``invoke`` beside the query; none of it reaches the search.
_OF_THE_RUN = frozenset({"run_id", "verbose"})


class _Passage:
    """A retriever, and the guard before it."""

    def __init__(self, plain: BaseRetriever, wrapping: Wrapping) -> None:
        self.enforcer = wrapping.enforcer
        self.tool = plain.get_name()
        described = DescribedTool(
            Description(tool=self.tool, text="", schema=_SCHEMA, surface=observers.SURFACE),
            wrapping.enforcer,
            asynchronous=False,
        )

        def find(query: str, config: RunnableConfig | None) -> Any:
            return described.call(
                {"query": query},
                lambda decided: [_told(each) for each in plain.invoke(decided["query"], config)],
            )

        async def find_async(query: str, config: RunnableConfig | None) -> Any:
            async def run(decided: dict[str, Any]) -> Any:
                return [_told(each) for each in await plain.ainvoke(decided["query"], config)]

            return await described.call_async({"query": query}, run)

        # Closures, so that no attribute leads to the retriever itself.
        self.find, self.find_async = find, find_async


class GuardedRetriever(BaseRetriever):
    """A retriever that is a guarded tool; ``guard.wrap`` makes it."""

    _passage: _Passage = PrivateAttr()

    def invoke(
        self,
        input: str,  # noqa: A002 - LangChain's name for it
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Find documents, as far as the guard lets whoever acts find them.

        Raises:
            AgentGuardError: see ``pipeline.guarded_call``.
        """
        self._refuse_settings(kwargs)
        observers.check(
            self._passage.enforcer,
            ensure_config(config).get("callbacks"),
            verbose=bool(kwargs.get("verbose", False)),
            boundary=Boundary.TOOL,
            target=self._passage.tool,
        )
        return _documents(self._passage.tool, self._passage.find(input, config))

    async def ainvoke(
        self,
        input: str,  # noqa: A002 - LangChain's name for it
        config: RunnableConfig | None = None,
        **kwargs: Any,
    ) -> list[Document]:
        """Do what ``invoke`` does, for code that awaits."""
        self._refuse_settings(kwargs)
        await observers.check_async(
            self._passage.enforcer,
            ensure_config(config).get("callbacks"),
            verbose=bool(kwargs.get("verbose", False)),
            boundary=Boundary.TOOL,
            target=self._passage.tool,
        )
        return _documents(self._passage.tool, await self._passage.find_async(input, config))

    def _get_relevant_documents(
        self,
        query: str,
        *,
        run_manager: CallbackManagerForRetrieverRun,  # noqa: ARG002 - LangChain hands it over
    ) -> list[Document]:
        return self.invoke(query)

    async def _aget_relevant_documents(
        self,
        query: str,
        *,
        run_manager: AsyncCallbackManagerForRetrieverRun,  # noqa: ARG002 - as above
    ) -> list[Document]:
        return await self.ainvoke(query)

    def _refuse_settings(self, given: Mapping[str, Any]) -> None:
        if not _OF_THE_RUN.issuperset(given):
            raise ContentRefused(
                f"retriever {self._passage.tool!r} is given more than a query",
                remedy="set it on the retriever itself, such as in search_kwargs, and wrap that",
            )


def guarded_retriever(retriever: BaseRetriever, wrapping: Wrapping) -> BaseRetriever:
    """Return a new retriever that takes every search through the guard.

    Raises:
        ConfigError: the policy has no tool of the retriever's name, or another guard has it.
    """
    if isinstance(retriever, GuardedRetriever):
        if retriever._passage.enforcer is not wrapping.enforcer:  # noqa: SLF001 - our own class
            raise ConfigError(f"retriever {retriever.name!r} is guarded by another guard already")
        return retriever
    passage = _Passage(retriever, wrapping)
    found = GuardedRetriever(name=passage.tool)
    found._passage = passage  # noqa: SLF001 - our own class
    return found


def _told(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "page_content": document.page_content,
        "metadata": dict(document.metadata),
    }


def _documents(tool: str, checked: Any) -> list[Document]:
    return made_of_checked(tool, lambda: [Document(**each) for each in checked])
