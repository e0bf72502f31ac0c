# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who would see a call of LiteLLM, and was it the guarded client that was asked?

LiteLLM keeps callbacks and a cache for the whole process. Callbacks are handed prompts and results
as they are, and one that raises refuses nothing. A cache answers without anybody being asked.

INVARIANT: what did not come from the guarded client is not returned
(tests/frameworks/litellm/test_litellm_facade.py).
"""

import logging
from collections.abc import Iterator
from typing import Any

from agentguard.enforcement import Enforcer
from agentguard.errors import AgentGuardError, UnguardedPath
from agentguard.integrations.litellm.options import litellm
from agentguard.policy import Glob, Strictness
from agentguard.tools import note_observer

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

_LOG = logging.getLogger("agentguard")


def check_surroundings(enforcer: Enforcer) -> None:
    """Refuse a call that somebody would see, or answer, whom the policy does not know.

    Raises:
        UnguardedPath: there is such a callback, or a cache.
    """
    coverage = enforcer.core.policy.document.coverage
    for name in _watching():
        if any(Glob(pattern).matches(name) for pattern in coverage.known_observers):
            continue
        if coverage.observers is Strictness.REFUSE or name == _cache():
            raise UnguardedPath(
                f"{name} of LiteLLM would see or answer the call as it is, so it is refused",
                remedy="take it off litellm, or name it in known_observers of [coverage]",
            )
        if note_observer(enforcer, name):
            _LOG.warning("%s of LiteLLM sees calls as they are", name)


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
    """Yield the names of what LiteLLM tells of calls, or asks before the client."""
    for place in CALLBACKS:
        for each in getattr(litellm, place, None) or ():
            yield each if isinstance(each, str) else _name(each)
    if (cache := _cache()) is not None:
        yield cache


def _cache() -> str | None:
    return None if litellm.cache is None else _name(litellm.cache)


def _name(each: Any) -> str:
    kind = each if hasattr(each, "__qualname__") else type(each)
    return f"{kind.__module__}.{kind.__qualname__}"


def _is_async(client: Any) -> bool:
    return any(base.__name__ == "AsyncAPIClient" for base in type(client).__mro__)
