# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a model of LangChain become a guarded one?

The clients of the provider that it holds are guarded, so that each request of the model passes the
guard once, whichever method makes it. The model keeps its identity as an object; its class becomes
a subclass made on the fly, which keeps hold of the clients and asks who would see a run before
LangChain tells anybody of it. A model whose clients are not known is left to ``unknown``.

INVARIANT: a run that somebody would see whom the policy does not know does not begin
(tests/attacks/frameworks/test_langchain_observed.py).
"""

import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from typing import Any

from langchain_core.callbacks import BaseCallbackManager
from langchain_core.language_models import BaseLanguageModel
from langchain_core.runnables.config import ensure_config

from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.langchain import observers, speakers
from agentguard.integrations.langchain.clients import (
    Slots,
    clients_in,
    guard_clients,
    inherited_slots,
    slot_members,
)
from agentguard.tools import Wrapping

WRAPPING = "__agentguard_wrapping__"


def guarded_model(model: BaseLanguageModel[Any], slots: Slots, wrapping: Wrapping) -> Any:
    """Guard a chat model, or a model of text, in place and return it.

    Args:
        model: the model, of a class that is known.
        slots: where it keeps its clients.
        wrapping: what to guard it with.

    Raises:
        ConfigError: another guard has it.
        TypeError: a client in it is of a class that the guard does not know.
    """
    if is_guarded(model, wrapping):
        return model
    guard_clients(model, slots, wrapping)
    return swapped(model, wrapping, slots, run_members(type(model), wrapping))


def wrapping_of(held: object) -> Wrapping | None:
    """Return what an object is guarded with, None if it is not; a subclass of its class is not."""
    found: Wrapping | None = vars(type(held)).get(WRAPPING)
    return found


def is_guarded(held: Any, wrapping: Wrapping) -> bool:
    """Say whether an object is guarded by this guard already; an identity is bound to its clients.

    Raises:
        ConfigError: it is guarded by another guard, or bound to another identity.
    """
    before = wrapping_of(held)
    if before is None:
        return False
    if before.enforcer is not wrapping.enforcer:
        raise ConfigError("the object is guarded by another guard already")
    clients = clients_in(held)
    if not clients and wrapping.carried not in (None, before.carried):
        raise ConfigError("the object is guarded without this identity already: make another one")
    for client in clients:
        wrapping.wrap_client(client)
    return True


def swapped(
    held: Any, wrapping: Wrapping, slots: Slots | None, members: dict[str, Callable[..., Any]]
) -> Any:
    """Give an object the guarded class made of its own, with these members, and return it."""
    base: Any = type(held)
    namespace: dict[str, Any] = {
        "__module__": base.__module__,
        "__qualname__": base.__qualname__,
        "__doc__": base.__doc__,
        **members,
    }
    if hasattr(base, "model_config"):
        namespace["model_config"] = {"defer_build": True}
    guarded = type(base)(base.__name__, (base,), namespace)
    # Not in the namespace, where pydantic would take them for fields.
    slot = {} if slots is None else slot_members(base, slots, wrapping)
    for name, member in (*slot.items(), (WRAPPING, wrapping)):
        type.__setattr__(guarded, name, member)
    object.__setattr__(held, "__class__", guarded)
    return held


def run_members(base: Any, wrapping: Wrapping) -> dict[str, Callable[..., Any]]:
    """Return the members that ask who would see a run, for every way to begin one."""
    members: dict[str, Callable[..., Any]] = {
        **_whole_runs(base, wrapping),
        **_streamed_runs(base, wrapping),
        **_event_runs(base, wrapping),
    }
    slots = inherited_slots(base)
    if slots is not None and slots.fetches:
        members["get_num_tokens_from_messages"] = _counting(base)
    found = {name: member for name, member in members.items() if hasattr(base, name)}
    return {name: functools.wraps(getattr(base, name))(each) for name, each in found.items()}


def _whole_runs(base: Any, wrapping: Wrapping) -> dict[str, Callable[..., Any]]:
    def generate(
        self: Any, batch: Any, stop: Any = None, callbacks: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        error = _objection(self, callbacks, wrapping, cached=True)
        if error is not None:
            observers.refuse(wrapping.enforcer, error, carried=wrapping.carried)
        speakers.hear(batch, wrapping)
        with speakers.block_of(kwargs.get("metadata")):
            return base.generate(self, batch, stop, callbacks, *args, **kwargs)

    async def agenerate(
        self: Any, batch: Any, stop: Any = None, callbacks: Any = None, *args: Any, **kwargs: Any
    ) -> Any:
        error = _objection(self, callbacks, wrapping, cached=True)
        if error is not None:
            await observers.refuse_async(wrapping.enforcer, error, carried=wrapping.carried)
        await speakers.hear_async(batch, wrapping)
        with speakers.block_of(kwargs.get("metadata")):
            return await base.agenerate(self, batch, stop, callbacks, *args, **kwargs)

    return {"generate": generate, "agenerate": agenerate}


def _streamed_runs(base: Any, wrapping: Wrapping) -> dict[str, Callable[..., Any]]:
    def stream(self: Any, given: Any, config: Any = None, **kwargs: Any) -> Iterator[Any]:
        error = _objection(self, ensure_config(config).get("callbacks"), wrapping)
        if error is not None:
            observers.refuse(wrapping.enforcer, error, carried=wrapping.carried)
        speakers.hear(_messages(self, given), wrapping)
        yield from base.stream(self, given, config, **kwargs)

    async def astream(
        self: Any, given: Any, config: Any = None, **kwargs: Any
    ) -> AsyncIterator[Any]:
        error = _objection(self, ensure_config(config).get("callbacks"), wrapping)
        if error is not None:
            await observers.refuse_async(wrapping.enforcer, error, carried=wrapping.carried)
        await speakers.hear_async(_messages(self, given), wrapping)
        async with aclosing(base.astream(self, given, config, **kwargs)) as chunks:
            async for each in chunks:
                yield each

    return {"stream": stream, "astream": astream}


def _event_runs(base: Any, wrapping: Wrapping) -> dict[str, Callable[..., Any]]:
    def events(self: Any, given: Any, config: Any = None, **kwargs: Any) -> Any:
        error = _objection(self, ensure_config(config).get("callbacks"), wrapping)
        if error is not None:
            observers.refuse(wrapping.enforcer, error, carried=wrapping.carried)
        speakers.hear(_messages(self, given), wrapping)
        return base._chat_model_stream_v3(self, given, config, **kwargs)  # noqa: SLF001 - the one way in

    async def aevents(self: Any, given: Any, config: Any = None, **kwargs: Any) -> Any:
        error = _objection(self, ensure_config(config).get("callbacks"), wrapping)
        if error is not None:
            await observers.refuse_async(wrapping.enforcer, error, carried=wrapping.carried)
        await speakers.hear_async(_messages(self, given), wrapping)
        return await base._achat_model_stream_v3(self, given, config, **kwargs)  # noqa: SLF001 - see above

    return {"_chat_model_stream_v3": events, "_achat_model_stream_v3": aevents}


def _messages(model: Any, given: Any) -> Any:
    return model._convert_input(given).to_messages()  # noqa: SLF001 - as LangChain reads it


def _objection(
    model: Any, callbacks: Any, wrapping: Wrapping, *, cached: bool = False
) -> UnguardedPath | None:
    if cached:
        error = observers.objection_to_cache(wrapping.enforcer, model.cache)
        if error is not None:
            return error
    # A model of text takes callbacks for each of its prompts.
    several = isinstance(callbacks, list) and any(
        each is None or isinstance(each, list | BaseCallbackManager) for each in callbacks
    )
    for each in callbacks if several else (callbacks,):
        error = observers.objection(
            wrapping.enforcer, each, model.callbacks, verbose=bool(model.verbose)
        )
        if error is not None:
            return error
    return None


def _counting(base: Any) -> Callable[..., int]:
    """Return what counts tokens without fetching a picture from wherever a message says."""

    def counted(self: Any, messages: Any, tools: Any = None, **kwargs: Any) -> int:
        if kwargs.pop("allow_fetching_images", False):
            raise UnguardedPath(
                "counting tokens would fetch pictures from where the messages say",
                remedy="leave allow_fetching_images out",
            )
        count: int = base.get_num_tokens_from_messages(
            self, messages, tools, allow_fetching_images=False, **kwargs
        )
        return count

    return counted
