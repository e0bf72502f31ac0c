# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a request of the SDK become a crossing, and a response the SDK's result?

Works on the SDK's ``FinalRequestOptions``: by then the body is the plain value that will be
serialised, and every method and helper of the SDK has passed here. The caller's own objects
stay as they are.
"""

import json
from collections.abc import Mapping
from typing import Any

from agentguard.canonical import thaw
from agentguard.classification import Classifier
from agentguard.errors import ContentRefused, GuardFailure, UnguardedPath
from agentguard.integrations.openai import chat
from agentguard.integrations.openai.operations import operation_of, refusal, template_of
from agentguard.integrations.openai.seal import COOKIE, Ticket, origin_of, pairs
from agentguard.pipeline import Response
from agentguard.policy import Policy
from agentguard.telemetry import (
    GEN_AI_FINISH_REASONS,
    GEN_AI_INPUT_TOKENS,
    GEN_AI_OUTPUT_TOKENS,
    GEN_AI_PROVIDER,
    GEN_AI_RESPONSE_ID,
    GEN_AI_RESPONSE_MODEL,
    SERVER_ADDRESS,
    SERVER_PORT,
)
from agentguard.vocabulary import Call, ModelCall

RAW_RESPONSE_HEADER = "x-stainless-raw-response"

# What the SDK itself puts on a request.
SDK_HEADERS = frozenset(
    {
        "accept", "authorization", "content-type", "idempotency-key", "openai-organization",
        "openai-project", "user-agent", "x-stainless-arch", "x-stainless-async",
        "x-stainless-helper-method", "x-stainless-lang", "x-stainless-os",
        "x-stainless-package-version", RAW_RESPONSE_HEADER, "x-stainless-read-timeout",
        "x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version",
    }
)  # fmt: skip
ENCODINGS = frozenset({"gzip", "deflate", "br", "zstd", "identity"})
# What a helper of the SDK may set per request; everything else there comes from the caller.
HELPER_HEADERS = {
    RAW_RESPONSE_HEADER: frozenset({"true"}),
    "x-stainless-helper-method": frozenset({"chat.completions.parse"}),
    "____stainless_override_cast_to": None,
}
FINISH_REASONS = frozenset({"stop", "length", "tool_calls", "content_filter"})
DROPPED_RESPONSE_HEADERS = frozenset({"content-encoding", "content-length", "transfer-encoding"})


def operation_name(options: Any) -> str:
    """Return the operation's name for spans and entries, free of the caller's content."""
    known = operation_of(options.method, options.url)
    if known is not None:
        return known
    listed = template_of(options.method, options.url)
    return f"{options.method.upper()} {listed[0]}" if listed else "unlisted"


def body_of(options: Any) -> Any:
    """Return the body as the SDK would merge and serialise it.

    Raises:
        ContentRefused: the body is no JSON, so that it cannot be inspected.
    """
    if options.content is not None or options.files:
        raise ContentRefused("the request carries bytes or files, which cannot be inspected")
    if options.extra_json is None:
        return options.json_data
    if not isinstance(options.json_data, Mapping):
        raise ContentRefused("extra_body is given, and the request has no JSON body")
    return {**options.json_data, **options.extra_json}


def described(
    call_id: str,
    client: Any,
    options: Any,
    policy: Policy,
    classifier: Classifier,
    *,
    stream: bool,
) -> ModelCall:
    """Return the model call that a request means.

    Raises:
        UnguardedPath: the guard does not decide this endpoint.
        ContentRefused: the request holds something that cannot be inspected.
    """
    if operation_of(options.method, options.url) is None:
        raise refusal(options.method, options.url)
    if stream:
        raise ContentRefused(
            f"streaming of {options.method.upper()} {chat.PATH} is not guarded yet",
            remedy="call without stream=True",
        )
    if getattr(client, "_provider_runtime", None) is not None:
        raise UnguardedPath("a client that was made with provider= is not guarded yet")
    provider_origin = _origin(client)
    provider = policy.provider_of(provider_origin)
    _refuse_headers(client, options, frozenset() if provider is None else provider.headers)
    if options.params or getattr(client, "_custom_query", None):
        raise _query()
    extra = frozenset[str]() if provider is None else provider.extra_fields
    call = chat.model_call(call_id, body_of(options), origin=provider_origin, extra_fields=extra)
    if found := classifier.findings(call.model):
        raise ContentRefused(
            "the name of the model holds classified data",
            classes={finding.data_class for finding in found},
        )
    return call


def _origin(client: Any) -> str:
    """Return where the SDK will send the request; what it builds is checked against it again."""
    base = client._base_url  # noqa: SLF001 - its setter keeps it well-formed
    if b"?" in base.raw_path:
        raise _query()
    return origin_of(base)


def _refuse_address(url: Any) -> None:
    """Refuse a base URL whose query swallows the path, so that another endpoint is reached."""
    if url.query or not url.path.endswith(chat.PATH):
        raise _query()


def _query() -> ContentRefused:
    return ContentRefused(
        "the request carries a query string, which chat completions do not take",
        remedy="leave queries out of base_url, extra_query, default_query and the HTTP client",
    )


def listed_headers(policy: Policy, call: ModelCall) -> frozenset[str]:
    """Return the lower-case names of the headers that the policy lets through on a call."""
    provider = policy.provider_of(call.origin)
    return frozenset[str]() if provider is None else provider.headers


def _refuse_headers(client: Any, options: Any, allowed: frozenset[str]) -> None:
    given = options.headers if isinstance(options.headers, Mapping) else {}
    for name, value in given.items():
        lowered = name.lower()
        if lowered == RAW_RESPONSE_HEADER and value != "true":
            raise ContentRefused(
                "with_streaming_response is not guarded yet, so it is refused",
                remedy="use with_raw_response or the plain call",
            )
        values = HELPER_HEADERS.get(lowered, frozenset())
        if lowered not in allowed and values is not None and value not in values:
            raise _custom_header()
    for name in getattr(client, "_custom_headers", {}):
        if name.lower() not in allowed:
            raise _custom_header()


def _custom_header() -> ContentRefused:
    return ContentRefused(
        "the request carries a custom header that the policy does not list",
        remedy="list its name under the provider's headers, or leave it out",
    )


def renew_body(options: Any, ticket: Ticket) -> None:
    """Put the admitted body into the options once more, unless somebody changed it.

    Raises:
        UnguardedPath: the options hold something else than what the guard admitted.
    """
    body = thaw(ticket.payload)
    replaced = options.json_data is not ticket.body or options.extra_json is not None
    if replaced or options.json_data != body or options.content is not None or options.files:
        raise UnguardedPath("the body was changed after the guard had admitted it")
    options.json_data = body


def refuse_deviations(request: Any, ticket: Ticket) -> None:
    """Refuse a built request that says more, or goes elsewhere, than the guard decided.

    Raises:
        UnguardedPath: another origin, or a header that neither the SDK nor the policy knows.
        ContentRefused: a query string, for instance from a supplied HTTP client.
    """
    if origin_of(request.url) != ticket.origin:
        raise UnguardedPath("the request goes to another origin than the one decided")
    _refuse_address(request.url)
    sdk = frozenset(pairs(ticket.sdk_headers)) if ticket.sdk_headers is not None else ()
    for name, value in pairs(request.headers):
        by_sdk = name in SDK_HEADERS and (name, value) in sdk
        if by_sdk or name in ticket.listed or _by_library(name, value, request):
            continue
        if name == COOKIE:  # a server's, kept by the HTTP client; nothing that the API needs
            del request.headers[name]
            continue
        raise UnguardedPath(
            "the HTTP client adds a header that the policy does not list",
            remedy="list its name under the provider's headers",
        )


def _by_library(name: str, value: str, request: Any) -> bool:
    """Say whether the HTTP library itself would put this header on a request."""
    if name == "accept-encoding":
        return ENCODINGS.issuperset(part.strip() for part in value.split(","))
    own = {
        "host": request.url.netloc.decode("ascii"),
        "content-length": str(len(request.content)),
        "connection": "keep-alive",
    }
    return own.get(name) == value


def prepared(options: Any, call: Call) -> tuple[Any, Any]:
    """Return a copy of the options with the admitted body, and that body."""
    body = thaw(call.payload) if isinstance(call, ModelCall) else None
    copied = options.model_copy() if hasattr(options, "model_copy") else options.copy()
    copied.json_data = body
    copied.extra_json = None
    return copied, body


def response_of(http_response: Any, call: Call) -> Response:
    """Return the response body as plain JSON, with the facts for the operation's span.

    Raises:
        GuardFailure: the body is no JSON, so that it cannot be checked; it is withheld.
    """
    try:
        content = json.loads(http_response.content)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise GuardFailure(
            "the provider's response is no JSON object, so it is withheld",
            part="result",
            call_id=call.id,
            dispatched=True,
        )
    return Response(content=content, attributes=_response_attributes(content))


def _response_attributes(content: dict[str, Any]) -> dict[str, str | int | tuple[str, ...]]:
    """Collect what the operation's span says of an answer; identifiers and counts alone."""
    found: dict[str, str | int | tuple[str, ...]] = {}
    for key, name in (("id", GEN_AI_RESPONSE_ID), ("model", GEN_AI_RESPONSE_MODEL)):
        if isinstance(content.get(key), str) and chat.MODEL_NAME.fullmatch(content[key]):
            found[name] = content[key]
    usage = content.get("usage")
    tokens = (
        ("prompt_tokens", GEN_AI_INPUT_TOKENS),
        ("completion_tokens", GEN_AI_OUTPUT_TOKENS),
    )
    if isinstance(usage, dict):
        found |= {name: usage[key] for key, name in tokens if isinstance(usage.get(key), int)}
    choices = content.get("choices")
    reasons = tuple(
        str(choice.get("finish_reason"))
        for choice in (choices if isinstance(choices, list) else [])
        if isinstance(choice, dict)
    )
    if reasons and FINISH_REASONS.issuperset(reasons):
        found[GEN_AI_FINISH_REASONS] = reasons
    return found


def request_attributes(client: Any) -> dict[str, str | int]:
    """Return what the operation's span says from its start about where a request goes."""
    url = client.base_url
    port = url.port or (443 if url.scheme == "https" else 80)
    return {GEN_AI_PROVIDER: "openai", SERVER_ADDRESS: url.host, SERVER_PORT: port}


def with_content(http_response: Any, content: Any) -> Any:
    """Return a response equal to *http_response* that holds *content* as its body.

    It is the same one when that is what it holds already.
    """
    if json.loads(http_response.content) == content:
        return http_response
    headers = [
        (name, value)
        for name, value in http_response.headers.raw
        if name.lower().decode("latin-1") not in DROPPED_RESPONSE_HEADERS
    ]
    rebuilt = type(http_response)(
        status_code=http_response.status_code,
        headers=headers,
        content=json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogatepass"),
        request=http_response.request,
        extensions=http_response.extensions,
        history=http_response.history,
    )
    rebuilt.elapsed = http_response.elapsed
    return rebuilt
