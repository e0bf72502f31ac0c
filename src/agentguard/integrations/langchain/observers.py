# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who would see a prompt, or a tool's result, before anything in it is hidden?

LangChain tells its callbacks and tracers of every run before the run begins, so what they are told
is raw. Whether there are any is asked of LangChain itself, as it will ask before the run. What the
policy does not know is refused, or told in the log of the program. A cache is more than that: it
answers without anybody being asked, so it is refused wherever the policy does not name it.
The chain around a guarded part tells its observers earlier, and of that this module knows nothing.

INVARIANT: an observer that is refused has been told nothing of the call
(tests/attacks/frameworks/test_langchain_observed.py).
"""

import sys
from collections.abc import Iterator
from typing import Any, NoReturn

from langchain_core.callbacks import BaseCallbackHandler, CallbackManager
from langchain_core.globals import get_llm_cache
from langsmith.utils import tracing_is_enabled

from agentguard import tools
from agentguard.enforcement import Enforcer
from agentguard.errors import UnguardedPath
from agentguard.tools import full_name, knows_observer, objection_to_observer
from agentguard.vocabulary import Boundary, Caller

SURFACE = "langchain"
TRACER = "langchain_core.tracers.langchain.LangChainTracer"
# They stay in the process, and LangChain and LangGraph stream, time and count by them.
OWN = frozenset(
    {
        "langchain_core.callbacks.usage.UsageMetadataCallbackHandler",
        "langchain_core.tracers.event_stream._AstreamEventsCallbackHandler",
        "langchain_core.tracers.log_stream.LogStreamCallbackHandler",
        "langchain_core.tracers.root_listeners.AsyncRootListenersTracer",
        "langchain_core.tracers.root_listeners.RootListenersTracer",
        "langgraph.pregel._messages.StreamMessagesHandler",
        "langgraph.pregel._messages.StreamMessagesHandlerV2",
        "langgraph.pregel._retry._IdleProgressCallbackHandler",
        "langgraph.pregel._tools.StreamToolCallHandler",
    }
)


def check(
    enforcer: Enforcer,
    callbacks: Any,
    local: Any = None,
    *,
    verbose: bool = False,
    boundary: Boundary = Boundary.MODEL,
    target: str = "",
    carried: Caller | None = None,
) -> None:
    """Refuse a run that somebody would see whom the policy does not know.

    Args:
        enforcer: whose policy counts.
        callbacks: those of the run's config: None, a list, or LangChain's own object for them.
        local: those of the object that runs.
        verbose: whether that object says on the screen what it does.
        boundary: which boundary the run crosses.
        target: the tool that runs, if it is one.
        carried: the caller that the object is bound to, if any.

    Raises:
        UnguardedPath: there is such an observer, and nobody has been told anything.
    """
    error = objection(enforcer, callbacks, local, verbose=verbose)
    if error is not None:
        refuse(enforcer, error, boundary=boundary, target=target, carried=carried)


async def check_async(
    enforcer: Enforcer,
    callbacks: Any,
    local: Any = None,
    *,
    verbose: bool = False,
    boundary: Boundary = Boundary.MODEL,
    target: str = "",
    carried: Caller | None = None,
) -> None:
    """Do what ``check`` does, where the event loop must not wait for the log."""
    error = objection(enforcer, callbacks, local, verbose=verbose)
    if error is not None:
        await refuse_async(enforcer, error, boundary=boundary, target=target, carried=carried)


def objection(
    enforcer: Enforcer, callbacks: Any, local: Any = None, *, verbose: bool = False
) -> UnguardedPath | None:
    """Return why a run is refused because of who would see it, None if it is not."""
    for name in _seeing(callbacks, local, verbose=verbose):
        error = objection_to_observer(enforcer, name)
        if error is not None:
            return error
    return None


def objection_to_cache(enforcer: Enforcer, cache: Any) -> UnguardedPath | None:
    """Return why a model's call is refused because of its cache, None if it is not.

    Args:
        enforcer: whose policy counts.
        cache: what the model says of it: False for none, None for that of the process.
    """
    if cache is False:
        return None
    found = get_llm_cache() if cache is None or cache is True else cache
    if found is None or knows_observer(enforcer, full_name(type(found))):
        return None
    return UnguardedPath(
        f"{full_name(type(found))} keeps prompts and answers, and answers without the guard",
        remedy="set cache=False on the model, or name its class in known_observers of [coverage]",
    )


def refuse(
    enforcer: Enforcer,
    error: UnguardedPath,
    *,
    boundary: Boundary = Boundary.MODEL,
    target: str = "",
    carried: Caller | None = None,
) -> NoReturn:
    """Write a run down that was refused before it began, and raise why."""
    tools.refuse(
        enforcer, error, surface=SURFACE, boundary=boundary, target=target, carried=carried
    )


async def refuse_async(
    enforcer: Enforcer,
    error: UnguardedPath,
    *,
    boundary: Boundary = Boundary.MODEL,
    target: str = "",
    carried: Caller | None = None,
) -> NoReturn:
    """Do what ``refuse`` does, where the event loop must not wait for the log."""
    await tools.refuse_async(
        enforcer, error, surface=SURFACE, boundary=boundary, target=target, carried=carried
    )


def _seeing(callbacks: Any, local: Any, *, verbose: bool) -> Iterator[str]:
    """Yield the names of the classes of those that LangChain would tell of a run."""
    # Asked first: LangChain would make a tracer, which opens a connection and starts a thread.
    if tracing_is_enabled():
        yield TRACER
    configured = CallbackManager.configure(callbacks, local, verbose)
    for each in (*configured.handlers, *configured.inheritable_handlers):
        if not _is_own(each):
            yield full_name(type(each))


def _is_own(observer: BaseCallbackHandler) -> bool:
    kind = type(observer)
    real = getattr(sys.modules.get(kind.__module__), kind.__qualname__, None)
    return real is kind and full_name(kind) in OWN
