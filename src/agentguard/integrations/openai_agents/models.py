# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do the models of openai-agents come to pass the guard?

A model is guarded through the client that it holds, and tells a trace no content. A provider hands
out guarded models alone. What reaches a provider without such a client is refused with words.

INVARIANT: no model of a guarded agent sends anything through a client that is not guarded
(tests/attacks/frameworks/test_openai_agents_models.py).
"""

from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any, cast

from agents import Model, ModelProvider, ModelTracing
from agents.models.openai_chatcompletions import OpenAIChatCompletionsModel
from agents.models.openai_responses import OpenAIResponsesModel, OpenAIResponsesWSModel

from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError
from agentguard.integrations.openai_agents.parts import Acting, WrapClient, note_part, part_of
from agentguard.tools import full_name, note_partial, require_partial

_KNOWN = (OpenAIResponsesModel, OpenAIChatCompletionsModel)
_INSTEAD = (
    "use OpenAIChatCompletionsModel or OpenAIResponsesModel with openai_client=, whose base_url"
    " may be any compatible server's"
)


def guard_model(model: Model, enforcer: Enforcer, wrap_client: WrapClient) -> Model:
    """Guard a model in place and return it.

    Raises:
        ConfigError: it reaches its provider in a way that cannot be guarded, its kind is not known
            and the policy does not let that pass, or another guard has it.
        TypeError: its client is of a kind that the guard does not know.
    """
    if part_of(model, enforcer) is not None:
        return model
    if isinstance(model, OpenAIResponsesWSModel):
        raise ConfigError(
            "OpenAIResponsesWSModel opens a websocket of its own, past the client: " + _INSTEAD
        )
    kind = type(model)
    if kind not in _KNOWN:
        _require_partial(kind, enforcer)
    _require_client(model, wrap_client)
    if kind not in _KNOWN:
        note_partial(model, enforcer, full_name(kind))
    model.__class__ = _quiet_model(kind)
    model.__dict__[_CLIENT_GUARD] = wrap_client
    note_part(model, Acting(enforcer=enforcer))
    return model


_CLIENT_GUARD = "_agentguard_wrap_client"


def _require_partial(kind: type[Model], enforcer: Enforcer) -> None:
    name = full_name(kind)
    if not issubclass(kind, _KNOWN):
        raise ConfigError(f"{name} holds no client that can be guarded: {_INSTEAD}")
    require_partial(
        enforcer, f"{name} is not known, so it may have ways past its client: {_INSTEAD}"
    )


def _require_client(model: Model, wrap_client: WrapClient) -> None:
    wrap_client(cast("Any", model)._get_client())  # noqa: SLF001 - the guard belongs there


def _without_content(tracing: ModelTracing) -> ModelTracing:
    return ModelTracing.ENABLED_WITHOUT_DATA if tracing.include_data() else tracing


@lru_cache(maxsize=32)
def _quiet_model(base: Any) -> type[Model]:
    """Return a subclass of a model that guards its client at each call and tells traces nothing."""

    async def get_response(self: Any, *given: Any, **named: Any) -> Any:
        _require_client(self, self.__dict__[_CLIENT_GUARD])
        given, named = _quiet(given, named)
        return await base.get_response(self, *given, **named)

    async def stream_response(self: Any, *given: Any, **named: Any) -> AsyncIterator[Any]:
        _require_client(self, self.__dict__[_CLIENT_GUARD])
        given, named = _quiet(given, named)
        async for event in base.stream_response(self, *given, **named):
            yield event

    members = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "get_response": get_response,
        "stream_response": stream_response,
    }
    return type(base.__name__, (base,), members)


_TRACING = 6  # its place among the arguments of a model


def _quiet(given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    if len(given) > _TRACING:
        quiet = _without_content(given[_TRACING])
        return (*given[:_TRACING], quiet, *given[_TRACING + 1 :]), named
    return given, {**named, "tracing": _without_content(named["tracing"])}


def guard_provider(
    provider: ModelProvider, enforcer: Enforcer, wrap_client: WrapClient
) -> ModelProvider:
    """Guard a provider of models in place and return it: it hands out guarded models alone.

    Raises:
        ConfigError: another guard has it.
    """
    if part_of(provider, enforcer) is not None:
        return provider
    kind: Any = type(provider)

    def get_model(self: Any, model_name: str | None) -> Model:
        return guard_model(kind.get_model(self, model_name), enforcer, wrap_client)

    named = {"__module__": kind.__module__, "__qualname__": kind.__qualname__}
    provider.__class__ = type(kind.__name__, (kind,), {**named, "get_model": get_model})
    note_part(provider, Acting(enforcer=enforcer))
    return provider
