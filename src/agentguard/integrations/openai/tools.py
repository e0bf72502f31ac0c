# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tools does a request offer to the model, and which does it make the model use?

Reads lists of tools wherever they stand, and ``tool_choice``. A function and a custom tool are
called by the caller's own process, so that they are offered by name; every other type is a tool
that runs, or acts, at the provider, and goes to the policy with its whole definition.

INVARIANT: an item of a list of tools is offered, hosted or refused
(tests/attacks/test_openai_responses_reach.py).
Source: the API reference, and ``openai`` 3.54's request types.
"""

from collections.abc import Mapping

from agentguard.canonical import Frozen
from agentguard.clients.generic import flattened
from agentguard.clients.shapes import (
    At,
    Reading,
    Shape,
    anything,
    each,
    fetched,
    members,
    plain,
    refers,
    refusal,
)
from agentguard.vocabulary import HostedTool, OfferedTool, Reference

PROGRAMMATIC = "programmatic"
PROGRAMMATIC_TOOL = "programmatic_tool_calling"
SEARCH_MODEL = "search_model"
CHOICES = frozenset({"none", "auto", "required"})
# What a choice calls a tool that a list calls otherwise.
ALSO_CALLED = {"computer_use": frozenset({"computer", "computer_use_preview"})}

# Members of a hosted tool's definition that reach beyond the request, at any depth.
REFERRING: Mapping[str, Shape] = {
    "container_id": refers(Reference.CONTAINER),
    "file_id": refers(Reference.FILE),
    "file_ids": refers(Reference.FILE),
    "skill_id": refers(Reference.ASSISTANT),
    "vector_store_ids": refers(Reference.VECTOR_STORE),
    "image_url": fetched,
    "file_url": fetched,
}


def _callers(reading: Reading, value: Frozen, at: At) -> None:
    """Read who may call a tool; a program at the provider needs the tool that runs programs."""
    plain(reading, value, at)
    if value == PROGRAMMATIC or (isinstance(value, tuple) and PROGRAMMATIC in value):
        reading.expected.append(frozenset({PROGRAMMATIC_TOOL}))


FUNCTION: Mapping[str, Shape] = {
    "allowed_callers": _callers,
    "async": plain,
    "defer_loading": plain,
    "description": plain,
    "name": plain,
    "output_schema": anything,
    "parameters": anything,
    "strict": plain,
    "type": plain,
}
CUSTOM: Mapping[str, Shape] = {
    "allowed_callers": _callers,
    "async": plain,
    "defer_loading": plain,
    "description": plain,
    "format": anything,
    "name": plain,
    "type": plain,
}
# A member "name" beside this one would be a second name for the tool.
CHAT_FUNCTION = members(
    {"description": plain, "name": plain, "parameters": anything, "strict": plain}
)
CHAT_CUSTOM = members({"description": plain, "format": anything, "name": plain})

_flat = {"function": members(FUNCTION), "custom": members(CUSTOM)}
_nested = {
    "function": members({"function": CHAT_FUNCTION, "type": plain}),
    "custom": members({"custom": CHAT_CUSTOM, "type": plain}),
}


def tool(reading: Reading, value: Frozen, at: At) -> None:
    """Read one tool of a request for a response."""
    kind = _type_of(value, at)
    if kind == "namespace":
        namespace(reading, value, at)
    elif kind in _flat:
        _flat[kind](reading, value, at)
        _offer(reading, _name_in(value, at), at)
    else:
        _host(reading, kind, value, at)


def chat_tool(reading: Reading, value: Frozen, at: At) -> None:
    """Read one tool of a request for a chat completion."""
    kind = _type_of(value, at)
    if kind in _nested and isinstance(value, Mapping):
        _nested[kind](reading, value, at)
        _offer(reading, _name_in(value.get(kind), at), at)
    else:
        _host(reading, kind, value, at)


def old_function(reading: Reading, value: Frozen, at: At) -> None:
    """Read one item of ``functions``, the old form of tools."""
    CHAT_FUNCTION(reading, value, at)
    _offer(reading, _name_in(value, at), at)


tools = each(tool)
chat_tools = each(chat_tool)
old_functions = each(old_function)
namespace = members({"description": plain, "name": plain, "tools": tools, "type": plain})


def hosted_member(kind: str) -> Shape:
    """Return the shape of a member that, by being there, lets the provider use a tool."""

    def read(reading: Reading, value: Frozen, at: At) -> None:
        if not isinstance(value, Mapping):
            raise refusal(at, "is no object")
        _host(reading, kind, value, at, removable=False)

    return read


def searching_model(reading: Reading) -> None:
    """Note that the model itself searches the web with what it is told."""
    reading.hosted.append(
        HostedTool(type=SEARCH_MODEL, arguments={}, pointer="/model", removable=False)
    )


def choice(reading: Reading, value: Frozen, at: At) -> None:
    """Read ``tool_choice`` of a request for a response."""
    if isinstance(value, str) and value in CHOICES:
        return
    kind = _type_of(value, at)
    if kind == "allowed_tools":
        _allowed_tools(reading, value, at)
    elif kind in _flat:
        members({"name": plain, "type": plain})(reading, value, at)
        reading.forced = _name_in(value, at)
    else:
        members({"name": plain, "server_label": plain, "type": plain})(reading, value, at)
        _expect(reading, kind)


def chat_choice(reading: Reading, value: Frozen, at: At) -> None:
    """Read ``tool_choice`` of a request for a chat completion."""
    if isinstance(value, str) and value in CHOICES:
        return
    kind = _type_of(value, at)
    if kind == "allowed_tools":
        members({"allowed_tools": _chat_allowed_tools, "type": plain})(reading, value, at)
    elif kind in _nested and isinstance(value, Mapping):
        members({kind: members({"name": plain}), "type": plain})(reading, value, at)
        reading.forced = _name_in(value.get(kind), at)
    else:
        members({"type": plain})(reading, value, at)
        _expect(reading, kind)


def old_choice(reading: Reading, value: Frozen, at: At) -> None:
    """Read ``function_call``, the old form of ``tool_choice``."""
    if isinstance(value, str) and value in CHOICES:
        return
    members({"name": plain})(reading, value, at)
    reading.forced = _name_in(value, at)


def _named(reading: Reading, value: Frozen, at: At) -> None:
    """Read one tool that a choice names among those on offer."""
    kind = _type_of(value, at)
    if kind in _flat:
        members({"name": plain, "type": plain})(reading, value, at)
        _offer(reading, _name_in(value, at), at)
    else:
        members({"name": plain, "server_label": plain, "type": plain})(reading, value, at)
        _expect(reading, kind)


def _chat_named(reading: Reading, value: Frozen, at: At) -> None:
    kind = _type_of(value, at)
    if kind in _nested and isinstance(value, Mapping):
        members({kind: members({"name": plain}), "type": plain})(reading, value, at)
        _offer(reading, _name_in(value.get(kind), at), at)
    else:
        members({"type": plain})(reading, value, at)
        _expect(reading, kind)


_allowed_tools = members({"mode": plain, "tools": each(_named), "type": plain})
_chat_allowed_tools = members({"mode": plain, "tools": each(_chat_named)})


def _type_of(value: Frozen, at: At) -> str:
    kind = value.get("type") if isinstance(value, Mapping) else None
    if not isinstance(kind, str):
        raise refusal(at, "holds no type of tool")
    return kind


def _name_in(value: Frozen, at: At) -> str:
    name = value.get("name") if isinstance(value, Mapping) else None
    if not isinstance(name, str):
        raise refusal(at, "holds a tool without a name")
    return name


def _offer(reading: Reading, name: str, at: At) -> None:
    reading.offered.append(OfferedTool(name=name, pointer=at.pointer))


def _host(reading: Reading, kind: str, value: Frozen, at: At, *, removable: bool = True) -> None:
    definition = value if isinstance(value, Mapping) else {}
    container = definition.get("container")
    if isinstance(container, str):
        reading.references.add(Reference.CONTAINER)
    _refer(reading, definition, at)
    reading.hosted.append(
        HostedTool(
            type=kind,
            arguments=flattened(definition),
            pointer=at.pointer,
            removable=removable,
        )
    )


def _refer(reading: Reading, value: Frozen, at: At) -> None:
    if isinstance(value, tuple):
        for item in value:
            _refer(reading, item, at)
    elif isinstance(value, Mapping):
        for name, member in value.items():
            shape = REFERRING.get(name)
            if shape is not None and member is not None:
                shape(reading, member, at)
            else:
                _refer(reading, member, at)


def _expect(reading: Reading, kind: str) -> None:
    reading.expected.append(ALSO_CALLED.get(kind, frozenset({kind})))
