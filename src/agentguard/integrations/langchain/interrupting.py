# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a call that waits for people pause a graph, and how does the graph go on?

The graph is interrupted with the id of the request. Whatever it is resumed with answers nothing:
LangGraph begins the task anew, the same call is made again, and either it runs, since people have
approved it, or it pauses again. So a task that has made another call, too, must not be paused: that
call would be made again with it.

INVARIANT: no value that a graph is resumed with lets a call run
(tests/attacks/frameworks/test_langchain_interrupts.py).
"""

from typing import Any, NoReturn

from langchain_core.messages import AIMessage
from langgraph.config import get_config
from langgraph.types import interrupt

from agentguard.canonical import NotCanonical, canonical_bytes, digest, freeze
from agentguard.errors import ApprovalPending, ContentRefused

KIND = "agentguard.approval"

_CHECKPOINTER = "__pregel_checkpointer"
_SENT = "__pregel_push"


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
    config = get_config()
    if not config.get("configurable", {}).get(_CHECKPOINTER):
        raise _unable(pending, "the graph has no checkpointer, so it cannot be resumed")
    if not _is_alone(request, config):
        raise _unable(
            pending,
            "it was made beside others in one task, which would all be made again: send each call"
            " to the tools' node by itself, as create_agent does",
        )
    told = {
        "type": KIND,
        "request_id": pending.request_id,
        "tool": tool,
        "digest": _digest(tool, request.tool_call["args"]),
    }
    while True:  # each value that the task was resumed with so far answers one, and nothing else
        interrupt(told)


def _unable(pending: ApprovalPending, why: str) -> ApprovalPending:
    return ApprovalPending(
        f"a tool call waits for approval, and {why}",
        request_id=pending.request_id,
        call_id=pending.call_id,
    )


def _is_alone(request: Any, config: Any) -> bool:
    """Say whether the call is the only one of its task."""
    path = config.get("metadata", {}).get("langgraph_path") or ()
    if _SENT in path[:1]:
        return True
    state = request.state
    held = state.get("messages") if isinstance(state, dict) else getattr(state, "messages", state)
    messages = held if isinstance(held, list) else []
    asked = next((each for each in reversed(messages) if isinstance(each, AIMessage)), None)
    return asked is not None and len(asked.tool_calls) == 1


def _digest(tool: str, arguments: object) -> str:
    """Return what the call is known by, as the model wrote it."""
    try:
        return digest(canonical_bytes((tool, freeze(arguments))))
    except NotCanonical:
        problem = "the arguments of the call have no canonical form"
    raise ContentRefused(problem)
