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
    anything,
    by_type,
    each,
    fetched,
    members,
    plain,
    refers,
    refusal,
    text_or,
)
from agentguard.integrations.openai import tools
from agentguard.vocabulary import Reference

ASSISTANT = "assistant"
ROLES = frozenset({"user", "system", "developer", ASSISTANT})


def _part(**content: Shape) -> Shape:
    return members({"prompt_cache_breakpoint": anything, "type": plain, **content})


PART = by_type(
    {
        "input_text": _part(text=plain),
        "input_image": _part(detail=plain, file_id=refers(Reference.FILE), image_url=fetched),
        "input_file": _part(
            detail=plain,
            file_data=plain,
            file_id=refers(Reference.FILE),
            file_url=fetched,
            filename=plain,
        ),
        "input_audio": _part(input_audio=members({"data": plain, "format": plain})),
        "output_text": _part(annotations=anything, logprobs=anything, parsed=anything, text=plain),
        "refusal": _part(refusal=plain),
    },
    remedy="send text, images, audio or files in the form of the API",
)
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
        content=CONTENT,
        parsed=anything,
        phase=plain,
        role=plain,
    )
    for role in ROLES
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
    if not isinstance(role, str) or role not in ROLES:
        raise refusal(at, "has a role that the guard does not know")
    _message[role](reading, value, at)


def _approval(reading: Reading, value: Frozen, at: At) -> None:
    """Read an answer to a provider that asks whether a tool may run; it makes the tool run."""
    _item(approval_request_id=plain, approve=plain, reason=plain)(reading, value, at)
    tools.hosted_member("mcp_approval_response")(reading, value, at)


ITEMS: Mapping[str, Shape] = {
    "message": _said,
    "reasoning": _item(
        "*",
        content=each(members({"text": plain, "type": plain})),
        encrypted_content=plain,
        summary=each(members({"text": plain, "type": plain})),
    ),
    "function_call": _item("*", arguments=plain, parsed_arguments=anything, **_called),
    "function_call_output": _item(name=plain, namespace=plain, output=CONTENT),
    "custom_tool_call": _item("*", input=plain, **_called),
    "custom_tool_call_output": _item(output=CONTENT),
    "file_search_call": _item("queries", queries=plain, results=anything),
    "web_search_call": _item("action", action=anything),
    "computer_call": _item("*", action=anything, actions=anything, pending_safety_checks=_checks),
    "computer_call_output": _item(acknowledged_safety_checks=_checks, output=_screenshot),
    "code_interpreter_call": _item(
        "code",
        code=plain,
        container_id=refers(Reference.CONTAINER),
        outputs=each(by_type({"logs": _logs, "image": _image})),
    ),
    "image_generation_call": _item(
        "revised_prompt",
        action=plain,
        background=plain,
        error=anything,
        output_format=plain,
        quality=plain,
        result=plain,
        revised_prompt=plain,
        size=plain,
        svg_usage=anything,
    ),
    "local_shell_call": _item("action", action=anything),
    "local_shell_call_output": _item(output=plain),
    "shell_call": _item("action", action=anything, environment=_environment),
    "shell_call_output": _item(max_output_length=plain, output=anything),
    "apply_patch_call": _item("operation", operation=anything),
    "apply_patch_call_output": _item(output=plain),
    "mcp_list_tools": _item(error=anything, server_label=plain, tools=anything),
    "mcp_approval_request": _item("arguments", arguments=plain, name=plain, server_label=plain),
    "mcp_approval_response": _approval,
    "mcp_call": _item(
        "arguments",
        approval_request_id=plain,
        arguments=plain,
        error=anything,
        name=plain,
        output=plain,
        server_label=plain,
    ),
    "tool_search_call": _item("arguments", arguments=anything, execution=plain),
    "tool_search_output": _item(execution=plain, tools=tools.tools),
    "additional_tools": _item(role=plain, tools=tools.tools),
    "configuration_update": _item(reasoning=anything, text=anything),
    "compaction": _item(encrypted_content=plain),
    "compaction_trigger": _item(),
    "item_reference": refers(Reference.STORED_RESPONSE, _item()),
    "program": _item("code", code=plain, fingerprint=plain),
    "program_output": _item(result=plain),
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
