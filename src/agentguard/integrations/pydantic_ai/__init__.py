# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are the parts of pydantic-ai guarded?

models        the provider clients inside are guarded in place
toolsets      a new set before the original hides tools, and decides each call
tools         the same for one tool
served        tools of an MCP server, by what it says of them
agents        in place, with whatever a run brings along
capabilities  what stands around each run of a guarded agent
deciding      one call of a tool
results       what a tool returned, taken apart and put together
observers     traces that would hold content
"""

from typing import Any

from pydantic_ai import Agent, Tool
from pydantic_ai.agent import AbstractAgent
from pydantic_ai.embeddings import Embedder, EmbeddingModel
from pydantic_ai.images import ImageGenerationModel, ImageGenerator
from pydantic_ai.models import Model
from pydantic_ai.providers import Provider
from pydantic_ai.toolsets import AbstractToolset

from agentguard.integrations.pydantic_ai.agents import guarded_agent
from agentguard.integrations.pydantic_ai.deciding import Gate
from agentguard.integrations.pydantic_ai.models import guarded_model, guarded_provider
from agentguard.integrations.pydantic_ai.tools import guarded_tool
from agentguard.integrations.pydantic_ai.toolsets import guarded_toolset
from agentguard.tools import Wrapping

__all__ = ["guarded"]


def guarded(target: Any, wrapping: Wrapping) -> Any:
    """Return a part of pydantic-ai under the guard.

    Models, providers, embedders and agents are guarded in place and returned; for tools and sets
    of tools new ones are returned.

    Raises:
        TypeError: the guard does not know this part.
        ConfigError: the policy does not know it or knows it otherwise, another guard has it, or
            it sends with a client that the guard does not know.
    """
    gate = Gate(wrapping.enforcer, wrapping.carried)
    if isinstance(target, Agent):
        return guarded_agent(target, wrapping)
    if isinstance(target, Model | EmbeddingModel | ImageGenerationModel):
        return guarded_model(target, wrapping)
    if isinstance(target, Embedder | ImageGenerator):
        guarded_model(_model_of(target), wrapping)
        return target
    if isinstance(target, Provider):
        return guarded_provider(target, wrapping, of=type(target).__name__)
    if isinstance(target, AbstractToolset):
        return guarded_toolset(target, gate)
    if isinstance(target, Tool):
        return guarded_tool(target, gate)
    if isinstance(target, AbstractAgent):
        raise TypeError(
            f"{type(target).__name__} wraps an agent: guard that agent, and wrap it afterwards"
        )
    raise TypeError(f"objects of type {type(target).__name__} cannot be guarded")


def _model_of(target: Embedder | ImageGenerator) -> Any:
    """Return the model that an embedder or a generator of images uses, made of its name if need be.

    Raises:
        TypeError: it has only a name yet.
    """
    if isinstance(target.model, str):
        raise TypeError(f"give {type(target).__name__} a model instead of a name, to be guarded")
    return target.model
