# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which arguments does a file say that a tool has?

Reads the JSON files that ``schema_file`` of ``[[tool]]`` names: a JSON Schema, a definition of a
function as model providers take it, or the answer of an MCP server to ``tools/list``.
What is in them belongs to the policy, as if it stood there.

INVARIANT: a file from which no schema can be read refuses the policy
(tests/config/test_schema_files.py).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agentguard.canonical import Frozen, NotCanonical, freeze
from agentguard.config.document import Tell
from agentguard.config.sources import text_of
from agentguard.policy import PolicyDocument, ToolSpec

# How MCP, OpenAI and Anthropic call the schema in the definition of a tool.
_HOLDERS = ("inputSchema", "parameters", "input_schema")


def with_schemas(
    document: PolicyDocument, files: Sequence[str | None], folder: Path, tell: Tell
) -> PolicyDocument:
    """Return a document whose tools have the schemas that files describe.

    Args:
        document: the document.
        files: for each tool the name of its file, None for a tool without one.
        folder: the folder that names of files are relative to.
        tell: takes each problem with its path.
    """
    tools: list[ToolSpec] = []
    for index, (tool, name) in enumerate(zip(document.tools, files, strict=True)):
        if name is None:
            tools.append(tool)
            continue
        path = ("tool", index, "schema_file")
        if tool.schema is not None:
            tell(path, "stands beside 'schema': only one of them can count")
        problem, text = text_of(folder / name)
        schema: Frozen = None
        if problem is None:
            problem, schema = _schema(text, tool.name)
        if problem is not None:
            tell(path, f"file {name!r} {problem}")
        tools.append(replace(tool, schema=schema))
    return replace(document, tools=tuple(tools))


def _schema(text: str, tool: str) -> tuple[str | None, Frozen]:
    """Return what keeps the schema of a tool from being read, and the schema."""
    problem, content = _content(text)
    if problem is not None:
        return problem, None
    definitions = list(_definitions(content))
    if not definitions:
        is_schema = isinstance(content, Mapping) and ("properties" in content or "type" in content)
        problem = "holds neither a JSON Schema nor a definition of a tool"
        return (None, content) if is_schema else (problem, None)
    fitting = [schema for name, schema in definitions if name == tool]
    if len(fitting) != 1:
        often = "more than once" if fitting else "nowhere"
        return f"defines tool {tool!r} {often}", None
    return None, fitting[0]


def _content(text: str) -> tuple[str | None, Frozen]:
    # The errors hold the text: they end here.
    try:
        return None, freeze(json.loads(text, object_pairs_hook=_object))
    except _Repeated:
        return "names a key of an object twice", None
    except NotCanonical as error:
        return f"holds what has no canonical form: {error.problem}", None
    except (ValueError, RecursionError):
        return "is not JSON", None


def _definitions(content: Frozen) -> Iterator[tuple[Frozen, Frozen]]:
    """Return name and schema of each tool that a file defines."""
    if isinstance(content, tuple):
        for each in content:
            yield from _definitions(each)
    if not isinstance(content, Mapping):
        return
    if "name" in content:
        for holder in _HOLDERS:
            if holder in content:
                yield content["name"], content[holder]
        return
    for inner in ("result", "tools", "function"):
        if inner in content:
            yield from _definitions(content[inner])


class _Repeated(Exception):
    """An object names a key twice; two readers would take different values."""


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _Repeated
    return found
