# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which words in the user's place did the user not write?

LangChain marks the messages that its own parts put there, such as the summary of a history, and
the requests that a middleware makes for itself. A provider is told neither, so that the request
alone would have the user say what a model wrote. Whoever sets such a mark can only have less
relied on. What a part of the program puts there without a mark is not known here.

INVARIANT: no summary of LangChain says anything in the user's name
(tests/attacks/frameworks/test_langchain_origins.py).
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage

from agentguard.enforcement import for_no_user
from agentguard.enforcement.threads import in_thread
from agentguard.errors import IdentityRequired
from agentguard.tools import Wrapping

_MARK = "lc_source"


def block_of(metadata: object) -> AbstractContextManager[object]:
    """Return the block for a run of a model: in one that a middleware makes, no user speaks."""
    marked = isinstance(metadata, Mapping) and _MARK in metadata
    return for_no_user() if marked else nullcontext()


def hear(messages: object, wrapping: Wrapping) -> None:
    """Tell the conversation which messages that are about to be sent are not the user's.

    Args:
        messages: what is sent, lists in lists; what is no message is left alone.
        wrapping: under which guard, and as whom.

    Raises:
        GuardFailure: the conversation cannot be reached.
    """
    if not wrapping.enforcer.core.policy.asks_provenance:
        return
    marked = list(_marked(messages))
    if marked:
        _tell(marked, wrapping)


async def hear_async(messages: object, wrapping: Wrapping) -> None:
    """Do what ``hear`` does, where the event loop must not wait."""
    if wrapping.enforcer.core.policy.asks_provenance and any(True for _ in _marked(messages)):
        await in_thread(lambda: hear(messages, wrapping))


def _tell(texts: list[str], wrapping: Wrapping) -> None:
    try:
        caller = wrapping.enforcer.identities.presented(wrapping.carried)
    except IdentityRequired:
        caller = None
    if caller is None:  # the request is refused, and written down
        return
    conversation = wrapping.enforcer.conversation(caller)
    for each in texts:
        conversation.not_the_users(each)


def _marked(messages: object) -> Iterator[str]:
    if isinstance(messages, list | tuple):
        for each in messages:
            yield from _marked(each)
    elif isinstance(messages, HumanMessage) and _MARK in messages.additional_kwargs:
        yield from _texts(messages)


def _texts(message: BaseMessage) -> Iterator[str]:
    parts: list[Any] = message.content if isinstance(message.content, list) else [message.content]
    for each in parts:
        text = each.get("text") if isinstance(each, Mapping) else each
        if isinstance(text, str):
            yield text
