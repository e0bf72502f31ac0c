# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which tables would a policy need for the tools of a server?

A beginning for whoever writes the policy, to be reviewed: each tool with the digest of its
definition, its arguments, and what the server says of itself, shown so that nothing in it is
hidden. It declares tools and allows nothing: the rules are comments.

INVARIANT: what is printed is a TOML document in which nothing of a server stands outside of a
string or a comment (tests/attacks/frameworks/test_gateway_proposals.py).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from agentguard.canonical import NotCanonical
from agentguard.integrations.mcp.definitions import description_of
from agentguard.integrations.mcp.gateway_backends import TIMEOUT, Target, listed, opened
from agentguard.tools import Description

_IMPACT = "irreversible"
_HINTS = (
    ("readOnlyHint", "it only reads"),
    ("destructiveHint", "it destroys"),
    ("idempotentHint", "doing it twice is doing it once"),
    ("openWorldHint", "it reaches beyond itself"),
)


async def described(
    target: Target,
    *,
    name: str | None = None,
    timeout: float = TIMEOUT,  # noqa: ASYNC109 - of each request
) -> list[Description]:
    """Return what a server says of its tools.

    Args:
        target: gives what fastmcp's ``Client`` connects to.
        name: the server's name in the policy, if it has one.
        timeout: how long one request may take, in seconds.

    Raises:
        MCPError: it gives no answer that can be read.
    """
    client = await opened(target, timeout)
    try:
        tools = await listed(client)
    finally:
        await client.close()  # type: ignore[no-untyped-call]  # fastmcp's
    plain = (each.model_dump(mode="json", by_alias=True, exclude_none=True) for each in tools)
    found = (description_of(each, name) for each in plain)
    return [each for each in found if each is not None]


def as_json(description: Description) -> dict[str, Any]:
    """Return a description as plain values."""
    return {
        "tool": description.tool,
        "definition": _digest(description),
        "description": description.text,
        "schema": dict(description.schema),
        **description.told,
    }


def as_policy(descriptions: Iterable[Description], actor: str, seen: Callable[[str], str]) -> str:
    """Return the tables of a policy that would let an agent ask for each tool.

    Args:
        descriptions: what the servers say of their tools.
        actor: the agent.
        seen: writes a text so that every character of it can be seen.
    """
    return "\n".join(line for each in descriptions for line in (*_tables(each, actor, seen), ""))


def _tables(description: Description, actor: str, seen: Callable[[str], str]) -> Iterator[str]:
    name = description.tool
    if seen(name) != name or not name.isprintable():
        yield f"# A tool whose name holds what cannot be seen is left out: {_line(seen(name))}"
        return
    yield from (f"# {_line(seen(line))}" for line in description.text.splitlines())
    annotations = description.told.get("annotations")
    hints = annotations if isinstance(annotations, Mapping) else {}
    yield from (f"# The server says that {said}." for hint, said in _HINTS if hints.get(hint))
    yield "[[tool]]"
    yield f"name = {_quoted(name)}"
    yield f'impact = "{_IMPACT}"  # the strictest; say what it can really do'
    digest = _digest(description)
    yield "# its definition cannot be pinned" if digest is None else f'definition = "{digest}"'
    yield ""
    yield "# [[rule]]"
    yield f"# id = {_quoted(name)}"
    yield f"# who = [{_quoted(actor)}]"
    yield f"# tool = {_quoted(name)}"
    yield from _arguments(description, seen)
    yield '# then = "approve"  # or "allow"; with approval = "..."'


def _arguments(description: Description, seen: Callable[[str], str]) -> Iterator[str]:
    properties = description.schema.get("properties")
    required = description.schema.get("required")
    for name, schema in properties.items() if isinstance(properties, Mapping) else ():
        kind = schema.get("type") if isinstance(schema, Mapping) else None
        optional = "" if isinstance(required, list) and name in required else ", optional = true"
        if seen(name) != name:
            yield f"# an argument whose name holds what cannot be seen: {_line(seen(name))}"
            continue
        told = f"  # {kind}" if isinstance(kind, str) and kind.isalpha() else ""
        yield f"# args.{_quoted(name)} = {{ any = true{optional} }}{told}"


def _digest(description: Description) -> str | None:
    try:
        return description.digest
    except NotCanonical:
        return None


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _line(text: str) -> str:
    return " ".join(text.split())
