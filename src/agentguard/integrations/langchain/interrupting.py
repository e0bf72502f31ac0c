# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a call that waits for people pause a graph, and how does the graph go on?

The graph is interrupted with the id of the request. Whatever it is resumed with answers nothing:
LangGraph begins the task anew, the same call is made again, and either it runs, since people have
approved it, or it pauses again. So a task that makes another call, too, must not be paused: that
call would be made again with it.

INVARIANT: no value that a graph is resumed with lets a call run
(tests/attacks/frameworks/test_langchain_interrupts.py).
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, NoReturn

from langchain_core.messages import AIMessage
from langgraph.config import get_config
from langgraph.types import interrupt

from agentguard.canonical import NotCanonical, canonical_bytes, digest, freeze
from agentguard.errors import ApprovalPending, ContentRefused, UnguardedPath
from agentguard.tools import kept_of_pause

KIND = "agentguard.approval"

_CHECKPOINTER = "__pregel_checkpointer"
_TASK = "__pregel_task_id"
_SENT = "__pregel_push"
_MOST_TASKS = 10_000
_BY_ITSELF = "send each call to the tools' node by itself, as create_agent does"


@dataclass(slots=True)
class _Task:
    """Which calls a task has made, and at which of them it was paused."""

    calls: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)


# By LangGraph's id of the task, which is the same when it begins anew.
_TASKS: OrderedDict[str, _Task] = OrderedDict()
_LOCK = threading.Lock()


def begin(request: Any) -> None:
    """Note that a call is about to be made in its task.

    Args:
        request: LangGraph's request of the call.

    Raises:
        ContentRefused: nothing can tell the call from others.
        UnguardedPath: the task is paused at another call, so that this one would be made twice.
    """
    call = _known_by(request)
    with _LOCK:
        task = _TASKS.setdefault(_task_of(get_config()), _Task())
        task.calls.add(call)
        while len(_TASKS) > _MOST_TASKS:
            _TASKS.popitem(last=False)
        if task.paused <= {call}:
            return
    raise UnguardedPath(
        "a tool call was made in one task with another that waits for approval, and would be made"
        " twice",
        remedy=_BY_ITSELF,
    )


def pause(pending: ApprovalPending, tool: str, request: Any) -> NoReturn:
    """Interrupt the graph at a call that waits for people.

    Args:
        pending: what the guarded tool raised.
        tool: the tool's name in the policy.
        request: LangGraph's request of the call.

    Raises:
        GraphInterrupt: always, where the graph can be resumed.
        ApprovalPending: it cannot.
    """
    config: Any = get_config()
    if not config.get("configurable", {}).get(_CHECKPOINTER):
        raise _unable(pending, "the graph has no checkpointer, so it cannot be resumed")
    if not _is_alone(request, config):
        raise _unable(
            pending, f"others of its task would be made again when it is resumed: {_BY_ITSELF}"
        )
    told = {"type": KIND, **kept_of_pause(pending, tool, request.tool_call["args"])}
    while True:  # each value that the task was resumed with so far answers one, and nothing else
        interrupt(told)


def _unable(pending: ApprovalPending, why: str) -> ApprovalPending:
    return ApprovalPending(
        f"a tool call waits for approval, and {why}",
        request_id=pending.request_id,
        call_id=pending.call_id,
    )


def _is_alone(request: Any, config: Any) -> bool:
    """Say whether the call is the only one of its task, and note that the task is paused at it."""
    call = _known_by(request)
    with _LOCK:
        task = _TASKS.get(_task_of(config))
        if task is None or task.calls != {call}:
            return False
        task.paused.add(call)
    path = config.get("metadata", {}).get("langgraph_path") or ()
    return _SENT in path[:1] or _asked_alone(request.state)


def _asked_alone(state: Any) -> bool:
    """Say whether the model asked for one call, in the state that a node of tools was given."""
    held = state.get("messages") if isinstance(state, dict) else getattr(state, "messages", state)
    messages = held if isinstance(held, list) else []
    asked = next((each for each in reversed(messages) if isinstance(each, AIMessage)), None)
    return asked is not None and len(asked.tool_calls) == 1


def _task_of(config: Any) -> str:
    return str(config.get("configurable", {}).get(_TASK))


def _known_by(request: Any) -> str:
    """Return what tells a call from the others of its task, as the model wrote it."""
    call = request.tool_call
    try:
        return digest(canonical_bytes(freeze((call.get("id"), call["name"], call["args"]))))
    except NotCanonical:
        problem = "the arguments of the call have no canonical form"
    raise ContentRefused(problem)
