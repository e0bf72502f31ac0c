# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What did a tool of LangChain return, as plain values, and how is it put together again?

Texts stand in messages and in commands that change the state of a graph. They are taken out, so
that they can be checked, and put into new objects of the same kind. A message that is neither the
tool's own result nor already in the state would count as said by somebody else, so it is refused.
One with the id of another message would take its place, so none keeps an id.

INVARIANT: a tool puts no words into the mouth of the user, the model or the program
(tests/attacks/frameworks/test_langchain_tool_results.py).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, NoReturn

from langchain_core.messages import BaseMessage, ToolMessage
from langchain_core.messages.tool import ToolOutputMixin

from agentguard.errors import GuardFailure


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A result that was taken apart.

    Attributes:
        content: what is checked, plain values as far as the tool returned such.
        together: makes a result of the tool's kind of what was checked.
    """

    content: Any = field(repr=False)
    together: Callable[[Any], Any] = field(repr=False)


def taken_apart(result: Any, tool: str, known: Sequence[BaseMessage] = ()) -> Taken:
    """Take a result of a tool apart.

    Args:
        result: what the tool returned.
        tool: its name, for what is refused.
        known: the messages that the framework handed to the tool, which it may hand back.

    Raises:
        GuardFailure: it holds what cannot be put together anew.
    """
    if isinstance(result, ToolMessage):
        return _message(result)
    if _is_command(result):
        return _command(result, tool, known)
    if isinstance(result, list) and any(isinstance(each, ToolOutputMixin) for each in result):
        return _several([taken_apart(each, tool, known) for each in result])
    if isinstance(result, ToolOutputMixin):
        _refuse(tool, f"an object of type {type(result).__name__}")
    return Taken(content=result, together=_same)


def with_artifact(content: Any, artifact: Any, tool: str, known: Sequence[BaseMessage]) -> Taken:
    """Take a result apart that comes with an artifact, which is for the program."""
    inner = taken_apart(content, tool, known)
    return Taken(
        content={"content": inner.content, "artifact": artifact},
        together=lambda checked: (inner.together(checked["content"]), checked["artifact"]),
    )


def messages_in(injected: Mapping[str, Any]) -> list[BaseMessage]:
    """Return the messages in what the framework handed to a tool."""
    found: list[BaseMessage] = []
    for each in injected.values():
        state = getattr(each, "state", each)
        values = state.values() if isinstance(state, Mapping) else [state]
        for value in values:
            items = value if isinstance(value, list) else [value]
            found += [item for item in items if isinstance(item, BaseMessage)]
    return found


def _same(checked: Any) -> Any:
    return checked


def _several(parts: list[Taken]) -> Taken:
    return Taken(
        content=[each.content for each in parts],
        together=lambda checked: [
            each.together(item) for each, item in zip(parts, checked, strict=True)
        ],
    )


def _named(parts: Mapping[str, Taken]) -> Taken:
    return Taken(
        content={name: each.content for name, each in parts.items()},
        together=lambda checked: {
            name: each.together(checked[name]) for name, each in parts.items()
        },
    )


def _message(message: ToolMessage) -> Taken:
    told = {
        name: value
        for name, value in (
            ("content", message.content),
            ("artifact", message.artifact),
            ("additional_kwargs", message.additional_kwargs),
            ("response_metadata", message.response_metadata),
        )
        if name == "content" or value
    }
    if list(told) == ["content"]:
        return Taken(
            content=message.content, together=lambda checked: _anew(message, content=checked)
        )
    return Taken(content=told, together=lambda checked: _anew(message, **checked))


def _anew(message: ToolMessage, **told: Any) -> ToolMessage:
    return ToolMessage(
        **told,
        tool_call_id=message.tool_call_id,
        name=message.name,
        status=message.status,
    )


def _is_command(result: Any) -> bool:
    # By name, since LangGraph need not be installed for tools.
    return any(
        each.__name__ == "Command" and each.__module__.startswith("langgraph.")
        for each in type(result).__mro__
    )


def _command(command: Any, tool: str, known: Sequence[BaseMessage]) -> Taken:
    if command.resume is not None:
        _refuse(tool, "a Command that answers an interruption")
    update = _state(command.update, tool, known)
    several = isinstance(command.goto, list | tuple)
    places = list(command.goto) if several else [command.goto]
    sent = _several([_place(each, tool, known) for each in places])

    def together(checked: Any) -> Any:
        goto = sent.together(checked["goto"])
        return replace(
            command, update=update.together(checked["update"]), goto=goto if several else goto[0]
        )

    return Taken(content={"update": update.content, "goto": sent.content}, together=together)


def _place(place: Any, tool: str, known: Sequence[BaseMessage]) -> Taken:
    """Take apart where a command leads, and what it hands over there."""
    if isinstance(place, str):
        return Taken(content=place, together=lambda _: place)
    state = _state(place.arg, tool, known)
    kind = type(place)
    return Taken(
        content=state.content, together=lambda checked: kind(place.node, state.together(checked))
    )


def _state(update: Any, tool: str, known: Sequence[BaseMessage]) -> Taken:
    if update is None:
        return Taken(content=None, together=_same)
    if isinstance(update, list):
        return _messages(update, tool, known)
    if not isinstance(update, Mapping):
        _refuse(tool, "an update of the state that is neither an object nor a list of messages")
    return _named({name: _channel(name, each, tool, known) for name, each in update.items()})


def _channel(name: object, value: Any, tool: str, known: Sequence[BaseMessage]) -> Taken:
    items = value if isinstance(value, list | tuple) else [value]
    if name == "messages" or any(isinstance(each, BaseMessage) for each in items):
        taken = _messages(items, tool, known)
        if items is value:
            return taken
        return Taken(content=taken.content, together=lambda checked: taken.together(checked)[0])
    for each in _within(value):
        if not any(each == one for one in known):
            _refuse_words(tool)
    return Taken(content=value, together=_same)


def _within(value: Any) -> Iterator[BaseMessage]:
    """Yield the messages in a value of a state, however deep, also in what overwrites one."""
    if isinstance(value, BaseMessage):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _within(each)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _within(each)
    elif is_dataclass(value) and not isinstance(value, type):
        for field_of in fields(value):
            yield from _within(getattr(value, field_of.name, None))


def _messages(items: Iterable[Any], tool: str, known: Sequence[BaseMessage]) -> Taken:
    return _several([_said(each, tool, known) for each in items])


def _said(message: Any, tool: str, known: Sequence[BaseMessage]) -> Taken:
    if isinstance(message, BaseMessage) and any(message == each for each in known):
        return Taken(content=None, together=lambda _: message)
    if isinstance(message, ToolMessage):
        return _message(message)
    return _refuse_words(tool)


def _refuse_words(tool: str) -> NoReturn:
    _refuse(tool, "a message that is neither its own result nor one that stood in its state")


def _refuse(tool: str, what: str) -> NoReturn:
    raise GuardFailure(
        f"tool {tool!r} returned {what}, which is refused; return text, JSON or a ToolMessage",
        part="result",
        dispatched=True,
    )
