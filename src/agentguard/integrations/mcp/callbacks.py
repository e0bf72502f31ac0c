# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may answer an MCP server that asks its client something?

A server may ask for an answer of the client's model (sampling), for what the user types
(elicitation) and for folders (roots). Each answer is content that leaves: a call of a tool that the
policy declares, ``answer_sampling``, ``answer_elicitation`` or ``answer_roots`` behind the name of
the server, and refused where it declares none. ``under_way`` says who acts.

What a server asks with is content from outside, whatever role it gives itself: the conversation
hears it before the program does, so that a model that is asked with it is asked nothing by the user.

What a server tells on its own, such as logs, is dropped; that its lists changed is passed on.

INVARIANT: nothing is sent to a server that asks but what was decided as arguments of such a tool
(tests/attacks/frameworks/test_mcp_questions.py).
INVARIANT: nothing that a server asks with counts as the user's (tests/attacks/frameworks/
test_mcp_origins.py).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcp import types
from mcp.client.session import IncomingMessage
from pydantic import BaseModel

from agentguard.canonical import freeze
from agentguard.enforcement import Enforcer
from agentguard.enforcement.threads import in_thread
from agentguard.integrations.mcp.definitions import SURFACE, name_in_policy
from agentguard.integrations.mcp.outbound import GuardedDispatcher
from agentguard.integrations.mcp.results import require_bounded
from agentguard.tools import DescribedTool, Description
from agentguard.vocabulary import Speaker

_TEXT = {"type": "string"}
_SAID = ("role", "content", "model", "stopReason")

ANSWERS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "_sampling_callback": (
        "answer_sampling",
        "Let a model answer what the server asks.",
        {"text": _TEXT},
    ),
    "_elicitation_callback": (
        "answer_elicitation",
        "Let a person answer what the server asks.",
        {"action": _TEXT, "content": {"type": "object"}},
    ),
    "_list_roots_callback": (
        "answer_roots",
        "Tell the server the folders that it may use.",
        {"uris": {"type": "array", "items": _TEXT}},
    ),
}
"""By the attribute of the session: the tool of an answer, what it does, and its arguments."""

_LISTS_CHANGED = (
    types.ToolListChangedNotification,
    types.ResourceListChangedNotification,
    types.PromptListChangedNotification,
)

Callback = Callable[..., Awaitable[Any]]


def refusal() -> types.ErrorData:
    """Return what a server is told that may not be answered: nothing of why."""
    return types.ErrorData(code=types.INVALID_REQUEST, message="not permitted")


def may_answer(enforcer: Enforcer, attribute: str, server: str | None) -> bool:
    """Say whether the policy declares the tool that an answer is a call of."""
    return name_in_policy(ANSWERS[attribute][0], server) in enforcer.core.policy.tools


def guarded_callback(plain: Callback, dispatcher: GuardedDispatcher, attribute: str) -> Callback:
    """Return a callback whose answers are calls of a tool.

    Args:
        plain: the program's own.
        dispatcher: the session's, which knows the guard and the server.
        attribute: which one it is; see ``ANSWERS``.
    """
    name, text, arguments = ANSWERS[attribute]
    description = Description(
        tool=name_in_policy(name, dispatcher.server),
        text=text,
        schema={"type": "object", "properties": dict(arguments), "additionalProperties": False},
        surface=SURFACE,
    )

    async def answer(*asked: Any) -> Any:
        tool = DescribedTool(description, dispatcher.enforcer, asynchronous=True)
        for question in asked[1:]:
            await _hear(question, dispatcher)
        answered = await plain(*asked)
        given = _GIVEN[attribute](answered)
        if given is None:
            return refusal()
        sent: dict[str, Any] = {}

        async def run(decided: dict[str, Any]) -> None:
            sent.update(decided)

        await tool.call_async(given, run, carried=dispatcher.carried)
        return _SENT[attribute](answered, sent)

    async def answering(*asked: Any) -> Any:
        try:
            context = dispatcher.under_way.context()
            return await asyncio.create_task(answer(*asked), context=context)
        except Exception:  # noqa: BLE001 - whatever it is, its text would be told to the server
            return refusal()

    return answering


async def _hear(question: BaseModel, dispatcher: GuardedDispatcher) -> None:
    """Tell the conversation what a server asks with.

    Raises:
        GuardFailure: it is more than is read at once, or the conversation cannot be reached.
        NotCanonical: it holds what has no canonical form.
    """
    raw = question.model_dump(mode="json", by_alias=True, exclude_none=True)
    require_bounded(raw)
    said, enforcer = freeze(raw), dispatcher.enforcer
    caller = enforcer.identities.presented(dispatcher.carried)
    if caller is None or not enforcer.core.policy.asks_provenance:  # nobody answers for nobody
        return

    def hear() -> None:
        enforcer.conversation(caller).heard(Speaker.TOOL, said, source="a question of a server")

    await in_thread(hear)


def telling(plain: Any, changed: Callable[[], None]) -> Callback:
    """Return a handler of messages that passes on that lists changed, and nothing else.

    Args:
        plain: the program's own.
        changed: told first where the server's tools may have changed.
    """

    async def told(message: IncomingMessage) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            changed()
        for kind in _LISTS_CHANGED:
            if isinstance(message, kind):
                await plain(kind())

    return told


async def dropped(_: Any) -> None:
    """Take what a server tells on its own, and do nothing with it."""


def _sampled(answer: object) -> dict[str, Any] | None:
    content = answer.content if isinstance(answer, types.CreateMessageResult) else None
    return {"text": content.text} if isinstance(content, types.TextContent) else None


def _elicited(answer: object) -> dict[str, Any] | None:
    if not isinstance(answer, types.ElicitResult):
        return None
    return {"action": answer.action, **({"content": answer.content} if answer.content else {})}


def _rooted(answer: object) -> dict[str, Any] | None:
    if not isinstance(answer, types.ListRootsResult):
        return None
    return {"uris": [str(each.uri) for each in answer.roots]}


_GIVEN: Mapping[str, Callable[[object], dict[str, Any] | None]] = {
    "_sampling_callback": _sampled,
    "_elicitation_callback": _elicited,
    "_list_roots_callback": _rooted,
}
_SENT: Mapping[str, Callable[[Any, dict[str, Any]], Any]] = {
    "_sampling_callback": lambda answer, sent: types.CreateMessageResult(
        role="assistant",
        content=types.TextContent(type="text", text=sent["text"]),
        model="agentguard",
        stop_reason=answer.stop_reason if answer.stop_reason == "endTurn" else None,
    ),
    "_elicitation_callback": lambda _, sent: types.ElicitResult.model_validate(sent),
    "_list_roots_callback": lambda _, sent: types.ListRootsResult.model_validate(
        {"roots": [{"uri": uri} for uri in sent["uris"]]}
    ),
}
