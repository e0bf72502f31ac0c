# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which classes, headers and readers belong to the Anthropic SDK?

The SDK can make spans of its own and run user code around each attempt. Neither goes together
with a guard above them: the guard makes the span, and a client with middleware is refused.
Source: ``anthropic`` 2.12, where methods set headers and which values they give them.
"""

import re
from typing import Any

from agentguard.clients.surface import Surface
from agentguard.errors import UnguardedPath
from agentguard.integrations.anthropic import batches, messages
from agentguard.integrations.anthropic.stream_messages import MessagesForm
from agentguard.operations import table_of
from agentguard.redaction import StreamForm
from agentguard.vocabulary import ModelCall

SDK_HEADERS = frozenset(
    {
        "accept", "anthropic-beta", "anthropic-user-profile-id", "anthropic-version",
        "anthropic-worker-id", "anthropic-workspace-id", "authorization", "content-type",
        "user-agent", "x-api-key",
        "x-stainless-arch", "x-stainless-async", "x-stainless-helper",
        "x-stainless-helper-method", "x-stainless-lang", "x-stainless-os",
        "x-stainless-package-version", "x-stainless-raw-response", "x-stainless-read-timeout",
        "x-stainless-retry-count", "x-stainless-runtime", "x-stainless-runtime-version",
        "x-stainless-stream-helper", "x-stainless-timeout",
    }
)  # fmt: skip

_FLAG = r"[a-z0-9]+(?:-[a-z0-9]+){0,8}-20\d\d-\d\d-\d\d[a-z]?"
_HELPER = (
    r"(?:beta\.)?messages\.parse|BetaToolRunner|browser-toolset|compaction|computer-toolset"
    r"|mcp_content|mcp_message|mcp_resource_to_content|mcp_resource_to_file|mcp_tool"
    r"|message-thread|session-tool-runner|environments-work-poller|environments-worker"
)
_ID = re.compile("[A-Za-z0-9_-]{1,128}")

# A framework says its name and release; whatever else it would say is a header of its own.
_FRAMEWORKS = r"pydantic-ai/[0-9]{1,3}(?:\.[0-9]{1,4}){1,3}"

HELPER_HEADERS: dict[str, re.Pattern[str] | None] = {
    "accept": re.compile(r"application/(?:json|binary)|text/event-stream"),
    "anthropic-beta": re.compile(f"{_FLAG}(?:,{_FLAG}){{0,31}}"),
    "anthropic-user-profile-id": _ID,
    "anthropic-worker-id": _ID,
    "anthropic-workspace-id": _ID,
    "user-agent": re.compile(_FRAMEWORKS),
    "content-type": re.compile("application/json|multipart/form-data"),
    "x-stainless-helper": re.compile(f"(?:{_HELPER})(?:, ?(?:{_HELPER})){{0,15}}"),
    "x-stainless-helper-method": re.compile("stream"),
    "x-stainless-raw-response": re.compile("raw|stream"),
    "x-stainless-stream-helper": re.compile(r"(?:beta\.)?messages"),
    # Says how the SDK makes its result; it is not sent.
    "____stainless_override_cast_to": None,
}


def form_of(call: ModelCall) -> StreamForm | None:
    """Return a form for one stream of a call's answer, None when it cannot be checked."""
    return MessagesForm() if call.path == messages.PATH else None


def make_ready(client: Any) -> None:
    """Switch the SDK's own spans off on a client; they would be a second set of the guard's.

    Raises:
        UnguardedPath: the client has middleware, which can send a request again, elsewhere.
    """
    if getattr(client, "_middleware", None):
        raise UnguardedPath(
            "a client with middleware cannot be guarded",
            remedy="make the client without middleware=",
        )
    client._set_open_telemetry({"propagation": False, "traces": {"enabled": False}})  # noqa: SLF001 - the SDK has no public way


_CREDENTIALS = frozenset({"api_key", "auth_token", "config", "credentials", "profile"})


def for_copy(client: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Hand a client's credentials to its copy; the SDK does so for its own classes alone."""
    credentials = getattr(client, "credentials", None)
    keyless = client.api_key is None and client.auth_token is None
    if credentials is None or not keyless or not _CREDENTIALS.isdisjoint(arguments):
        return arguments
    return {**arguments, "credentials": credentials}


SURFACE = Surface(
    sdk="anthropic",
    provider="anthropic",
    clients=frozenset({"Anthropic", "AsyncAnthropic"}),
    table=table_of("anthropic"),
    readers={
        **{f"POST {path}": messages.model_call for path in messages.BODIES},
        f"POST {batches.PATH}": batches.model_call,
    },
    form=form_of,
    sdk_headers=SDK_HEADERS,
    helper_headers=HELPER_HEADERS,
    # Put on by the HTTP client's authentication, together with a token.
    sign_in_flags=frozenset({("anthropic-beta", "oauth-2025-04-20")}),
    query=frozenset({"beta"}),
    make_ready=make_ready,
    for_copy=for_copy,
)
