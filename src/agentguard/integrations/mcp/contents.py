# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can be read in a result of MCP, and how is it put together from what was checked?

Texts, links, embedded texts and structured content are read whole and made anew; ``_meta``, icons
and annotations are left out. It decides nothing.

INVARIANT: what cannot be read as text is withheld, and so is a checked result of another shape
than the read one (tests/frameworks/gateway/test_contents.py).
"""

from collections.abc import Callable, Mapping
from typing import Any, NoReturn, TypeVar

import mcp_types as types

from agentguard.errors import GuardFailure

T = TypeVar("T")

# Of one answer, in characters; more than a model is ever given.
_MOST = 8_000_000
_LINK = ("uri", "name", "title", "description", "mimeType", "size")


def read_result(tool: str, result: types.CallToolResult) -> dict[str, Any]:
    """Return what can be read in the result of a tool, as plain JSON.

    Args:
        tool: the tool's name in the policy.
        result: what the server said.

    Raises:
        GuardFailure: it holds what cannot be read.
    """
    read = {"content": [_block(tool, each) for each in result.content]}
    if result.structured_content is not None:
        read["structuredContent"] = result.structured_content
    return _bounded(tool, read)


def made_result(tool: str, result: types.CallToolResult, checked: object) -> types.CallToolResult:
    """Return a result as it may be shown.

    Args:
        tool: the tool's name in the policy.
        result: what the server said, of which only the kinds of its parts are kept.
        checked: what the guard made of what was read.

    Raises:
        GuardFailure: that has another shape.
    """
    parts = _member(tool, checked, "content")
    if not isinstance(parts, list) or len(parts) != len(result.content):
        _misshapen(tool)
    structured = None
    if result.structured_content is not None:
        structured = _member(tool, checked, "structuredContent")
    return types.CallToolResult(
        content=[
            _made(tool, block, part) for block, part in zip(result.content, parts, strict=True)
        ],
        structured_content=structured,
        is_error=result.is_error,
    )


def read_resource(tool: str, result: types.ReadResourceResult) -> dict[str, Any]:
    """Return what can be read in a resource.

    Raises:
        GuardFailure: it holds what cannot be read.
    """
    return _bounded(tool, {"contents": [_resource(tool, each) for each in result.contents]})


def made_resource(tool: str, checked: object) -> types.ReadResourceResult:
    """Return a resource as it may be shown.

    Raises:
        GuardFailure: what was checked has another shape than what was read.
    """
    return _valid(
        tool, lambda: types.ReadResourceResult(contents=_member(tool, checked, "contents"))
    )


def read_prompt(tool: str, result: types.GetPromptResult) -> dict[str, Any]:
    """Return what can be read in a prompt.

    Raises:
        GuardFailure: it holds what cannot be read.
    """
    said = [_block(tool, each.content) for each in result.messages]
    return _bounded(tool, {"description": result.description, "messages": said})


def made_prompt(tool: str, result: types.GetPromptResult, checked: object) -> types.GetPromptResult:
    """Return a prompt as it may be shown.

    Raises:
        GuardFailure: what was checked has another shape than what was read.
    """
    said = _member(tool, checked, "messages")
    if not isinstance(said, list) or len(said) != len(result.messages):
        _misshapen(tool)
    return _valid(
        tool,
        lambda: types.GetPromptResult(
            description=_member(tool, checked, "description"),
            messages=[
                types.PromptMessage(role=each.role, content=_made(tool, each.content, part))
                for each, part in zip(result.messages, said, strict=True)
            ],
        ),
    )


def _block(tool: str, block: types.ContentBlock) -> Any:
    if isinstance(block, types.TextContent):
        return block.text
    if isinstance(block, types.ResourceLink):
        link = block.model_dump(mode="json", by_alias=True, exclude_none=True)
        return {name: link[name] for name in _LINK if name in link}
    if isinstance(block, types.EmbeddedResource):
        return _resource(tool, block.resource)
    raise _withheld(tool, f"content of type {block.type!r}, which cannot be checked")


def _resource(
    tool: str, resource: types.TextResourceContents | types.BlobResourceContents
) -> dict[str, Any]:
    if isinstance(resource, types.BlobResourceContents):
        raise _withheld(tool, "bytes, which cannot be checked")
    read = {"uri": resource.uri, "mimeType": resource.mime_type, "text": resource.text}
    return {name: value for name, value in read.items() if value is not None}


def _made(tool: str, block: types.ContentBlock, part: Any) -> Any:
    if isinstance(block, types.TextContent):
        return _valid(tool, lambda: types.TextContent(text=part))
    if isinstance(block, types.ResourceLink):
        return _valid(tool, lambda: types.ResourceLink.model_validate(part))
    return _valid(
        tool,
        lambda: types.EmbeddedResource(resource=types.TextResourceContents.model_validate(part)),
    )


def _member(tool: str, checked: object, name: str) -> Any:
    if not isinstance(checked, Mapping) or name not in checked:
        _misshapen(tool)
    return checked[name]


def _valid(tool: str, make: Callable[[], T]) -> T:
    try:
        made = make()
    except ValueError:  # it holds the text
        made = None
    return _misshapen(tool) if made is None else made


def _bounded(tool: str, read: dict[str, Any]) -> dict[str, Any]:
    if _size(read) > _MOST:
        raise _withheld(tool, "more than is checked at once")
    return read


def _size(value: object) -> int:
    """Count the characters of a value of JSON, whatever its depth."""
    count, waiting = 0, [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            count += len(each)
        elif isinstance(each, Mapping):
            waiting += [*each.keys(), *each.values()]
        elif isinstance(each, list):
            waiting += each
        count += 1
    return count


def _withheld(tool: str, what: str) -> GuardFailure:
    return GuardFailure(
        f"the result of tool {tool!r} is withheld: it holds {what}",
        part="classification",
        dispatched=True,
    )


def _misshapen(tool: str) -> NoReturn:
    raise GuardFailure(
        f"the result of tool {tool!r} is withheld: what was checked has another shape",
        part="redaction",
        dispatched=True,
    )
