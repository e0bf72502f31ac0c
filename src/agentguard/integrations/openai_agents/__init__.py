# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is an agent of the OpenAI Agents SDK guarded?

guarded           what ``guard.wrap`` calls for a tool, a server, a model, a provider or an agent
guarded_agent     the same for an agent whose team members act under identities of their own
approval_request  which approval request does an interruption of a run wait for?

parts    which living parts pass a guard, and who acts in them?
agent    a whole agent, its handoffs included
kinds    which kinds of tools are there, and who decides about each?
tools    function tools
outputs  what a tool returned, as JSON or text
media    images, sound and files in it
servers  MCP servers
models   models and providers of models
runs     how does a run begin, and what may come with it?

It does not guard realtime and voice agents: they speak to the provider on sockets of their own.
"""

from collections.abc import Mapping
from typing import Any

from agents import Agent, FunctionTool, Model, ModelProvider
from agents.mcp import MCPServer

from agentguard.errors import ConfigError
from agentguard.integrations.openai_agents.agent import Team
from agentguard.integrations.openai_agents.approvals import approval_request
from agentguard.integrations.openai_agents.kinds import guard_any_tool
from agentguard.integrations.openai_agents.models import guard_model, guard_provider
from agentguard.integrations.openai_agents.parts import Acting, WrapClient
from agentguard.integrations.openai_agents.runs import stand_before_the_runner
from agentguard.integrations.openai_agents.servers import guard_server
from agentguard.tools import Wrapping, WrapsClients

__all__ = ["approval_request", "guarded", "guarded_agent"]

_SOCKETS = ("agents.realtime", "agents.voice")


def guarded(target: Any, wrapping: Wrapping) -> Any:
    """Return a part of the SDK under the guard; models and providers are guarded in place.

    Args:
        target: a function tool, an MCP server, a model, a provider of models or an agent.
        wrapping: what ``guard.wrap`` was given.

    Raises:
        TypeError: it is of another kind, or cannot be guarded.
        ConfigError: the policy does not know it, or knows it otherwise.
    """
    enforcer, wrap_client = wrapping.enforcer, wrapping.wrap_client
    if isinstance(target, Model):
        return guard_model(target, enforcer, wrap_client)
    if isinstance(target, ModelProvider):
        return guard_provider(target, enforcer, wrap_client)
    if wrapping.carried is not None:
        raise TypeError("identity= goes with a client or a model; agents follow the running code")
    acting = Acting(enforcer=enforcer)
    if isinstance(target, MCPServer):
        return guard_server(target, acting, wrapping.server)
    if type(target).__module__.startswith(_SOCKETS):
        raise TypeError(
            f"{type(target).__name__} speaks to the provider on a socket of its own,"
            " so it cannot be guarded: use agents.Agent"
        )
    if isinstance(target, Agent):
        return _team(acting, wrap_client, {}).guard(target)
    if isinstance(target, FunctionTool) or hasattr(target, "name"):
        return guard_any_tool(target, acting)
    raise TypeError(f"objects of type {type(target).__name__} cannot be guarded")


def guarded_agent(
    guard: WrapsClients, agent: Agent[Any], *, identities: Mapping[str, str]
) -> Agent[Any]:
    """Return a guarded agent whose team members act under identities of their own.

    Inside a run, an agent that is named here acts as its identity beside the one that is bound
    around the run, so that both must be allowed what it does. An agent that is not named acts as
    the one around alone.

    Args:
        guard: the guard.
        agent: the agent that a run begins with.
        identities: ids of the policy by the names of agents, such as
            ``{"Billing": "agent:billing"}``.

    Raises:
        TypeError: an agent cannot be guarded.
        ConfigError: the policy does not know a part, or no agent has a name that is given.
        IdentityRequired: an id is malformed.
    """
    for identity in identities.values():
        guard.enforcer.identities.block(identity)
    team = _team(Acting(enforcer=guard.enforcer), guard.wrap, identities)
    made = team.guard(agent)
    strangers = sorted(identities.keys() - team.names)
    if strangers:
        raise ConfigError(f"no agent of the team is named {strangers[0]!r}")
    return made


def _team(acting: Acting, wrap_client: WrapClient, identities: Mapping[str, str]) -> Team:
    stand_before_the_runner()
    return Team(acting, wrap_client, dict(identities))
