# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who would see a call of LiteLLM, and was it the guarded client that was asked?

LiteLLM keeps callbacks and a cache for the whole process. Callbacks are handed prompts and results
as they are, and one that raises refuses nothing. A cache answers without anybody being asked.

INVARIANT: what did not come from the guarded client is not returned
(tests/frameworks/litellm/test_litellm_facade.py).
"""

from collections.abc import Iterator
from typing import Any

from agentguard.enforcement import Enforcer
from agentguard.errors import AgentGuardError, UnguardedPath
from agentguard.integrations.litellm.options import litellm
from agentguard.tools import full_name, knows_observer, objection_to_observer

CALLBACKS = (
    "callbacks",
    "input_callback",
    "success_callback",
    "failure_callback",
    "service_callback",
    "_async_input_callback",
    "_async_success_callback",
    "_async_failure_callback",
)


def check_surroundings(enforcer: Enforcer) -> None:
    """Refuse a call that somebody would see, or answer, whom the policy does not know.

    Raises:
        UnguardedPath: there is such a callback, or a cache.
    """
    cache = _cache()
    if cache is not None and not knows_observer(enforcer, cache):
        raise UnguardedPath(
            f"{cache} keeps prompts and answers, and answers without the guard",
            remedy="set litellm.cache = None, or name its class in known_observers of [coverage]",
        )
    for name in _watching():
        error = objection_to_observer(enforcer, name, instead="take it off litellm")
        if error is not None:
            raise error


class Asked:
    """One call of LiteLLM: a copy of the guarded client for it alone, and what became of it."""

    def __init__(self, client: Any) -> None:
        self.client = client.with_options()
        self._times = 0
        self._error: AgentGuardError | None = None
        # Found before the method of the class, which is the guard's, and calls it.
        plain = self.client.request
        self.client.request = self._awaited(plain) if _is_async(client) else self._noted(plain)

    def _noted(self, plain: Any) -> Any:
        def request(*args: Any, **options: Any) -> Any:
            self._times += 1
            try:
                return plain(*args, **options)
            except AgentGuardError as error:
                self._error = error
                raise

        return request

    def _awaited(self, plain: Any) -> Any:
        async def request(*args: Any, **options: Any) -> Any:
            self._times += 1
            try:
                return await plain(*args, **options)
            except AgentGuardError as error:
                self._error = error
                raise

        return request

    def guards_own(self, error: BaseException | None) -> AgentGuardError | None:
        """Return what the guard said where LiteLLM raised something, None if it said nothing."""
        if self._error is not None:
            return self._error
        for _ in range(_AS_DEEP_AS_IT_DRESSES):
            if isinstance(error, AgentGuardError):
                return error
            error = None if error is None else error.__cause__ or error.__context__
        return None

    def require(self) -> None:
        """Refuse a result that did not come from the guarded client.

        Raises:
            UnguardedPath: LiteLLM did not ask it.
        """
        if not self._times:
            raise UnguardedPath(
                "LiteLLM returned a result without asking the guarded client, so it is withheld"
            )


_AS_DEEP_AS_IT_DRESSES = 20


def _watching() -> Iterator[str]:
    """Yield the names of what LiteLLM tells of calls."""
    for place in CALLBACKS:
        for each in getattr(litellm, place, None) or ():
            yield each if isinstance(each, str) else _name(each)


def _cache() -> str | None:
    return None if litellm.cache is None else _name(litellm.cache)


def _name(each: Any) -> str:
    return full_name(each if hasattr(each, "__qualname__") else type(each))


def _is_async(client: Any) -> bool:
    return any(base.__name__ == "AsyncAPIClient" for base in type(client).__mro__)
