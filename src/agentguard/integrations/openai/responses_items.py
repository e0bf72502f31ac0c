# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may an item of the input of a response hold, and who wrote it?

A table of every type of item: its members, what in it refers to something at the provider, and
what the model wrote in an earlier turn. What tools returned is nobody's word but the tool's, so
that no placeholder is taken over from there.

INVARIANT: every type of item that the SDK can send is in the table, with every member
(tests/integrations/test_openai_responses.py).
Source: the API reference, and ``openai`` 3.54's request and response types.
"""

from collections.abc import Mapping

from agentguard.canonical import Frozen
from agentguard.clients.shapes import (
    At,
    Reading,
    Shape,
    answering,
    anything,
    asking,
    by_type,
    each,
    fetched,
    members,
    plain,
    refers,
    refusal,
    spoken,
    spoken_text_or,
    text_or,
)
from agentguard.integrations.openai import tools
from agentguard.vocabulary import Reference, Speaker

ASSISTANT = "assistant"
SPEAKERS = {
    "user": Speaker.USER,
    "system": Speaker.SYSTEM,
    "developer": Speaker.SYSTEM,
    ASSISTANT: Speaker.MODEL,
}


def _part(**content: Shape) -> Shape:
    return members({"prompt_cache_breakpoint": anything, "type": plain, **content})


def _part_by(speaker: Speaker) -> Shape:
    """Return the shape of a part of a message; only its text is what the speaker says."""
    image = _part(detail=plain, file_id=refers(Reference.FILE), image_url=fetched)
    file = _part(
        detail=plain,
        file_data=plain,
        file_id=refers(Reference.FILE),
        file_url=fetched,
        filename=plain,
    )
    sound = _part(input_audio=members({"data": plain, "format": plain}))
    answered = _part(
        # What was found in the web, or in files.
        annotations=spoken(Speaker.TOOL, anything),
        logprobs=anything,
        parsed=anything,
        text=plain,
    )
    return by_type(
        {
            "input_text": _part(text=spoken(speaker, plain)),
            "input_image": spoken(Speaker.TOOL, image),
            "input_file": spoken(Speaker.TOOL, file),
            "input_audio": spoken(Speaker.TOOL, sound),
            "output_text": spoken(Speaker.MODEL, answered),
            "refusal": spoken(Speaker.MODEL, _part(refusal=plain)),
        },
        remedy="send text, images, audio or files in the form of the API",
    )


def _content_by(speaker: Speaker) -> Shape:
    return spoken_text_or(speaker, each(_part_by(speaker)))


PART = _part_by(Speaker.TOOL)
CONTENT = text_or(each(PART))

# Members that stand in most items, beside their type; who created an item is a name.
_COMMON: Mapping[str, Shape] = {
    "call_id": plain,
    "caller": members({"caller_id": plain, "type": plain}),
    "created_by": plain,
    "id": plain,
    "status": plain,
    "type": plain,
}


def _item(*authored: str, **content: Shape) -> Shape:
    return members({**_COMMON, **content}, authored=authored)


_message = {
    role: _item(
        *(["*"] if role == ASSISTANT else []),
        content=_content_by(speaker),
        parsed=anything,
        phase=plain,
        role=plain,
    )
    for role, speaker in SPEAKERS.items()
}
_screenshot = members({"file_id": refers(Reference.FILE), "image_url": fetched, "type": plain})
_called: Mapping[str, Shape] = {"async": plain, "name": plain, "namespace": plain}
_checks = each(members({"code": plain, "id": plain, "message": plain}))
_logs = members({"logs": plain, "type": plain})
_image = members({"type": plain, "url": fetched})
_container = members({"container_id": refers(Reference.CONTAINER), "type": plain})
_local = members({"skills": anything, "type": plain})
_environment = by_type({"container_reference": _container, "local": _local})


def _said(reading: Reading, value: Frozen, at: At) -> None:
    role = value.get("role") if isinstance(value, Mapping) else None
    if not isinstance(role, str) or role not in SPEAKERS:
        raise refusal(at, "has a role that the guard does not know")
    _message[role](reading, value, at)


def _returned(shape: Shape) -> Shape:
    return spoken(Speaker.TOOL, shape)


def _call(shape: Shape) -> Shape:
    return asking(shape, lambda call: call.get("name"), "call_id")


def _output(shape: Shape, member: str = "output") -> Shape:
    return answering(shape, member, "call_id")


def _approval(reading: Reading, value: Frozen, at: At) -> None:
    """Read an answer to a provider that asks whether a tool may run; it makes the tool run."""
    _item(approval_request_id=plain, approve=plain, reason=_returned(plain))(reading, value, at)
    tools.hosted_member("mcp_approval_response")(reading, value, at)


ITEMS: Mapping[str, Shape] = {
    "message": _said,
    "reasoning": _item(
        "*",
        content=each(members({"text": plain, "type": plain})),
        encrypted_content=plain,
        summary=each(members({"text": plain, "type": plain})),
    ),
    "function_call": _call(_item("*", arguments=plain, parsed_arguments=anything, **_called)),
    "function_call_output": _output(_item(name=plain, namespace=plain, output=CONTENT)),
    "custom_tool_call": _call(_item("*", input=plain, **_called)),
    "custom_tool_call_output": _output(_item(output=CONTENT)),
    "file_search_call": _item("queries", queries=plain, results=_returned(anything)),
    "web_search_call": _item("action", action=anything),
    "computer_call": _item("*", action=anything, actions=anything, pending_safety_checks=_checks),
    "computer_call_output": _item(
        acknowledged_safety_checks=_returned(_checks), output=_returned(_screenshot)
    ),
    "code_interpreter_call": _item(
        "code",
        code=plain,
        container_id=refers(Reference.CONTAINER),
        outputs=_returned(each(by_type({"logs": _logs, "image": _image}))),
    ),
    "image_generation_call": _item(
        "revised_prompt",
        action=plain,
        background=plain,
        error=_returned(anything),
        output_format=plain,
        quality=plain,
        result=_returned(plain),
        revised_prompt=plain,
        size=plain,
        svg_usage=anything,
    ),
    "local_shell_call": _item("action", action=anything),
    "local_shell_call_output": _item(output=_returned(plain)),
    "shell_call": _item("action", action=anything, environment=_environment),
    "shell_call_output": _item(max_output_length=plain, output=_returned(anything)),
    "apply_patch_call": _item("operation", operation=anything),
    "apply_patch_call_output": _item(output=_returned(plain)),
    "mcp_list_tools": _item(
        error=_returned(anything), server_label=plain, tools=_returned(anything)
    ),
    "mcp_approval_request": _item("arguments", arguments=plain, name=plain, server_label=plain),
    "mcp_approval_response": _approval,
    "mcp_call": _item(
        "arguments",
        approval_request_id=plain,
        arguments=plain,
        error=_returned(anything),
        name=plain,
        output=_returned(plain),
        server_label=plain,
    ),
    "tool_search_call": _item("arguments", arguments=anything, execution=plain),
    "tool_search_output": _item(execution=plain, tools=tools.tools),
    "additional_tools": _item(role=plain, tools=tools.tools),
    "configuration_update": _item(reasoning=anything, text=anything),
    # Only the provider can read it.
    "compaction": _item(encrypted_content=_returned(plain)),
    "compaction_trigger": _item(),
    "item_reference": refers(Reference.STORED_RESPONSE, _item()),
    "program": _item("code", code=plain, fingerprint=plain),
    "program_output": _item(result=_returned(plain)),
}


def item(reading: Reading, value: Frozen, at: At) -> None:
    """Read one item; without a type it is a message, or a reference to an item kept."""
    if not isinstance(value, Mapping):
        raise refusal(at, "is no object")
    kind = value.get("type")
    if kind is None:
        kind = "message" if "role" in value else "item_reference"
    shape = ITEMS.get(kind) if isinstance(kind, str) else None
    if shape is None:
        raise refusal(at, "is of a type that the guard does not know")
    shape(reading, value, at)
