# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are the parts of LangChain guarded?

models      chat models and models of text, of which the provider's client is known
clients     the clients that such a model holds, and has yet to make
unknown     models of which it is not
embeddings  what turns texts into vectors
retrievers  what finds documents, which is a tool of the policy
tools       tools and toolkits: tool_inputs, tool_running, tool_results
middleware  what brings the guard into an agent; interrupting pauses it for approvals
observers   callbacks, tracers and caches, which see what the guard would hide
speakers    which words in the user's place are not the user's
"""

from typing import TYPE_CHECKING, Any

from langchain_core.embeddings import Embeddings
from langchain_core.language_models import BaseLanguageModel
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import Runnable, RunnableBinding
from langchain_core.tools import BaseTool, BaseToolkit

from agentguard.tools import Wrapping

if TYPE_CHECKING:
    from agentguard.integrations.langchain.middleware import GuardMiddleware

__all__ = ["GuardMiddleware", "guarded"]


def __getattr__(name: str) -> Any:
    # Agents need more of LangChain than models and tools do.
    if name == "GuardMiddleware":
        try:
            from agentguard.integrations.langchain.middleware import GuardMiddleware
        except ModuleNotFoundError as missing:
            if (missing.name or "").partition(".")[0] not in {"langchain", "langgraph"}:
                raise
            raise ImportError(
                "GuardMiddleware needs langchain: install agentguard[langchain-agents]"
            ) from None
        return GuardMiddleware
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def guarded(target: Any, wrapping: Wrapping) -> Any:
    """Return a part of LangChain under the guard.

    Args:
        target: a model, embeddings, a retriever, a tool or a toolkit, or one of these bound to
            arguments. Models and embeddings are guarded in place.
        wrapping: what to guard it with.

    Raises:
        TypeError: it is something else, such as a chain, whose parts have to be guarded.
        ConfigError: the policy does not know it, or cannot have it guarded in full.
    """
    if isinstance(target, BaseLanguageModel):
        return _model(target, wrapping)
    if isinstance(target, Embeddings):
        from agentguard.integrations.langchain.embeddings import guarded_embeddings

        return guarded_embeddings(target, wrapping)
    if _binds_a_model(target):
        guarded(target.bound, wrapping)
        return target
    if wrapping.carried is not None:
        raise TypeError("identity= goes with a model; tools and retrievers follow the running code")
    if isinstance(target, BaseRetriever):
        from agentguard.integrations.langchain.retrievers import guarded_retriever

        return guarded_retriever(target, wrapping)
    if isinstance(target, BaseTool | BaseToolkit):
        from agentguard.integrations.langchain.tools import guarded_tool

        return guarded_tool(target, wrapping)
    raise TypeError(_why_not(target))


def _binds_a_model(target: Any) -> bool:
    from agentguard.integrations.langchain.clients import is_of_langchain

    return (
        isinstance(target, RunnableBinding)
        and isinstance(target.bound, BaseLanguageModel)
        and is_of_langchain(type(target))
    )


def _model(model: BaseLanguageModel[Any], wrapping: Wrapping) -> Any:
    from agentguard.integrations.langchain.clients import slots_of

    slots = slots_of(type(model))
    if slots is None:
        from agentguard.integrations.langchain.unknown import guarded_in_part

        return guarded_in_part(model, wrapping)
    from agentguard.integrations.langchain.models import guarded_model

    return guarded_model(model, slots, wrapping)


def _why_not(target: object) -> str:
    name = type(target).__name__
    if isinstance(target, Runnable):
        return (
            f"objects of type {name} cannot be guarded as a whole: hand the models, tools and"
            " retrievers in them to guard.wrap, and make the chain or the agent of those; an agent"
            " gets GuardMiddleware(guard) besides"
        )
    return f"objects of type {name} cannot be guarded"
