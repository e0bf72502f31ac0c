# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is an agent of pydantic-ai guarded?

In place: the agent keeps its identity as an object and gets a class made on the fly, which puts the
guard's capabilities around every run, whatever model, tools or capabilities the run is given. What
the framework can do with an agent that does not go through a run is refused.

INVARIANT: every run of a guarded agent has the guard's capabilities, and a release of the framework
that lacks what this is done with is refused (tests/attacks/frameworks/test_pydantic_ai_agents.py).
"""

from functools import lru_cache
from typing import Any, NoReturn

from pydantic_ai import Agent
from pydantic_ai.models import infer_model

from agentguard.errors import UnguardedPath
from agentguard.integrations.pydantic_ai.capabilities import Inside, Outside
from agentguard.integrations.pydantic_ai.deciding import Gate
from agentguard.integrations.pydantic_ai.models import guarded_model
from agentguard.integrations.pydantic_ai.observers import without_content
from agentguard.integrations.pydantic_ai.toolsets import guarded_toolset
from agentguard.tools import Wrapping

STATE = "_agentguard_gate"
# Without these the guard would not be asked; a framework that lacks one is not the one we know.
NEEDED = (
    "iter",
    "toolsets",
    "_prepare_run",
    "_resolve_instrumentation_settings",
    "_open_realtime_session",
    "_resolve_realtime_session",
)


def guarded_agent(agent: Agent[Any, Any], wrapping: Wrapping) -> Agent[Any, Any]:
    """Guard an agent and its model in place and return it.

    Raises:
        ConfigError: another guard has it, or the guard does not know what its model sends with.
        TypeError: the framework is of a release that cannot be guarded.
    """
    gate, held = Gate(wrapping.enforcer, wrapping.carried), agent.__dict__.get(STATE)
    if isinstance(held, Gate):
        held.require_same(gate, "the agent")
        return agent
    kind = guarded_class(type(agent))
    # What a capability makes of a name is known in a run, where it is refused unless guarded.
    named = isinstance(agent.model, str) and agent.root_capability.has_resolve_model_id
    if agent.model is not None and not named:
        agent.model = guarded_model(infer_model(agent.model), wrapping)
    agent.__dict__[STATE] = gate
    agent.__class__ = kind
    return agent


@lru_cache(maxsize=32)
def guarded_class(base: Any) -> Any:
    """Return the guarded subclass of a class of agents; one for each class.

    Raises:
        TypeError: the class lacks a method through which the guard would be asked.
    """
    missing = [name for name in NEEDED if not hasattr(base, name)]
    if missing:
        raise TypeError(
            f"this version of pydantic-ai cannot be guarded: {base.__name__} has no {missing[0]}"
        )

    class Guarded(base):  # type: ignore[misc]  # the class is made for whatever class comes
        __doc__ = base.__doc__
        __module__ = base.__module__
        __qualname__ = base.__qualname__

        def iter(self, *args: Any, **options: Any) -> Any:
            """Run the agent under its guard."""
            return super().iter(*args, **_with_guard(self, options))

        async def _prepare_run(self, *args: Any, **options: Any) -> Any:
            # Also reached by ``Agent.iter(agent)``, which passes the method above by.
            return await super()._prepare_run(*args, **_with_guard(self, options))

        def _resolve_instrumentation_settings(self) -> Any:
            settings = super()._resolve_instrumentation_settings()
            return settings and without_content(settings, _gate_of(self).enforcer)

        @property
        def toolsets(self) -> Any:
            """The agent's sets of tools, under its guard."""
            return [guarded_toolset(each, _gate_of(self)) for each in super().toolsets]

        def _resolve_realtime_session(self, *args: Any, **options: Any) -> NoReturn:
            _refuse_realtime(args, options)

        def _open_realtime_session(self, *args: Any, **options: Any) -> NoReturn:
            _refuse_realtime(args, options)

    Guarded.__name__ = base.__name__
    return Guarded


def _gate_of(agent: Any) -> Gate:
    gate = agent.__dict__.get(STATE)
    if not isinstance(gate, Gate):
        raise UnguardedPath(
            "an agent of a guarded class was made without its guard, so it is refused",
            remedy="make a plain agent and wrap it",
        )
    return gate


def _with_guard(agent: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a run with the guard's capabilities among them, once."""
    gate = _gate_of(agent)
    given = list(options.get("capabilities") or ())
    if not any(isinstance(each, Inside) and each.gate is gate for each in given):
        given = [Outside(gate.enforcer), *given, Inside(gate)]
    return {**options, "capabilities": given}


def _refuse_realtime(args: object, options: object) -> NoReturn:
    del args, options
    raise UnguardedPath(
        "a realtime session is a socket of the framework's own, which the guard does not decide",
        remedy="run the agent with run() or run_stream()",
    )
