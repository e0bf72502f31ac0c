# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a run of a guarded agent begin, and what may come with it?

The SDK's runner is asked to hand every run to this one, which prepares those of guarded agents and
leaves all others alone: models and providers of the run's configuration are guarded, traces carry
no content, memories that speak to the provider do so through guarded clients, and callbacks that
would see prompts are refused as the policy says. A guarded agent takes part in no other run.

INVARIANT: no content reaches an exporter of traces
(tests/attacks/frameworks/test_openai_agents_traces.py).
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from agents import Agent, Model, ModelProvider, RunConfig, RunState, _debug
from agents.lifecycle import AgentHooksBase, RunHooksBase
from agents.memory import OpenAIConversationsSession, OpenAIResponsesCompactionSession
from agents.run import AgentRunner, get_default_agent_runner, set_default_agent_runner
from agents.tracing import FunctionSpanData, get_current_span
from agents.tracing.spans import NoOpSpan

from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.openai_agents.models import guard_model, guard_provider
from agentguard.integrations.openai_agents.parts import part_of
from agentguard.tools import full_name, objection_to_observer

# What OPENAI_AGENTS_DONT_LOG_MODEL_DATA=0 has log prompts and results.
LOGGER = "agents.logger"
_SILENT = (RunHooksBase, AgentHooksBase)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of guarded agents.

    Attributes:
        enforcer: takes its calls through the guard.
        model: the model of the run's configuration, None for those of the agents.
        provider: gives models by name, guarded ones.
    """

    enforcer: Enforcer
    model: str | Model | None
    provider: ModelProvider


_RUN: ContextVar[Run | None] = ContextVar("agentguard_agents_run", default=None)


def current_run(enforcer: Enforcer) -> Run:
    """Return the run in which the code runs.

    Raises:
        UnguardedPath: it is in no run that was prepared for this guard.
    """
    run = _RUN.get()
    if run is None or run.enforcer is not enforcer:
        raise UnguardedPath(
            "this run was not begun by the guard's runner",
            remedy="run the agent that guard.wrap returned with agents.Runner, and set no other"
            " default runner after it",
        )
    return run


def keep_from_trace(config: object) -> None:
    """Keep what a guarded tool gets and returns from the trace of a run that is not guarded."""
    span = get_current_span()
    if isinstance(config, RunConfig):
        config.trace_include_sensitive_data = False
    if span is not None and isinstance(span.span_data, FunctionSpanData):
        span.span_data.input = None


def require_no_trace(enforcer: Enforcer) -> None:
    """Refuse a call of a server whose result the SDK would put into a trace.

    Raises:
        UnguardedPath: the run is not one of a guarded agent, and is traced.
    """
    span, run = get_current_span(), _RUN.get()
    if span is None or isinstance(span, NoOpSpan) or (run and run.enforcer is enforcer):
        return
    if isinstance(span.span_data, FunctionSpanData):
        require_known(span.span_data, enforcer)


class GuardingRunner(AgentRunner):
    """Prepares the runs of guarded agents, and has the runner before it run them."""

    def __init__(self, runner: AgentRunner) -> None:
        """Stand before a runner."""
        super().__init__()
        self._runner = runner

    async def run(self, starting_agent: Agent[Any], input: Any, **options: Any) -> Any:  # noqa: A002 - the SDK's name
        """Run an agent."""
        with _prepared(starting_agent, input, options) as prepared:
            return await self._runner.run(starting_agent, input, **prepared)

    def run_sync(self, starting_agent: Agent[Any], input: Any, **options: Any) -> Any:  # noqa: A002 - as above
        """Run an agent from code without a loop."""
        with _prepared(starting_agent, input, options) as prepared:
            return self._runner.run_sync(starting_agent, input, **prepared)

    def run_streamed(self, starting_agent: Agent[Any], input: Any, **options: Any) -> Any:  # noqa: A002 - as above
        """Run an agent and give its events."""
        with _prepared(starting_agent, input, options) as prepared:
            return self._runner.run_streamed(starting_agent, input, **prepared)


def stand_before_the_runner() -> None:
    """Have every run of the SDK come by here."""
    runner = get_default_agent_runner()
    if not isinstance(runner, GuardingRunner):
        set_default_agent_runner(GuardingRunner(runner))


@contextmanager
def _prepared(agent: Agent[Any], begun: object, options: dict[str, Any]) -> Iterator[Any]:
    part = part_of(agent)
    if part is None or part.wrap_client is None:
        with _in_run(None):
            yield options
        return
    enforcer, wrap_client = part.holder(), part.wrap_client
    if enforcer is None:
        raise UnguardedPath("the guard of this agent is gone")
    _require_own_state(begun, enforcer)
    config = _config(options.get("run_config"))
    require_known(options.get("hooks"), enforcer)
    if not (_debug.DONT_LOG_MODEL_DATA and _debug.DONT_LOG_TOOL_DATA):
        _require_known_name(LOGGER, enforcer)
    guard_memory(options.get("session"), wrap_client)
    model = config.model
    if isinstance(model, Model):
        model = guard_model(model, enforcer, wrap_client)
    provider = guard_provider(config.model_provider, enforcer, wrap_client)
    quiet = dataclasses.replace(config, model=None, trace_include_sensitive_data=False)
    with _in_run(Run(enforcer=enforcer, model=model, provider=provider)):
        yield {**options, "run_config": quiet}


@contextmanager
def _in_run(run: Run | None) -> Iterator[None]:
    token = _RUN.set(run)
    try:
        yield
    finally:
        _RUN.reset(token)


def _config(given: object) -> RunConfig:
    """Return the configuration of a run.

    Raises:
        ConfigError: it has a sandbox, in which tools run past the guard.
    """
    config = RunConfig(**given) if isinstance(given, dict) else given
    if config is None:
        return RunConfig()
    if not isinstance(config, RunConfig):
        raise ConfigError(f"{type(config).__name__} is no RunConfig")
    if config.sandbox is not None:
        raise ConfigError("tools of a sandbox run past the guard: leave sandbox= out of RunConfig")
    return config


def _require_own_state(begun: object, enforcer: Enforcer) -> None:
    if not isinstance(begun, RunState):
        return
    current = begun._current_agent  # noqa: SLF001 - the agent that the run would go on with
    if current is not None and part_of(current, enforcer) is None:
        raise ConfigError(
            "the state is one of an agent that is not guarded: make it with"
            " RunState.from_json(guarded_agent, ...) or from the result of a guarded run"
        )


def require_known(hooks: object, enforcer: Enforcer) -> None:
    """Refuse callbacks that would see prompts and results, unless the policy knows them.

    Raises:
        UnguardedPath: it does not.
    """
    kind = type(hooks)
    if hooks is not None and kind not in _SILENT:
        _require_known_name(full_name(kind), enforcer)


def _require_known_name(name: str, enforcer: Enforcer) -> None:
    error = objection_to_observer(enforcer, name)
    if error is not None:
        raise error


def guard_memory(session: object, wrap_client: Callable[[Any], Any]) -> None:
    """Guard the client of a memory that keeps a conversation at the provider."""
    if isinstance(session, OpenAIConversationsSession):
        wrap_client(session._openai_client)  # noqa: SLF001 - the guard belongs there
    if isinstance(session, OpenAIResponsesCompactionSession):
        wrap_client(session.client)
    below = getattr(session, "underlying_session", None)
    if below is not None:
        guard_memory(below, wrap_client)
