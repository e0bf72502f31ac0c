# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a retriever a tool of the policy, whatever runs it?"""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import create_retriever_tool
from langchain_core.vectorstores import InMemoryVectorStore

from agentguard import (
    ConfigError,
    ContentRefused,
    DeniedByPolicy,
    Guard,
    IdentityRequired,
    UnguardedPath,
)
from agentguard.testing import LoopbackProvider

MAIL = "jane.doe@customers.example"
PROJECT = "operation silver falcon"
Drive = Callable[[Coroutine[Any, Any, Any]], Any]


class Shelf(BaseRetriever):
    """Finds one document, and notes what it was asked for."""

    asked: list[str] = []  # noqa: RUF012 - pydantic copies it for each object

    def _get_relevant_documents(self, query: str, *, run_manager: Any) -> list[Document]:
        self.asked.append(query)
        return [
            Document(
                f"{query}: {PROJECT}, write to {MAIL}",
                id="d1",
                metadata={"about": PROJECT, "page": 3},
            )
        ]


class Watching(BaseCallbackHandler):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen = ""

    def on_retriever_start(self, serialized: Any, query: str, **kwargs: Any) -> None:
        """Keep the query."""
        self.seen += query


WAYS: dict[str, Callable[[Any, Drive], list[Document]]] = {
    "invoke": lambda found, _: found.invoke("leave"),
    "batch": lambda found, _: found.batch(["leave"])[0],
    "stream": lambda found, _: next(iter(found.stream("leave"))),
    "in a chain": lambda found, _: (RunnableLambda(lambda _: "leave") | found).invoke({}),
    "bound": lambda found, _: found.with_config(tags=["t"]).invoke("leave"),
    "ainvoke": lambda found, drive: drive(found.ainvoke("leave")),
    "abatch": lambda found, drive: drive(found.abatch(["leave"]))[0],
    "inside": lambda found, _: found._get_relevant_documents("leave", run_manager=None),
    "inside, async": lambda found, drive: drive(
        found._aget_relevant_documents("leave", run_manager=None)
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_search_is_a_call_of_the_tool(way: str, lc_guard: Guard, drive: Drive) -> None:
    """Documents come back with what the policy hides in them hidden, and with nobody not at all."""
    shelf = Shelf(name="handbook")
    found = lc_guard.wrap(shelf)
    before = sum(each.dispatched for each in lc_guard.enforcer.counts)
    with lc_guard.identity("agent:a"):
        documents = WAYS[way](found, drive)
    assert [each.id for each in documents] == ["d1"]
    assert documents[0].metadata["page"] == 3
    assert PROJECT not in str(documents)
    assert MAIL in documents[0].page_content
    assert sum(each.dispatched for each in lc_guard.enforcer.counts) == before + 1
    shelf.asked.clear()
    with pytest.raises(IdentityRequired):
        WAYS[way](found, drive)
    with lc_guard.identity("agent:other"), pytest.raises(DeniedByPolicy):
        WAYS[way](found, drive)
    assert shelf.asked == []


def test_what_documents_say_is_hidden_from_the_model_and_turned_back_for_the_user(
    lc_guard: Guard, lc_models: Any, lc_provider: LoopbackProvider
) -> None:
    """An address in a document reaches no provider, and stands in the answer again."""
    found, model = lc_guard.wrap(Shelf(name="handbook")), lc_guard.wrap(lc_models("chat"))
    with lc_guard.identity("agent:a"):
        (document,) = found.invoke("leave")
        answer = model.invoke(document.page_content).text
    assert MAIL in answer
    assert lc_provider.saw(MAIL) == ()


def test_the_retriever_itself_is_out_of_reach(lc_guard: Guard) -> None:
    """No attribute of the guarded retriever leads to the one that searches."""
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=4))
    found: Any = lc_guard.wrap(store.as_retriever(name="handbook"))
    for name in ("vectorstore", "search_kwargs", "add_documents"):
        with pytest.raises(AttributeError):
            getattr(found, name)
    held = [*vars(found).values(), *vars(found._passage).values()]
    assert not any(isinstance(each, BaseRetriever) for each in held)
    assert str(store) not in repr(found)


def test_settings_of_a_search_stay_with_the_retriever(lc_guard: Guard) -> None:
    """A run cannot change how a vector store is searched, such as its filter."""
    store = InMemoryVectorStore(DeterministicFakeEmbedding(size=4))
    store.add_documents([Document("mine", id="1"), Document("yours", id="2")])
    mine = store.as_retriever(
        name="handbook", search_kwargs={"filter": lambda each: each.id == "1"}
    )
    found = lc_guard.wrap(mine)
    with lc_guard.identity("agent:a"):
        assert [each.page_content for each in found.invoke("all")] == ["mine"]
        with pytest.raises(ContentRefused, match="more than a query"):
            found.invoke("all", filter=None)


def test_a_tool_made_of_a_guarded_retriever_passes_the_guard(lc_guard: Guard) -> None:
    """What LangChain makes of a guarded retriever asks the guard."""
    tool = create_retriever_tool(lc_guard.wrap(Shelf(name="handbook")), "look", "Look it up.")
    with pytest.raises(IdentityRequired):
        tool.invoke({"query": "leave"})
    with lc_guard.identity("agent:a"):
        assert PROJECT not in str(tool.invoke({"query": "leave"}))


def test_a_retriever_that_the_policy_does_not_know_is_refused(
    lc_guard: Guard, lc_guard_of: Callable[[str], Guard]
) -> None:
    """A retriever needs the name of a tool, and belongs to one guard."""
    with pytest.raises(ConfigError, match="Shelf"):
        lc_guard.wrap(Shelf())
    with pytest.raises(TypeError, match="follow the running code"):
        lc_guard.wrap(Shelf(name="handbook"), identity="agent:a")
    found = lc_guard.wrap(Shelf(name="handbook"))
    assert lc_guard.wrap(found) is found
    with pytest.raises(ConfigError, match="another guard"):
        lc_guard_of("# another").wrap(found)


def test_an_observer_of_a_search_is_refused_before_it_is_told(
    lc_guard: Guard, drive: Drive
) -> None:
    """A callback that the policy does not name sees no query."""
    watching, shelf = Watching(), Shelf(name="handbook")
    found, config = lc_guard.wrap(shelf), {"callbacks": [watching]}
    with lc_guard.identity("agent:a"):
        with pytest.raises(UnguardedPath):
            found.invoke("leave", config)  # type: ignore[arg-type]  # a plain dict will do
        with pytest.raises(UnguardedPath):
            drive(found.ainvoke("leave", config))  # type: ignore[arg-type]  # as above
    assert watching.seen == ""
    assert shelf.asked == []
