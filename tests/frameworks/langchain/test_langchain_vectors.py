# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does every text that LangChain embeds pass the guard?"""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.vectorstores import InMemoryVectorStore
from langchain_openai import OpenAIEmbeddings

from agentguard import ConfigError, ContentRefused, Guard, IdentityRequired
from agentguard.testing import LoopbackProvider

MAIL = "jane.doe@customers.example"
Drive = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture
def made(lc_provider: LoopbackProvider, lc_closed: Callable[[Any], Any]) -> Any:
    """Plain embeddings before the provider, which send texts and no numbers for them."""
    key: Any = "not-a-key"
    return lc_closed(
        OpenAIEmbeddings(
            model="text-embedding-3-small",
            base_url=lc_provider.base_url,
            api_key=key,
            check_embedding_ctx_length=False,
        )
    )


WAYS: dict[str, Callable[[Any, Drive], Any]] = {
    "embed_documents": lambda made, _: made.embed_documents([MAIL, "another"]),
    "embed_query": lambda made, _: made.embed_query(MAIL),
    "aembed_documents": lambda made, drive: drive(made.aembed_documents([MAIL])),
    "aembed_query": lambda made, drive: drive(made.aembed_query(MAIL)),
    "in a store": lambda made, _: InMemoryVectorStore(made).add_texts([MAIL]),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_embed_passes_the_guard(
    way: str, made: Any, lc_guard: Guard, lc_provider: LoopbackProvider, drive: Drive
) -> None:
    """What the policy hides reaches no provider of vectors, and nobody embeds without a name."""
    assert lc_guard.wrap(made) is made
    assert lc_guard.wrap(made) is made
    sent = len(lc_provider.journal)
    with pytest.raises(IdentityRequired):
        WAYS[way](made, drive)
    assert len(lc_provider.journal) == sent
    with lc_guard.identity("agent:a"):
        assert WAYS[way](made, drive)
    assert len(lc_provider.journal) == sent + 1
    assert lc_provider.saw(MAIL) == ()


def test_an_identity_can_be_bound_to_embeddings(made: Any, lc_guard: Guard) -> None:
    """Embeddings that carry an identity need no block."""
    assert lc_guard.wrap(made, identity="agent:a").embed_query("hello")


def test_embeddings_of_an_unknown_provider_are_refused(
    lc_guard: Guard, lc_guard_of: Callable[[str], Guard]
) -> None:
    """Where nothing is known of the client, no word of the policy lets texts go there."""
    warned = lc_guard_of('[coverage]\npartial = "warn"\n')
    for guard in (lc_guard, warned):
        with pytest.raises(ConfigError, match="DeterministicFakeEmbedding cannot be guarded"):
            guard.wrap(DeterministicFakeEmbedding(size=4))


def test_embeddings_that_would_send_numbers_for_texts_are_refused(
    made: Any, lc_guard: Guard
) -> None:
    """Token ids say nothing to the guard, so the setting that sends them is refused by name."""
    numbers = made.model_copy(update={"check_embedding_ctx_length": True})
    with pytest.raises(ConfigError, match="check_embedding_ctx_length=False"):
        lc_guard.wrap(numbers)
    lc_guard.wrap(made)
    with lc_guard.identity("agent:a"), pytest.raises(ContentRefused, match="token ids"):
        made.client.create(model="text-embedding-3-small", input=[[1, 2, 3]])
