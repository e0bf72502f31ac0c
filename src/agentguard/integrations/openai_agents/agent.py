# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a whole agent guarded, with everything in it and everybody that it hands over to?

INVARIANT: an agent into which something unguarded was put afterwards does not run
(tests/attacks/frameworks/test_openai_agents_paths.py).
"""

import copy
import dataclasses
import weakref
from collections.abc import AsyncIterator, Mapping
from typing import Any

from agents import Agent, Handoff, Model, RunContextWrapper, Tool, handoff
from agents.mcp import MCPServer

from agentguard.errors import AgentGuardError, ConfigError, UnguardedPath
from agentguard.integrations.openai_agents.kinds import guard_any_tool, require_guarded_tool
from agentguard.integrations.openai_agents.models import guard_model
from agentguard.integrations.openai_agents.parts import (
    Acting,
    WrapClient,
    ends_run,
    note_part,
    part_of,
)
from agentguard.integrations.openai_agents.runs import current_run, require_known
from agentguard.integrations.openai_agents.servers import guard_server, serving
from agentguard.integrations.openai_agents.tools import SURFACE
from agentguard.tools import DescribedTool, Description, arguments_of

_CLONED = "_agentguard_cloned"


class AgentModel(Model):
    """The model of one guarded agent, whichever the run says it is."""

    def __init__(self, own: str | Model | None, acting: Acting) -> None:
        """Speak to a model as the agent.

        Args:
            own: the agent's own one, guarded, or its name.
            acting: who acts.
        """
        self._own = own
        self._acting = acting

    async def get_response(self, *given: Any, **named: Any) -> Any:
        """Get a response as whoever acts in the agent."""
        model = self._resolved()
        with self._acting.block():
            return await model.get_response(*given, **named)

    async def stream_response(self, *given: Any, **named: Any) -> AsyncIterator[Any]:
        """Stream a response; the block is around each step, and never around the reader's code."""
        stream = aiter(self._resolved().stream_response(*given, **named))
        try:
            while True:
                with self._acting.block():
                    try:
                        event = await anext(stream)
                    except StopAsyncIteration:
                        return
                yield event
        finally:
            close = getattr(stream, "aclose", None)
            if close is not None:
                await close()

    def get_retry_advice(self, request: Any) -> Any:
        """Ask the model that speaks."""
        return self._resolved().get_retry_advice(request)

    def _resolved(self) -> Model:
        run = current_run(self._acting.enforcer)
        wanted = self._own if run.model is None else run.model
        found = wanted if isinstance(wanted, Model) else run.provider.get_model(wanted)
        if part_of(found, self._acting.enforcer) is None:
            raise UnguardedPath("a model was put into the guarded agent afterwards")
        return found


class GuardedAgent(Agent[Any]):
    """An agent of which every part passes the guard."""

    async def get_all_tools(self, run_context: RunContextWrapper[Any]) -> list[Tool]:
        """Return the tools that whoever acts may be shown.

        Raises:
            UnguardedPath: something unguarded was put into the agent.
        """
        acting = _acting_of(self)
        _require_whole(self, acting)
        with acting.block():
            return await super().get_all_tools(run_context)

    async def get_mcp_tools(self, run_context: RunContextWrapper[Any]) -> list[Tool]:
        """Return the tools of the servers that may be used."""
        acting = _acting_of(self)
        found = await super().get_mcp_tools(run_context)
        return [serving(tool, self.mcp_servers, acting) for tool in found]

    async def get_system_prompt(self, run_context: RunContextWrapper[Any]) -> str | None:
        """Return the instructions, which every turn begins with.

        Raises:
            UnguardedPath: something unguarded was put into the agent, or nobody prepared the run.
        """
        acting = _acting_of(self)
        current_run(acting.enforcer)
        _require_whole(self, acting)
        return await super().get_system_prompt(run_context)

    def clone(self, **kwargs: Any) -> Agent[Any]:
        """Return a copy with other parts, each of them guarded."""
        _acting_of(self)
        made: Agent[Any] = self.__dict__[_CLONED]({**_fields(self), **kwargs})
        return made


class Team:
    """Agents that hand over to one another, each guarded once."""

    def __init__(
        self, acting: Acting, wrap_client: WrapClient, identities: Mapping[str, str]
    ) -> None:
        """Guard agents under names of their own.

        Args:
            acting: the guard.
            wrap_client: guards a client of a provider's SDK.
            identities: identities of the policy by the names of agents.
        """
        self.acting = acting
        self.wrap_client = wrap_client
        self.identities = identities
        self._members: dict[int, tuple[Agent[Any], Agent[Any]]] = {}

    @property
    def names(self) -> frozenset[str]:
        """The names of the agents of the team."""
        return frozenset(plain.name for plain, _ in self._members.values())

    def guard(self, agent: Agent[Any]) -> Agent[Any]:
        """Return an agent whose every part passes the guard.

        Raises:
            TypeError: it is no plain agent, or holds what cannot be guarded.
            ConfigError: the policy does not know a part of it, or another guard has one.
            UnguardedPath: its callbacks would see prompts.
        """
        if part_of(agent, self.acting.enforcer) is not None:
            return agent
        if id(agent) in self._members:
            return self._members[id(agent)][1]
        if type(agent) is not Agent:
            raise TypeError(
                f"{type(agent).__name__} may run what the guard does not see: use agents.Agent"
            )
        require_known(agent.hooks, self.acting.enforcer)
        acting = dataclasses.replace(self.acting, identity=self.identities.get(agent.name))
        fields = _fields(agent)
        fields["model"] = self._model(agent.model, acting)
        fields["tools"] = [guard_any_tool(tool, acting) for tool in agent.tools]
        fields["mcp_servers"] = [guard_server(each, acting) for each in agent.mcp_servers]
        made = GuardedAgent(**{**fields, "handoffs": []})
        made.model_settings = agent.model_settings  # not those that the SDK gives to other models
        self._members[id(agent)] = (agent, made)
        made.handoffs = [self._handoff(each, acting) for each in agent.handoffs]
        note_part(made, acting, wrap_client=self.wrap_client)

        def cloned(fields: dict[str, Any]) -> Agent[Any]:
            return self._again(fields)

        # A function, since no attribute may lead from an agent to what it was made of.
        made.__dict__[_CLONED] = cloned
        return made

    def _again(self, fields: dict[str, Any]) -> Agent[Any]:
        return Team(self.acting, self.wrap_client, self.identities).guard(Agent(**fields))

    def _model(self, model: str | Model | None, acting: Acting) -> AgentModel:
        if isinstance(model, AgentModel):
            part_of(model, acting.enforcer)
            return model
        if isinstance(model, Model):
            model = guard_model(model, acting.enforcer, self.wrap_client)
        made = AgentModel(model, acting)
        note_part(made, acting)
        return made

    def _handoff(self, item: Any, acting: Acting) -> Any:
        if isinstance(item, Agent):
            if Handoff.default_tool_name(item) not in acting.enforcer.core.policy.tools:
                return self.guard(item)
            item = handoff(item)
        if part_of(item, acting.enforcer) is not None:
            return item
        if type(item) is not Handoff:
            raise TypeError(f"handoffs of type {type(item).__name__} cannot be guarded")
        target = None if item._agent_ref is None else item._agent_ref()  # noqa: SLF001 - no other way
        made = copy.copy(item)
        if isinstance(target, Agent):
            made._agent_ref = weakref.ref(self.guard(target))  # noqa: SLF001 - as above
        made.on_invoke_handoff = self._handing_over(item, acting)
        note_part(made, acting, invoked=made.on_invoke_handoff)
        return made

    def _handing_over(self, item: Handoff[Any, Any], acting: Acting) -> Any:
        """Return what hands over to a member of the team, decided where the policy has it."""
        described = _described(item, acting)
        plain = item.on_invoke_handoff

        async def transfer(context: RunContextWrapper[Any], text: str) -> Agent[Any]:
            return self._member(await plain(context, text))

        async def decided(context: RunContextWrapper[Any], text: str) -> Agent[Any]:
            reached: list[Agent[Any]] = []

            async def run(_: dict[str, Any]) -> str:
                reached.append(await transfer(context, text))
                return "handed over"

            try:
                with acting.block():
                    await described.call_async(arguments_of(text, item.tool_name), run)  # type: ignore[union-attr]  # where it is one
            except AgentGuardError as error:
                raise ends_run(error) from None
            return reached[0]

        return transfer if described is None else decided

    def _member(self, agent: object) -> Agent[Any]:
        known = self._members.get(id(agent))
        if known is not None and known[0] is agent:
            return known[1]
        if isinstance(agent, GuardedAgent) and part_of(agent, self.acting.enforcer) is not None:
            return agent
        raise ends_run(
            UnguardedPath(
                "a handoff leads to an agent that is not guarded",
                remedy="name it among the handoffs of an agent that guard.wrap is given",
            )
        )


def _described(item: Handoff[Any, Any], acting: Acting) -> DescribedTool | None:
    """Return a handoff as the tool that the policy declares it to be, None where it does not.

    Raises:
        ConfigError: it takes arguments, and nothing in the policy says of them.
    """
    name = item.tool_name
    if name not in acting.enforcer.core.policy.tools:
        if item.input_json_schema.get("properties"):
            raise ConfigError(
                f"handoff {name!r} runs code with arguments that a model writes:"
                " declare it in a [[tool]] table"
            )
        return None
    description = Description(
        tool=name, text=item.tool_description, schema=item.input_json_schema, surface=SURFACE
    )
    return DescribedTool(description, acting.enforcer, asynchronous=True)


def _fields(agent: Agent[Any]) -> dict[str, Any]:
    return {each.name: getattr(agent, each.name) for each in dataclasses.fields(Agent)}


def _acting_of(agent: Agent[Any]) -> Acting:
    part = part_of(agent)
    enforcer = None if part is None else part.holder()
    if part is None or enforcer is None:
        raise UnguardedPath(
            "this copy of a guarded agent is not guarded", remedy="use agent.clone(...)"
        )
    return Acting(enforcer=enforcer, identity=part.identity)


def _require_whole(agent: Agent[Any], acting: Acting) -> None:
    """Refuse an agent into which something unguarded was put."""
    require_known(agent.hooks, acting.enforcer)
    for tool in agent.tools:
        require_guarded_tool(tool, acting.enforcer)
    held: list[object] = [agent.model, *agent.mcp_servers, *agent.handoffs]
    for each in held:
        if _is_whole(each, acting):
            continue
        raise UnguardedPath(
            f"a {type(each).__name__} was put into the guarded agent afterwards",
            remedy="put it into the agent that guard.wrap is given, or use agent.clone(...)",
        )


def _is_whole(held: object, acting: Acting) -> bool:
    if not isinstance(held, AgentModel | MCPServer | Agent | Handoff):
        return False
    part = part_of(held, acting.enforcer)
    if part is not None and isinstance(held, Handoff):
        return part.invoked is held.on_invoke_handoff
    return part is not None
