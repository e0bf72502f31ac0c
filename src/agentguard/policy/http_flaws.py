# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a tool that stands for HTTP requests declared as one can be?"""

import re
from collections.abc import Iterator

from agentguard.canonical import Frozen
from agentguard.policy.constraints import AllOf, Anything, Constraint, Length, UrlParts
from agentguard.policy.constraints.urls import ANY_HOST
from agentguard.policy.document import PolicyDocument, ToolSpec
from agentguard.policy.flaws import Flaw, Path
from agentguard.policy.private_hosts import parse_private_host
from agentguard.policy.targets import finding_tools
from agentguard.vocabulary import Effect

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
    if tool.within is not None:
        message = "does not apply to a tool with 'http': give the client itself a timeout"
        yield Flaw((*path, "within"), message)
    yield from _places(path, tool)


def _places(path: Path, tool: ToolSpec) -> Iterator[Flaw]:
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


def http_doubts(document: PolicyDocument) -> Iterator[Flaw]:
    """Find rules that let requests go to every host."""
    tools = {tool.name: tool for tool in document.tools}
    find = finding_tools(document)
    for index, rule in enumerate(document.rules):
        asking = [tools[name] for name in find(rule) if tools[name].http]
        if rule.effect is not Effect.ALLOW or not asking:
            continue
        for each in rule.arguments:
            if each.name == "url" and each.origins is None and _is_every_host(each.constraint):
                message = "lets requests go to every host, and data leave in their addresses"
                if any(tool.http_headers for tool in asking):
                    message += "; what http_headers names is sent there, too"
                message += ": name the hosts, or say where it must come from with 'from'"
                yield Flaw(("rule", index, "args", "url"), message)


def _is_every_host(constraint: Constraint) -> bool:
    if isinstance(constraint, AllOf):
        return all(map(_is_every_host, constraint.parts))
    if isinstance(constraint, UrlParts):
        return ANY_HOST in constraint.hosts
    return isinstance(constraint, Anything | Length)
