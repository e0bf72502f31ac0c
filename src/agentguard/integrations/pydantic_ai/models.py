# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a model of pydantic-ai guarded?

The client of the provider's SDK inside is guarded in place, so every way to use the model is: runs
of agents, direct requests, streams, counting tokens, batches as far as the client lets the
framework make them. A model whose client the guard does not know is refused. What decides a request is not here.

INVARIANT: a model counts as guarded by what its client is now, never by a mark
(tests/attacks/frameworks/test_pydantic_ai_models.py).
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic_ai.embeddings import EmbeddingModel, WrapperEmbeddingModel
from pydantic_ai.images import ImageGenerationModel, WrapperImageGenerationModel
from pydantic_ai.models import Model
from pydantic_ai.models.fallback import FallbackModel
from pydantic_ai.models.instrumented import InstrumentedModel
from pydantic_ai.models.wrapper import WrapperModel
from pydantic_ai.providers import Provider

from agentguard.clients.guarding import arm
from agentguard.clients.state import STATE, State
from agentguard.enforcement import Enforcer
from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.pydantic_ai.observers import without_content
from agentguard.tools import Wrapping

M = TypeVar("M", bound=Model[Any] | EmbeddingModel | ImageGenerationModel)
AnyModel = Model[Any] | EmbeddingModel | ImageGenerationModel

_WRAPPERS = (WrapperModel, WrapperEmbeddingModel, WrapperImageGenerationModel)


def guarded_model(model: M, wrapping: Wrapping) -> M:
    """Guard in place the clients through which a model sends, and return it.

    Raises:
        ConfigError: the guard does not know what it sends with, or another guard has it.
    """
    for leaf in _leaves(model):
        guarded_provider(_provider_of(leaf), wrapping, of=type(leaf).__name__)
    for wrapper in _instrumented(model):
        settings = without_content(wrapper.instrumentation_settings, wrapping.enforcer)
        wrapper.instrumentation_settings = settings
    return model


def guarded_provider(
    provider: Provider[Any] | None, wrapping: Wrapping, *, of: str
) -> Provider[Any]:
    """Guard in place the client of a provider, and keep it sealed.

    Raises:
        ConfigError: the guard does not know its client, or another guard has it.
    """
    client = None if provider is None else provider.client
    try:
        wrapping.wrap_client(client)
    except TypeError:
        known = False
    else:
        known = provider is not None
    if provider is None or not known:
        raise ConfigError(
            f"{of} sends with no client that the guard knows: use a model whose provider has a"
            " client of the OpenAI or the Anthropic SDK"
        )
    _keep_sealed(provider)
    return provider


def require_guarded(model: Any, enforcer: Enforcer) -> None:
    """Refuse a model that would send something past the guard.

    Raises:
        UnguardedPath: it would, or the guard does not know what it sends with.
    """
    leaves = list(_leaves(model)) if isinstance(model, Model) else [model]
    for leaf in leaves:
        provider = _provider_of(leaf)
        client = None if provider is None else provider.client
        state = getattr(client, "__dict__", {}).get(STATE)
        if not isinstance(state, State) or state.enforcer is not enforcer:
            raise UnguardedPath(
                f"a run would ask a model ({type(leaf).__name__}) that is not guarded by the"
                " guard of its agent",
                remedy="give it guard.wrap(model); a name alone makes a model that is not guarded",
            )


def _leaves(model: AnyModel) -> Iterator[AnyModel]:
    """Yield the models that send by themselves."""
    if isinstance(model, FallbackModel):
        for each in model.models:
            yield from _leaves(each)
    elif isinstance(model, _WRAPPERS):
        yield from _leaves(model.wrapped)
    else:
        yield model


def _instrumented(model: AnyModel) -> Iterator[InstrumentedModel]:
    if isinstance(model, InstrumentedModel):
        yield model
    if isinstance(model, FallbackModel):
        for each in model.models:
            yield from _instrumented(each)
    elif isinstance(model, WrapperModel):
        yield from _instrumented(model.wrapped)


def _provider_of(model: Any) -> Provider[Any] | None:
    """Return what gives a model its client; only models have a public way to it."""
    found = model.provider if isinstance(model, Model) else getattr(model, "_provider", None)
    return found if isinstance(found, Provider) else None


def _keep_sealed(provider: Any) -> None:
    """Seal every HTTP client that the framework gives the provider's client later.

    It does so when a run is on another event loop, or the agent was left before.
    """
    plain = provider._set_http_client  # noqa: SLF001 - the one place where the framework does it
    if isinstance(plain, _Resealing):
        return
    provider._set_http_client = _Resealing(provider.client, plain)  # noqa: SLF001 - see above


class _Resealing:
    """Puts a new HTTP client into a guarded client, and the seal onto it."""

    def __init__(self, client: Any, plain: Any) -> None:
        self._client = client
        self._plain = plain

    def __call__(self, http_client: Any) -> None:
        """Replace the HTTP client."""
        self._plain(http_client)
        arm(self._client, self._client.__dict__[STATE])
