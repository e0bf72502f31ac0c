# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a request of an SDK become a call, and a call the request that is sent?

Works on the SDK's ``FinalRequestOptions``: by then the body is the plain value that will be
serialised, files are read, and every method and helper of the SDK has passed here. The caller's
own objects stay as they are. What a body means is read by the surface's readers.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

from agentguard.canonical import Frozen, thaw
from agentguard.clients import attachments, generic
from agentguard.clients.credentials import known_credential
from agentguard.clients.destination import Destination, destination_of
from agentguard.clients.jsonl import ReadRequest
from agentguard.clients.multipart import Form, read_form, written_form
from agentguard.clients.seal import COOKIE, Ticket, origin_of, pairs
from agentguard.clients.surface import Surface
from agentguard.errors import ContentRefused, UnguardedPath
from agentguard.operations import Allowed, Match, Operation
from agentguard.policy import Policy
from agentguard.redaction.telling import names_a_credential
from agentguard.vocabulary import Kind, ModelCall

ENCODINGS = frozenset({"gzip", "deflate", "br", "zstd", "identity"})
UNLISTED = "unlisted"
SESSION_OFFER = "application/sdp"
NUMBERS = frozenset({"x-stainless-read-timeout", "x-stainless-retry-count", "x-stainless-timeout"})
_NUMBER = re.compile(r"[0-9.e+-]{1,32}|inf|nan|None|NOT_GIVEN")
_FORM = re.compile("multipart/form-data; boundary=[0-9a-f]{16,64}")


def matched(surface: Surface, verb: str, url: str) -> Match:
    """Return the listed operation that a request is for.

    Raises:
        UnguardedPath: the table does not list it, or it is never allowed. No message repeats the
            path, which can hold content.
    """
    match = surface.table.find(verb.upper(), str(url))
    if match is None:
        raise UnguardedPath(
            f"this request goes to no endpoint that the table of operations of {surface.sdk!r}"
            " lists, so it is refused",
            remedy="only listed endpoints can be guarded; see 'agentguard operations list'",
        )
    if match.operation.allowed is Allowed.NEVER:
        raise UnguardedPath(f"{match.operation.pair} cannot be guarded, so it is always refused")
    return match


def operation_name(surface: Surface, client: Any, options: Any) -> str:
    """Return the operation's name for spans and entries, free of the caller's content."""
    path = path_below(client, options.url)
    match = surface.table.find(str(options.method).upper(), path)
    return UNLISTED if match is None else match.operation.label


def path_below(client: Any, url: object) -> str:
    """Return the path of a request below its client's base URL.

    Some requests go to an absolute address that the provider gave. The same origin and base path
    make it one of the listed paths; any other is left as it is, and listed nowhere.
    """
    text = str(url)
    base = str(client._base_url).partition("?")[0].rstrip("/")  # noqa: SLF001 - as it is sent
    return text.removeprefix(base) if text.startswith(f"{base}/") else text


class Passage:
    """One request on its way through the guard: read into a call, and written from it again."""

    def __init__(self, client: Any, options: Any, surface: Surface, policy: Policy) -> None:
        self._client = client
        self._options = options
        self._surface = surface
        self._policy = policy
        self._form: Form | None = None
        self._asked: list[tuple[str, str]] = []
        self._destination: Destination | None = None

    def described(self, call_id: str, *, stream: bool) -> ModelCall:
        """Return the model call that the request means.

        Args:
            call_id: the id that the call has.
            stream: whether the SDK expects events.

        Raises:
            UnguardedPath: the table does not list this endpoint.
            ContentRefused: the request holds something that cannot be inspected.
        """
        options, surface = _held(self._options), self._surface
        self._options = options
        below = path_below(self._client, options.url)
        match = matched(surface, options.method, below)
        operation = match.operation
        origin = _origin(self._client)
        there = destination_of(self._client, options.url, below, surface.table, operation.verb)
        self._destination = there
        provider = self._policy.provider_of(origin)
        listed = frozenset[str]() if provider is None else provider.headers
        extra = frozenset[str]() if provider is None else provider.extra_fields
        headers = own_headers(self._client, options, surface, listed)
        _refuse_form(self._client, options, operation)
        query = self._asked = _query(self._client, options)
        allowed = {_parameter_of(name) for name in (*operation.query, *surface.query, *extra)}
        if any(_parameter_of(name) not in allowed for name, _ in query):
            raise ContentRefused(
                f"the request carries a query parameter that {operation.pair} does not take",
                remedy="leave it out, or list it under the provider's extra_fields in the policy",
            )
        words = (part for pair in query for part in pair)
        address: Frozen = (*there.segments, *match.segments, *words, *headers)
        call = self._read(call_id, operation, origin, extra, address)
        call = self._deployed(call, there)
        if self._policy.gate.keys:
            call = replace(call, credential=known_credential(self._client, options))
        if stream and not call.streams:
            call = replace(call, streams=True)
        if call.streams and surface.form(call) is None:
            raise ContentRefused(
                f"{operation.pair} cannot be checked as a stream of events, so it is refused",
                remedy="ask for the whole answer, without stream=True",
            )
        return call

    def _deployed(self, call: ModelCall, there: Destination) -> ModelCall:
        """Return the call of the deployment that answers, whatever model the body names."""
        if call.kind is not Kind.INFERENCE or there.deployment in (None, call.model):
            return call
        inner = call.inner
        if "Azure" not in type(self._client).__name__:  # another server may go by the body
            inner = (*inner, replace(call, payload=None, hosted_tools=()))
        return replace(call, model=there.deployment, inner=inner)

    def _read(
        self,
        call_id: str,
        operation: Operation,
        origin: str,
        extra: frozenset[str],
        address: Frozen,
    ) -> ModelCall:
        options = self._options
        body = body_of(options)
        if options.content is not None or isinstance(body, bytes):
            return self._read_text(call_id, operation, origin, address)
        reader = self._surface.readers.get(operation.pair)
        if options.files is not None or operation.body == "multipart":
            self._form = read_form(options.files, body, self._read_line(call_id, origin, extra))
        elif reader is not None:
            call = reader(call_id, body, origin=origin, extra_fields=extra, path=operation.path)
            call = replace(call, kind=operation.kind, verb=operation.verb, address=address)
            return attachments.lifted_call(call)
        call = generic.model_call(
            call_id,
            operation,
            body,
            origin=origin,
            extra_fields=extra,
            address=address,
            form=self._form,
        )
        if self._form is None:
            return attachments.lifted_call(call)
        return replace(call, inner=_each_kind(self._form.calls))

    def _read_text(
        self, call_id: str, operation: Operation, origin: str, address: Frozen
    ) -> ModelCall:
        """Return the call of a request whose body is a text that is no JSON."""
        options = self._options
        body = options.json_data if options.content is None else options.content
        if options.files is not None or (options.content and options.json_data is not None):
            raise ContentRefused("the request carries two bodies")
        if operation.body != "bytes" and not _is_session_offer(options, operation):
            raise ContentRefused(f"{operation.pair} takes no body of its own, so it is refused")
        call = generic.model_call(
            call_id, replace(operation, body="none"), None, origin=origin, address=address
        )
        return replace(call, payload=_text_of(body))

    def _read_line(self, call_id: str, origin: str, extra: frozenset[str]) -> ReadRequest:
        """Return what says which call a line of a batch file is."""

        def read(verb: str, path: str, body: Frozen) -> ModelCall:
            match = matched(self._surface, verb, path.removeprefix("/v1"))
            reader = self._surface.readers.get(match.operation.pair)
            if reader is not None:
                template = match.operation.path
                return reader(call_id, body, origin=origin, extra_fields=extra, path=template)
            return generic.model_call(
                call_id,
                match.operation,
                body,
                origin=origin,
                extra_fields=extra,
                address=match.segments,
            )

        return read

    def prepared(self, call: ModelCall) -> Any:
        """Return a copy of the options that holds what was admitted, and nothing else."""
        copied = copied_options(self._options)
        copied.extra_json = None
        if self._form is not None:
            files, fields = written_form(self._form, call.payload, call.attachments, call.encoded)
            copied.files, copied.json_data = files, fields or None
        elif isinstance(call.payload, str):
            whole = call.payload.encode("utf-8", "surrogatepass")
            copied.json_data, copied.content = None, whole
        else:
            payload = attachments.restored(call.payload, call.attachments, call.encoded)
            copied.json_data = None if payload is None else thaw(payload)
        return copied

    def query(self) -> frozenset[tuple[str, str]]:
        """Return the names and values that the request's query may hold."""
        return frozenset(self._asked)

    def paths(self, call: ModelCall) -> frozenset[str]:
        """Return the paths that the request may be sent to."""
        return frozenset() if self._destination is None else self._destination.paths(call.model)

    def own_path(self) -> str:
        """Return the path of the operation itself."""
        return "" if self._destination is None else self._destination.own


def _parameter_of(name: str) -> str:
    """Return the name of a query parameter without the member in brackets that it sets."""
    return name.partition("[")[0]


def copied_options(options: Any) -> Any:
    """Return a copy of a request's options, in both generations of pydantic."""
    return options.model_copy() if hasattr(options, "model_copy") else options.copy()


def _held(options: Any) -> Any:
    """Return options that nobody else can change between two looks at them."""
    held = copied_options(options)
    held.url = _plain(options.url)
    held.params = dict((options.params or {}).items())
    if isinstance(options.headers, Mapping):
        held.headers = {_plain(name): _plain(value) for name, value in options.headers.items()}
    return held


def _plain(value: Any) -> Any:
    """Return what a member of a subclass of text holds, not what it says of itself."""
    return str.__str__(value) if isinstance(value, str) else value


def _each_kind(calls: tuple[ModelCall, ...]) -> tuple[ModelCall, ...]:
    """Return one call for each operation and model; what they hold is decided with the whole."""
    kinds = {
        (call.pair, call.model): replace(call, payload=None, hosted_tools=()) for call in calls
    }
    return tuple(kinds.values())


def _is_session_offer(options: Any, operation: Operation) -> bool:
    """Say whether a body is the text of a session description, which can hold no tools."""
    headers = options.headers if isinstance(options.headers, Mapping) else {}
    types = {value for name, value in headers.items() if name.lower() == "content-type"}
    return operation.body == "multipart" and types == {SESSION_OFFER}


def _text_of(body: object) -> str:
    if isinstance(body, str):
        return body
    try:
        if isinstance(body, bytes | bytearray):
            return bytes(body).decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise ContentRefused("the request carries bytes that are no text and cannot be inspected")


def body_of(options: Any) -> Any:
    """Return the body as the SDK would merge it.

    Raises:
        ContentRefused: it is no JSON, so that it cannot be inspected.
    """
    if options.extra_json is None:
        return options.json_data
    if options.json_data is None:
        return dict(options.extra_json)
    if not isinstance(options.json_data, Mapping):
        raise ContentRefused("extra_body is given, and the request has no JSON body")
    return {**options.json_data, **options.extra_json}


def _origin(client: Any) -> str:
    """Return where the SDK will send the request; what it builds is checked against it again."""
    base = client._base_url  # noqa: SLF001 - its setter keeps it well-formed
    if b"?" in base.raw_path:
        raise ContentRefused("base_url carries a query string, which would swallow the path")
    return origin_of(base)


def _query(client: Any, options: Any) -> list[tuple[str, str]]:
    """Return the query as the SDK will send it, in names and values."""
    inside = parse_qsl(str(options.url).partition("?")[2], keep_blank_values=True)
    params = {**client.default_query, **(options.params or {})}
    given = {name: value for name, value in params.items() if not _is_left_out(value)}
    text = client.qs.stringify(given) if given else ""
    return [*inside, *parse_qsl(text, keep_blank_values=True)]


def _is_left_out(value: object) -> bool:
    return type(value).__name__ in {"Omit", "NotGiven"} and not isinstance(value, str | bytes)


def _refuse_form(client: Any, options: Any, operation: Operation) -> None:
    """Refuse a header by which the SDK would send as a form what is read as JSON."""
    types = [value for name, value in _set_headers(client, options) if name == "content-type"]
    if operation.body != "multipart" and any(str(each).startswith("multipart") for each in types):
        raise ContentRefused(f"{operation.pair} takes no form")


def _set_headers(client: Any, options: Any) -> list[tuple[str, Any]]:
    """Return lower-case names and values of what is set on a request and on every one."""
    given = options.headers if isinstance(options.headers, Mapping) else {}
    both = (*given.items(), *getattr(client, "_custom_headers", {}).items())
    return [(name.lower(), value) for name, value in both if not _is_left_out(value)]


def own_headers(client: Any, options: Any, surface: Surface, listed: frozenset[str]) -> list[str]:
    """Return the values of headers that somebody chose: the caller, or who made the client.

    Raises:
        ContentRefused: another custom header, which the policy does not list.
    """
    chosen = [getattr(client, name, None) for name in surface.client_headers]
    read = {name for name in listed if not _signs_in(name)}
    chosen += (value for name, value in pairs(client._client.headers) if name in read)  # noqa: SLF001 - they are sent
    for name, value in _set_headers(client, options):
        if name in listed:
            chosen += [value] if name in read else []
            continue
        if name not in surface.helper_headers:
            raise _custom_header()
        values = surface.helper_headers[name]
        if values is not None and (not isinstance(value, str) or not values.fullmatch(value)):
            raise _custom_header()
        if values is not None:
            chosen.append(value)
    return _texts_in(chosen)


def _signs_in(name: str) -> bool:
    """Say whether a header that the policy lists is there to carry a credential."""
    return name != "idempotency-key" and names_a_credential(name)


def _texts_in(values: list[Any]) -> list[str]:
    given = [value for value in values if value is not None and not _is_left_out(value)]
    if not all(isinstance(value, str) for value in given):
        raise ContentRefused("a header of the request is no text and cannot be inspected")
    return given


def _custom_header() -> ContentRefused:
    return ContentRefused(
        "the request carries a custom header that the policy does not list",
        remedy="list its name under the provider's headers, or leave it out",
    )


def listed_headers(policy: Policy, call: ModelCall) -> frozenset[str]:
    """Return the lower-case names of the headers that the policy lets through on a call."""
    provider = policy.provider_of(call.origin)
    return frozenset[str]() if provider is None else provider.headers


def renew_body(options: Any, ticket: Ticket) -> None:
    """Put the admitted body into the options once more, unless somebody changed it.

    Raises:
        UnguardedPath: the options hold something else than what the guard admitted.
    """
    admitted = ticket.admitted
    replaced = any(
        getattr(options, name) is not getattr(admitted, name)
        for name in ("json_data", "files", "content")
    )
    fresh = ticket.renewed()
    if (
        replaced
        or options.extra_json is not None
        or options.json_data != fresh.json_data
        or options.files != fresh.files
        or options.content != fresh.content
        or str(options.method).upper() != ticket.call.verb
        or options.url != admitted.url
        or options.params != admitted.params
    ):
        raise UnguardedPath("the request was changed after the guard had admitted it")
    options.json_data, options.files, options.content = fresh.json_data, fresh.files, fresh.content


def refuse_deviations(request: Any, ticket: Ticket, surface: Surface) -> None:
    """Refuse a built request that says more, or goes elsewhere, than the guard decided.

    Raises:
        UnguardedPath: another origin, or a header that neither the SDK nor the policy knows.
        ContentRefused: another path or query, for instance from a supplied HTTP client.
    """
    if origin_of(request.url) != ticket.call.origin:
        raise UnguardedPath("the request goes to another origin than the one decided")
    _refuse_address(request.url, ticket)
    sdk = frozenset(pairs(ticket.sdk_headers)) if ticket.sdk_headers is not None else ()
    address = ticket.call.address
    decided = frozenset(address) if isinstance(address, tuple) else frozenset()
    chosen = ticket.listed.union(surface.client_headers.values())
    for name, value in pairs(request.headers):
        if name in chosen and (value in decided or name == COOKIE or _signs_in(name)):
            continue
        by_sdk = (
            name in surface.sdk_headers and (name, value) in sdk and _is_own(name, value, chosen)
        )
        if by_sdk or _by_library(name, value, request):
            continue
        if name == COOKIE:  # a server's, kept by the HTTP client; nothing that the API needs
            del request.headers[name]
            continue
        raise UnguardedPath(
            "the HTTP client adds a header that the policy does not list",
            remedy="list its name under the provider's headers",
        )


def _is_own(name: str, value: str, chosen: frozenset[str]) -> bool:
    """Say whether the SDK itself says this, and not somebody through it."""
    if name in NUMBERS:
        return _NUMBER.fullmatch(value) is not None
    return name not in chosen


def _refuse_address(url: Any, ticket: Ticket) -> None:
    """Refuse a path or a query that is not the one decided."""
    sent = parse_qsl(url.query.decode("ascii"), keep_blank_values=True)
    if url.path not in ticket.paths or any(pair not in ticket.query for pair in sent):
        raise ContentRefused(
            "the request goes to another path or with another query than the one decided",
            remedy="leave queries out of base_url and of the HTTP client",
        )


def _by_library(name: str, value: str, request: Any) -> bool:
    """Say whether the HTTP library itself would put this header on a request."""
    if name == "accept-encoding":
        return ENCODINGS.issuperset(part.strip() for part in value.split(","))
    if name == "content-type":
        return _FORM.fullmatch(value) is not None
    own = {
        "host": request.url.netloc.decode("ascii"),
        "content-length": _length(request),
        "connection": "keep-alive",
    }
    return own.get(name) == value


def _length(request: Any) -> str:
    return str(len(request.read()))
