# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which blocks may the content of a message consist of, and what does each of them mean?

The tables follow the request types of the SDK, and the response types where an application sends
back what it received. Which tools a block brings along says ``tools``.

INVARIANT: every type of block and every member that the SDK can send is in a table
(tests/integrations/test_anthropic_tables.py).
Source: the Messages API reference, and ``anthropic`` 2.12's types.
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
    spoken,
    spoken_text_or,
    text_or,
)
from agentguard.integrations.anthropic.tools import CACHE, definition
from agentguard.vocabulary import Reference, Speaker

# Blocks in which the model itself wrote, when the message is the assistant's.
WRITTEN = frozenset(
    {
        "compaction", "mcp_tool_use", "redacted_thinking", "server_tool_use", "text", "thinking",
        "tool_use",
    }
)  # fmt: skip

# With these the model calls a tool.
CALLING = frozenset({"mcp_tool_use", "server_tool_use", "tool_use"})
RESULT = "tool_result"

Members = Mapping[str, Shape]


def _plains(*names: str) -> dict[str, Shape]:
    return dict.fromkeys(("type", *names), plain)


def _typed(table: Mapping[str, Members]) -> Shape:
    return by_type({kind: members(known) for kind, known in table.items()})


def _one_or_each(shape: Shape) -> Shape:
    many = each(shape)

    def read(reading: Reading, value: Frozen, at: At) -> None:
        (many if isinstance(value, tuple) else shape)(reading, value, at)

    return read


_switched = members({"enabled": plain})
_citations = each(
    _typed(
        {
            "char_location": _plains(
                "cited_text", "document_index", "document_title", "end_char_index", "file_id",
                "start_char_index",
            ),
            "content_block_location": _plains(
                "cited_text", "document_index", "document_title", "end_block_index", "file_id",
                "start_block_index",
            ),
            "page_location": _plains(
                "cited_text", "document_index", "document_title", "end_page_number", "file_id",
                "start_page_number",
            ),
            "search_result_location": _plains(
                "cited_text", "end_block_index", "search_result_index", "source",
                "start_block_index", "title",
            ),
            "web_search_result_location": _plains("cited_text", "encrypted_index", "title", "url"),
        }
    )
)  # fmt: skip
_TEXT: Members = {
    **_plains("text"),
    "cache_control": CACHE,
    "citations": spoken(Speaker.TOOL, _citations),
    # What a helper of the SDK read out of the text.
    "parsed_output": anything,
}
_SOURCES: Mapping[str, Members] = {
    "base64": _plains("data", "media_type"),
    "file": {"file_id": refers(Reference.FILE), "type": plain},
    "text": _plains("data", "media_type"),
    "url": {"type": plain, "url": fetched},
}
_IMAGE: Members = {
    "cache_control": CACHE,
    "source": _typed(_SOURCES),
    "transformations": members({"oversized_image": plain}),
    "type": plain,
}
_DOCUMENT: Members = {
    **_plains("context", "title"),
    "cache_control": CACHE,
    "citations": _switched,
    "source": _typed(
        {
            **_SOURCES,
            "content": {
                "content": text_or(each(_typed({"image": _IMAGE, "text": _TEXT}))),
                "type": plain,
            },
        }
    ),
}
_SEARCH_RESULT: Members = {
    **_plains("source", "title"),
    "cache_control": CACHE,
    "citations": _switched,
    "content": each(_typed({"text": _TEXT})),
}
_TOOL_REFERENCE: Members = {**_plains("tool_name"), "cache_control": CACHE}
_BROWSER_STATE: Members = {
    "cache_control": CACHE,
    "state_changes": each(
        _typed(
            {
                "download_completed": _plains("download_id", "path", "size_bytes", "url"),
                "download_failed": _plains("download_id", "error", "url"),
                "download_started": _plains("download_id", "url"),
                "tab_opened": _plains("tab_id"),
            }
        )
    ),
    "tabs": each(members(dict.fromkeys(("active", "tab_id", "title", "url"), plain))),
    "type": plain,
}

_caller = _typed(
    {
        "code_execution_20250825": _plains("tool_id"),
        "code_execution_20260120": _plains("tool_id"),
        "direct": _plains(),
    }
)
_error = _plains("error_code", "error_message")
_file = {"file_id": refers(Reference.FILE), "type": plain}


def _use(*names: str) -> Members:
    known = {**_plains("id", "name", *names), "cache_control": CACHE, "caller": _caller}
    return {**known, "input": anything}


def _result(content: Shape, *names: str) -> Members:
    known = {**_plains("tool_use_id", *names), "cache_control": CACHE, "caller": _caller}
    return {**known, "content": content}


def _ran(output: str, *names: str) -> Members:
    return {**_plains("return_code", *names), "content": each(_typed({output: _file}))}


# What a tool at the provider returned.
_HOSTED_RESULTS: Mapping[str, Members] = {
    "advisor_tool_result": _result(
        _typed(
            {
                "advisor_redacted_result": _plains("encrypted_content", "stop_reason"),
                "advisor_result": _plains("stop_reason", "text"),
                "advisor_tool_result_error": _error,
            }
        )
    ),
    "bash_code_execution_tool_result": _result(
        _typed(
            {
                "bash_code_execution_result": _ran(
                    "bash_code_execution_output", "stderr", "stdout"
                ),
                "bash_code_execution_tool_result_error": _error,
            }
        )
    ),
    "code_execution_tool_result": _result(
        _typed(
            {
                "code_execution_result": _ran("code_execution_output", "stderr", "stdout"),
                "code_execution_tool_result_error": _error,
                "encrypted_code_execution_result": _ran(
                    "code_execution_output", "encrypted_stdout", "stderr"
                ),
            }
        )
    ),
    "mcp_tool_result": _result(text_or(each(_typed({"text": _TEXT}))), "is_error"),
    "text_editor_code_execution_tool_result": _result(
        _typed(
            {
                "text_editor_code_execution_create_result": _plains("is_file_update"),
                "text_editor_code_execution_str_replace_result": _plains(
                    "lines", "new_lines", "new_start", "old_lines", "old_start"
                ),
                "text_editor_code_execution_tool_result_error": _error,
                "text_editor_code_execution_view_result": _plains(
                    "content", "file_type", "num_lines", "start_line", "total_lines"
                ),
            }
        )
    ),
    "tool_search_tool_result": _result(
        _typed(
            {
                "tool_search_tool_result_error": _error,
                "tool_search_tool_search_result": {
                    "tool_references": each(_typed({"tool_reference": _TOOL_REFERENCE})),
                    "type": plain,
                },
            }
        )
    ),
    "web_fetch_tool_result": _result(
        _typed(
            {
                "web_fetch_result": {
                    **_plains("retrieved_at", "url"),
                    "content": _typed({"document": _DOCUMENT}),
                },
                "web_fetch_tool_result_error": _error,
            }
        )
    ),
    "web_search_tool_result": _result(
        _one_or_each(
            _typed(
                {
                    "web_search_result": _plains("encrypted_content", "page_age", "title", "url"),
                    "web_search_tool_result_error": _error,
                }
            )
        )
    ),
}

_REFERENCES: Mapping[str, Members] = {
    "mcp_tool_reference": _plains("name", "server_name"),
    "mcp_toolset_reference": _plains("server_name"),
    "tool_reference": _plains("name"),
}


def _addition(reading: Reading, value: Frozen, at: At) -> None:
    """Read a block that offers a tool in the middle of a conversation."""

    def define(inner: Reading, tool: Frozen, _: At) -> None:
        # What would be taken out is the block, an item of a list.
        definition(inner, tool, at)

    tools = by_type(
        {
            **{kind: members(known) for kind, known in _REFERENCES.items()},
            "tool_definition": members({"definition": define, "type": plain}),
        }
    )
    members({"cache_control": CACHE, "tool": tools, "type": plain})(reading, value, at)


_removal = members({"cache_control": CACHE, "tool": _typed(_REFERENCES), "type": plain})
tool_changes = by_type({"tool_addition": _addition, "tool_removal": _removal})

_BLOCKS: Mapping[str, Members] = {
    **_HOSTED_RESULTS,
    "compaction": {
        **_plains("content", "encrypted_content", "signature"),
        "cache_control": CACHE,
        "tool_changes": each(tool_changes),
    },
    "container_upload": {**_file, "cache_control": CACHE},
    "document": _DOCUMENT,
    "fallback": {
        "from": members({"model": plain}),
        "to": members({"model": plain}),
        "trigger": anything,
        "type": plain,
    },
    "image": _IMAGE,
    "mcp_tool_listing": {
        "mcp_server_name": plain,
        "tools": each(members({"description": plain, "input_schema": anything, "name": plain})),
        "type": plain,
    },
    "mcp_tool_use": _use("server_name"),
    "redacted_thinking": _plains("data"),
    "search_result": _SEARCH_RESULT,
    "server_tool_use": _use(),
    "text": _TEXT,
    "thinking": _plains("signature", "thinking"),
    RESULT: _result(
        text_or(
            each(
                _typed(
                    {
                        "browser_state": _BROWSER_STATE,
                        "document": _DOCUMENT,
                        "image": _IMAGE,
                        "search_result": _SEARCH_RESULT,
                        "text": _TEXT,
                        "tool_reference": _TOOL_REFERENCE,
                    }
                )
            )
        ),
        "is_error",
        "toolset_name",
    ),
    "tool_use": _use("toolset_name"),
}


def _by(speaker: Speaker, shapes: Mapping[str, Shape]) -> Shape:
    """Return the shape of what somebody says, as one text or in blocks."""
    said_in = {**shapes, "text": members({**_TEXT, "text": spoken(speaker, plain)})}
    return spoken_text_or(
        speaker, each(by_type(said_in if speaker is not Speaker.MODEL else shapes))
    )


def _block(kind: str, *, written: bool) -> Shape:
    """Return the shape of a block; what the model did not write, a tool returned."""
    shape = members(_BLOCKS[kind], authored=("*",) if written else ())
    if kind in CALLING and written:
        return asking(shape, lambda call: call.get("name"), "id")
    if kind == RESULT or kind in _HOSTED_RESULTS:
        return answering(shape, "content", "tool_use_id")
    return shape if written else spoken(Speaker.TOOL, shape)


_CHANGES: Mapping[str, Shape] = {"tool_addition": _addition, "tool_removal": _removal}
_GIVEN = {kind: _block(kind, written=False) for kind in _BLOCKS}
_SAID = {kind: _block(kind, written=kind in WRITTEN) for kind in _BLOCKS}

given = _by(Speaker.USER, {**_GIVEN, **_CHANGES})
said = _by(Speaker.MODEL, {**_SAID, **_CHANGES})
texts = _by(Speaker.SYSTEM, {})
instructions = _by(Speaker.SYSTEM, _CHANGES)
