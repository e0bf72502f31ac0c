# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which call of which tool is a request, and what of it is sent?

A request is a call of the one tool, among those of its client, that stands for its method; its
arguments are ``method``, ``url``, ``headers`` and ``body``. Each hop of a redirect is a request.
It opens no connection.

INVARIANT: what is sent is what was decided: address, method, headers and body
(tests/attacks/outbound/test_outbound_redirects.py).
"""

import re
import weakref
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import unquote

from agentguard.canonical import Frozen, canonical_bytes, digest, freeze
from agentguard.clients.outbound.addresses import reachable
from agentguard.clients.outbound.bodies import Body, body_of
from agentguard.clients.outbound.headers import COOKIE, Headers, judged, sent
from agentguard.egress import OutboundUrl, UnclearUrl, outbound_url
from agentguard.enforcement import Crossing, Enforcer
from agentguard.errors import (
    AddressRefused,
    CallRefused,
    ConfigError,
    ContentRefused,
    UnguardedPath,
)
from agentguard.policy import Policy
from agentguard.policy.document import ToolSpec
from agentguard.redaction.placeholders import PLACEHOLDER_LIKE
from agentguard.vocabulary import Boundary, Call, Caller, ToolCall

MOST_COOKIES = 10_000
MOST_SENT = 16 * 1024 * 1024

_METHOD = re.compile(r"[A-Z]{1,16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A request as a client is about to send it.

    Attributes:
        method: the method.
        scheme, host, port, target: where it goes; *target* is path and query.
        headers: names in lower case, and values.
        body: the body, empty where there is none.
        objection: why it cannot be sent at all, whatever the policy says.
    """

    method: str
    scheme: str
    host: str = field(repr=False)
    port: int | None
    target: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)
    objection: CallRefused | None = None


@dataclass(slots=True)
class First:
    """What the first of several hops was; it travels with the request.

    Attributes:
        origin: where it went, None before that is known.
        unseen: the headers on it that the policy lets through unseen.
    """

    origin: str | None = None
    unseen: frozenset[tuple[str, str]] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent: method, address, headers and body."""

    method: str
    url: str = field(repr=False)
    headers: Headers = field(repr=False)
    body: bytes = field(repr=False)


class Outbound:
    """What the clients of every HTTP library share: the guard, the tools, who acts."""

    def __init__(
        self, enforcer: Enforcer, tools: Iterable[str], *, surface: str, carried: Caller | None
    ) -> None:
        """Check the tools.

        Raises:
            ConfigError: the policy has no such tool, the tool does not stand for requests, or two
                stand for the same method.
        """
        self.enforcer = enforcer
        self.tools = tuple(dict.fromkeys(tools))
        self.surface = surface
        self.carried = carried
        # Names of cookies that servers set; what a server sets is not sent back unlisted.
        self.planted: set[str] = set()
        _check(enforcer.core.policy, self.tools)
        _LIVING.add(self)

    def is_like(self, other: "Outbound") -> bool:
        """Say whether a client with the other one would be guarded in the same way."""
        same = self.enforcer is other.enforcer and self.tools == other.tools
        return same and (other.carried is None or self.carried == other.carried)

    def note_cookies(self, headers: Iterable[str]) -> None:
        """Note which cookies a server sets, by the headers with which it does."""
        for each in headers:
            if len(self.planted) < MOST_COOKIES:
                self.planted.add(each.partition("=")[0].strip())

    def passage(self, outgoing: Outgoing, first: First) -> "Passage":
        """Return the way of one request through the guard."""
        policy = self.enforcer.core.policy
        standing = [
            spec
            for name in self.tools
            if (spec := policy.tools.get(name)) is not None and outgoing.method in spec.http
        ]
        tool = standing[0] if len(standing) == 1 else None
        return Passage(self, outgoing, first, tool)


# Each lives as long as its client.
_LIVING: "weakref.WeakSet[Outbound]" = weakref.WeakSet()


def guarded_requests(enforcer: Enforcer) -> Counter[str]:
    """Count the living clients that pass a guard, by the tools that their requests are calls of."""
    return Counter(
        tool for each in tuple(_LIVING) if each.enforcer is enforcer for tool in each.tools
    )


def _check(policy: Policy, tools: tuple[str, ...]) -> None:
    if not tools:
        raise ConfigError(
            "name the tools that the requests of the client are calls of: tools=[...]"
        )
    owners: dict[str, str] = {}
    for name in tools:
        spec = policy.tools.get(name)
        if spec is None:
            raise ConfigError(f"the policy has no tool {name!r}: declare it in a [[tool]] table")
        if not spec.http:
            raise ConfigError(
                f"tool {name!r} does not stand for requests: add http = ['GET', ...] to its"
                " [[tool]] table"
            )
        for method in sorted(spec.http):
            if owners.setdefault(method, name) != name:
                raise ConfigError(
                    f"tools {owners[method]!r} and {name!r} both stand for {method}: name one"
                )
        definition = definition_of(spec)
        if spec.definition is not None and spec.definition != definition:
            raise ConfigError(
                f"the definition of tool {name!r} is not the one that the policy pins;"
                f" review it and pin {definition!r}"
            )


def definition_of(spec: ToolSpec) -> str:
    """Return the digest of what is known of a tool that stands for requests."""
    return digest(canonical_bytes((spec.name, "http", *sorted(spec.http))))


class Passage:
    """The way of one request through the guard."""

    def __init__(
        self, outbound: Outbound, outgoing: Outgoing, first: First, spec: ToolSpec | None
    ) -> None:
        self._outgoing = outgoing
        self._first = first
        self._spec = spec
        self._url: OutboundUrl | None = None
        self._body: Body | None = None
        self._without: frozenset[str] = frozenset()
        self._listed_tools = outbound.tools
        self._planted = outbound.planted
        self.crossing = Crossing(
            boundary=Boundary.TOOL,
            surface=outbound.surface,
            operation="execute_tool",
            target="" if spec is None else spec.name,
            carried=outbound.carried,
            describe=self._described,
        )

    @property
    def private(self) -> frozenset[str]:
        """The entries of ``private_hosts`` that count for the request."""
        return frozenset() if self._spec is None else self._spec.private_hosts

    @property
    def tool(self) -> str:
        """The tool's name in the policy."""
        return "" if self._spec is None else self._spec.name

    def sending(self, call: Call) -> Sending:
        """Return what is sent of the request, as it was decided.

        Raises:
            UnguardedPath: another request was decided on.
        """
        url, resolved = self._url, call.resolved if isinstance(call, ToolCall) else {}
        if (
            url is None
            or resolved.get("url") != url.text
            or resolved.get("method") != self._outgoing.method
        ):
            raise UnguardedPath("a request was changed after the guard had admitted it")
        body = self._outgoing.body
        if self._body is not None and resolved.get("body") != self._body.value:
            body = self._body.written(resolved.get("body"))
        had_length = any(name == "content-length" for name, _ in self._outgoing.headers)
        return Sending(
            method=self._outgoing.method,
            url=url.text,
            headers=sent(
                self._outgoing.headers,
                resolved.get("headers"),
                self._without,
                url.authority,
                len(body) if body or had_length else None,
            ),
            body=body,
        )

    @contextmanager
    def reaching(self, call: Call) -> Iterator[None]:
        """Make of a refused address, within the block, a refusal of this very call."""
        try:
            yield
        except AddressRefused as refusal:
            refusal.call_id = call.id
            refusal.__cause__ = refusal.__context__ = None
            raise

    def _described(self, call_id: str) -> ToolCall:
        outgoing = self._outgoing
        if outgoing.objection is not None:
            raise outgoing.objection
        spec = self._tool()
        url = self._url = self._read_url()
        address = url.address
        if address is not None:
            reachable(url.host, url.port, (str(address),), spec.private_hosts, spec.name)
        arguments: dict[str, Frozen] = {"method": outgoing.method, "url": url.text}
        headers = judged(
            outgoing.headers, spec.http_headers, url.authority, spec.name, self._planted
        )
        self._leave_behind(url, spec)
        if headers is not None:
            arguments["headers"] = _frozen(headers)
        if outgoing.body:
            self._body = body_of(outgoing.body, _content_type(outgoing.headers))
            arguments["body"] = self._body.value
        frozen = MappingProxyType(arguments)
        return ToolCall(
            id=call_id,
            tool=spec.name,
            definition=definition_of(spec),
            received=frozen,
            resolved=frozen,
        )

    def _tool(self) -> ToolSpec:
        if self._spec is not None:
            return self._spec
        named = " and ".join(map(repr, self._listed_tools))
        method = (
            self._outgoing.method if _METHOD.fullmatch(self._outgoing.method) else "this method"
        )
        raise UnguardedPath(
            f"no tool of this client ({named}) stands for {method}, or more than one does",
            remedy="add the method to http of one [[tool]], or give the client another tool",
        )

    def _read_url(self) -> OutboundUrl:
        given = self._outgoing
        try:
            url = outbound_url(given.scheme, given.host, given.port, given.target)
        except UnclearUrl as unclear:
            problem = str(unclear)
        else:
            if PLACEHOLDER_LIKE.search(unquote(url.target)):
                raise ContentRefused(
                    "a placeholder stands in the address of a request, where none is turned back",
                    remedy="let a guarded function take it as an argument, or send it in the body",
                )
            return url
        raise UnguardedPath(
            f"the address of a request can be read in two ways: {problem}",
            remedy="write it plainly: https, a name in lower case, percent-encoded ASCII",
        )

    def _leave_behind(self, url: OutboundUrl, spec: ToolSpec) -> None:
        """Note which unseen headers stay behind when a redirect leads to another origin."""
        unseen = frozenset(each for each in self._outgoing.headers if each[0] in spec.http_headers)
        if self._first.origin is None:
            self._first.origin, self._first.unseen = url.origin, unseen
        elif self._first.origin != url.origin:
            self._without = frozenset(name for name, _ in unseen & self._first.unseen)
        if COOKIE not in spec.http_headers:
            self._without |= {COOKIE}


def _frozen(value: Frozen) -> Frozen:
    """Return a value that is fit to be an argument.

    Raises:
        ContentRefused: it is not.
    """
    try:
        return freeze(value)
    except ValueError:
        pass
    raise ContentRefused("a header of the request is no text")


def _content_type(headers: Headers) -> str:
    """Return the one type of a body, empty where none is named.

    Raises:
        ContentRefused: there are several.
    """
    named = [value for each, value in headers if each == "content-type"]
    if len(named) > 1:
        raise ContentRefused("the body of a request is said to be of several types")
    return named[0] if named else ""


def bounded(chunks: Iterable[bytes]) -> tuple[bytes, CallRefused | None]:
    """Return the whole of a body, or why it is not sent."""
    parts, total = list[bytes](), 0
    for chunk in chunks:
        total += len(chunk)
        if total > MOST_SENT:
            return b"", too_long()
        parts.append(chunk)
    return b"".join(parts), None


def too_long() -> CallRefused:
    """Return why a body that is too long is not sent."""
    return ContentRefused(
        f"the body of a request is longer than {MOST_SENT} bytes, which are not inspected",
        remedy="send it in several requests, or through a guarded function",
    )
