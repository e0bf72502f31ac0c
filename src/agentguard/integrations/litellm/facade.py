# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a program use LiteLLM with a guarded client?

The functions of LiteLLM that send with the client they are given. Each is handed a copy of the
guarded client and an address at which nobody is, so that whatever LiteLLM did by itself would
reach nobody. Everything else of LiteLLM is refused by name.

INVARIANT: nothing is sent but by the guarded client, whatever LiteLLM is asked to do
(tests/frameworks/litellm/test_litellm_facade.py).
"""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NoReturn

from agentguard.errors import ConfigError, UnguardedPath
from agentguard.integrations.litellm.options import (
    COMPLETION,
    EMBEDDING,
    as_asked,
    checked,
    litellm,
)
from agentguard.integrations.litellm.watching import Asked, check_surroundings
from agentguard.tools import WrapsClients

ENFORCED = ("acompletion", "aembedding", "completion", "embedding")


class GuardedLiteLLM:
    """LiteLLM's functions that can be guarded, with the clients that they send with."""

    def __init__(
        self, guard: WrapsClients, client: Any = None, *, async_client: Any = None
    ) -> None:
        """Guard the clients in place.

        Args:
            guard: decides what is sent.
            client: an ``OpenAI``, or an ``AsyncOpenAI``.
            async_client: an ``AsyncOpenAI`` beside an ``OpenAI``.

        Raises:
            TypeError: something else, or a client that the guard does not know.
            ConfigError: another guard has a client.
        """
        import openai

        given = [each for each in (client, async_client) if each is not None]
        for each in given:
            if type(each).__name__ not in ("OpenAI", "AsyncOpenAI"):
                raise TypeError(
                    "LiteLLM is guarded with clients of the classes OpenAI and AsyncOpenAI"
                )
        self._enforcer = guard.enforcer
        guarded = [guard.wrap(each) for each in given]
        self._sync = next((each for each in guarded if isinstance(each, openai.OpenAI)), None)
        self._async = next((each for each in guarded if isinstance(each, openai.AsyncOpenAI)), None)

    def completion(self, model: str, messages: list[Any], **options: Any) -> Any:
        """Call ``litellm.completion``; a stream is an iterator of LiteLLM's chunks.

        Raises:
            UnguardedPath: an option could lead round the guard, or LiteLLM did not ask the client.
            AgentGuardError: what the guard says.
        """
        options = checked(
            "completion", model, {**options, "messages": as_asked(messages)}, COMPLETION
        )
        return self._call(litellm.completion, options)

    async def acompletion(self, model: str, messages: list[Any], **options: Any) -> Any:
        """Call ``litellm.acompletion``; a stream is an asynchronous iterator of its chunks.

        Raises:
            UnguardedPath: see ``completion``.
            AgentGuardError: what the guard says.
        """
        options = checked(
            "acompletion", model, {**options, "messages": as_asked(messages)}, COMPLETION
        )
        return await self._call_async(litellm.acompletion, options)

    def embedding(self, model: str, input: Any, **options: Any) -> Any:  # noqa: A002 - LiteLLM's name
        """Call ``litellm.embedding``.

        Raises:
            UnguardedPath: see ``completion``.
            AgentGuardError: what the guard says.
        """
        options = checked("embedding", model, {**options, "input": input}, EMBEDDING)
        return self._call(litellm.embedding, options)

    async def aembedding(self, model: str, input: Any, **options: Any) -> Any:  # noqa: A002 - LiteLLM's name
        """Call ``litellm.aembedding``.

        Raises:
            UnguardedPath: see ``completion``.
            AgentGuardError: what the guard says.
        """
        options = checked("aembedding", model, {**options, "input": input}, EMBEDDING)
        return await self._call_async(litellm.aembedding, options)

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_") or not hasattr(litellm, name):
            raise AttributeError(name)
        raise UnguardedPath(
            f"litellm.{name} does not send with a client that it is given, or not always, so it"
            " cannot be guarded",
            remedy=f"what is enforced: {', '.join(ENFORCED)}",
        )

    def _call(self, function: Callable[..., Any], options: dict[str, Any]) -> Any:
        check_surroundings(self._enforcer)
        asked = Asked(_required(self._sync, "OpenAI"))
        try:
            result = function(**options, client=asked.client)
        except Exception as error:
            own = asked.guards_own(error)
            if own is None:
                raise
        else:
            asked.require()
            return _read(result, asked) if options.get("stream") else result
        raise own

    async def _call_async(self, function: Callable[..., Any], options: dict[str, Any]) -> Any:
        check_surroundings(self._enforcer)
        asked = Asked(_required(self._async, "AsyncOpenAI"))
        try:
            result = await function(**options, client=asked.client)
        except Exception as error:
            own = asked.guards_own(error)
            if own is None:
                raise
        else:
            asked.require()
            return _read_async(result, asked) if options.get("stream") else result
        raise own


def _required(client: Any, kind: str) -> Any:
    if client is None:
        raise ConfigError(f"the guarded LiteLLM was given no {kind} client for this function")
    return client


def _read(stream: Any, asked: Asked) -> Iterator[Any]:
    """Yield the chunks of a stream; what the guard says in the middle is raised as it is."""
    try:
        yield from stream
    except Exception as error:
        own = asked.guards_own(error)
        if own is None:
            raise
    else:
        return
    raise own


async def _read_async(stream: Any, asked: Asked) -> AsyncIterator[Any]:
    """Do what ``_read`` does."""
    try:
        async for chunk in stream:
            yield chunk
    except Exception as error:
        own = asked.guards_own(error)
        if own is None:
            raise
    else:
        return
    raise own
