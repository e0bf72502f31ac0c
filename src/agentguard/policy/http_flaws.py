# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a tool that stands for HTTP requests declared as one can be?"""

import re
from collections.abc import Iterator

from agentguard.canonical import Frozen
from agentguard.policy.document import PolicyDocument, ToolSpec
from agentguard.policy.flaws import Flaw, Path
from agentguard.policy.private_hosts import parse_private_host

METHODS = ("GET", "HEAD", "OPTIONS", "QUERY", "POST", "PUT", "PATCH", "DELETE")

_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
# These say where a request goes, how long it is, or what a server takes it for.
DECISIVE_HEADERS = frozenset(
    {
        "connection", "content-encoding", "content-length", "expect", "host", "http2-settings",
        "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "x-http-method",
        "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
    }
)  # fmt: skip
PROXY_HEADERS = "proxy-"


def request_schema(tool: ToolSpec) -> Frozen:
    """Return the JSON Schema of the arguments of a tool that stands for requests."""
    return {
        "type": "object",
        "properties": {
            "method": {"type": "string", "enum": tuple(sorted(tool.http))},
            "url": {"type": "string"},
            "headers": {"type": "object"},
            "body": {},
        },
        "required": ("method", "url"),
        "additionalProperties": False,
    }


def http_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find what is wrong with ``http``, ``http_headers`` and ``private_hosts`` of tools."""
    for index, tool in enumerate(document.tools):
        path: Path = ("tool", index)
        if tool.http:
            yield from _requests(path, tool)
        else:
            for key in ("http_headers", "private_hosts"):
                if getattr(tool, key):
                    yield Flaw((*path, key), "belongs to a tool with 'http'")


def _requests(path: Path, tool: ToolSpec) -> Iterator[Flaw]:
    for method in sorted(tool.http.difference(METHODS)):
        message = f"{method!r} is not one of {', '.join(METHODS)}"
        yield Flaw((*path, "http"), message, method)
    if tool.hosted:
        yield Flaw((*path, "http"), "does not apply to a tool that runs at the provider")
    if tool.resource is not None:
        message = "does not apply to a tool with 'http': say with args.url which objects it may ask"
        yield Flaw((*path, "resource"), message)
    for name in sorted(tool.http_headers):
        if not _TOKEN.fullmatch(name):
            yield Flaw((*path, "http_headers"), f"{name!r} is not the name of a header", name)
        elif name in DECISIVE_HEADERS or name.startswith(PROXY_HEADERS):
            message = f"{name!r} decides what a request is or where it goes, so it is always judged"
            yield Flaw((*path, "http_headers"), message, name)
    for name in sorted(tool.private_hosts):
        problem = None
        try:
            parse_private_host(name)
        except ValueError as error:
            problem = str(error)
        if problem is not None:
            yield Flaw((*path, "private_hosts"), f"{name!r} {problem}", name)
