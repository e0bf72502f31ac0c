# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do embeddings of LangChain become guarded ones?

Like a model whose client is known: the clients are guarded in place, and the class keeps hold of
them. Embeddings tell no observers of what they do. Those whose client is not known are refused,
since nothing says which provider their texts would go to.

INVARIANT: no text is embedded past the guard (tests/frameworks/langchain/test_langchain_vectors.py).
"""

from langchain_core.embeddings import Embeddings

from agentguard.errors import ConfigError
from agentguard.integrations.langchain.clients import guard_clients, slots_of
from agentguard.integrations.langchain.models import is_guarded, swapped
from agentguard.tools import Wrapping, full_name


def guarded_embeddings(embeddings: Embeddings, wrapping: Wrapping) -> Embeddings:
    """Guard embeddings in place and return them.

    Raises:
        ConfigError: another guard has them, the client of their provider is not known, or they
            would send no texts.
    """
    if is_guarded(embeddings, wrapping):
        return embeddings
    slots = slots_of(type(embeddings))
    if slots is None:
        raise ConfigError(
            f"embeddings of class {full_name(type(embeddings))} cannot be guarded, since their"
            " provider's client is not known: use OpenAIEmbeddings or AzureOpenAIEmbeddings, or"
            " guard a function that embeds as a tool"
        )
    if getattr(embeddings, "check_embedding_ctx_length", False):
        raise ConfigError(
            "the embeddings would send the numbers of tokens in the place of texts, which cannot be"
            " inspected: set check_embedding_ctx_length=False, and cut long texts yourself"
        )
    guard_clients(embeddings, slots, wrapping)
    found: Embeddings = swapped(embeddings, wrapping, slots, {})
    return found
