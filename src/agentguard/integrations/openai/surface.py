# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which classes, headers and readers belong to the OpenAI SDK?

Source: ``openai`` 2.45 to 3.54, where methods set headers and which values they give them.
"""

import re

from agentguard.clients.surface import Reader, Surface
from agentguard.integrations.openai import chat, responses, simple, sockets
from agentguard.integrations.openai.streams import form_of
from agentguard.operations import table_of

READERS: dict[str, Reader] = {
    f"POST {chat.PATH}": chat.model_call,
    **{f"POST {path}": responses.model_call for path in responses.BODIES},
    **{f"POST {path}": simple.model_call for path in simple.OPERATIONS},
}

SDK_HEADERS = frozenset(
    {
        "accept", "api-key", "authorization", "content-type", "idempotency-key", "openai-beta",
        "openai-organization", "openai-project", "user-agent", "x-stainless-arch",
        "x-stainless-async", "x-stainless-custom-event-handler",
        "x-stainless-custom-poll-interval", "x-stainless-helper-method", "x-stainless-lang",
        "x-stainless-os", "x-stainless-package-version", "x-stainless-poll-helper",
        "x-stainless-raw-response", "x-stainless-read-timeout", "x-stainless-retry-count",
        "x-stainless-runtime", "x-stainless-runtime-version", "x-stainless-stream-helper",
    }
)  # fmt: skip

_BETA = r"(?:agents=v1|assistants=v2|chatkit_beta=v1|realtime=v1|responses_multi_agent=v1)"
_ACCEPT = r"\*/\*|application/(?:json|binary|octet-stream|sdp)|text/event-stream"
_CONTENT_TYPE = r"application/(?:json|sdp)|multipart/form-data"
_HELPERS = r"(?:beta\.)?chat\.completions\.(?:parse|stream)"
_RUNS = r"threads\.(?:create_and_run_stream|runs\.(?:create_and|submit_tool_outputs)_stream)"

# A framework says its name and release; whatever else it would say is a header of its own.
FRAMEWORKS = r"(?:pydantic-ai/|Agents/Python )[0-9]{1,3}(?:\.[0-9]{1,4}){1,3}"

HELPER_HEADERS: dict[str, re.Pattern[str] | None] = {
    "accept": re.compile(_ACCEPT),
    "content-type": re.compile(_CONTENT_TYPE),
    "user-agent": re.compile(FRAMEWORKS),
    "openai-beta": re.compile(f"{_BETA}(?:,{_BETA})*"),
    "x-stainless-custom-event-handler": re.compile("true|false"),
    "x-stainless-custom-poll-interval": re.compile("[0-9]{1,9}"),
    "x-stainless-helper-method": re.compile(_HELPERS),
    "x-stainless-poll-helper": re.compile("true"),
    "x-stainless-raw-response": re.compile("true|stream"),
    "x-stainless-stream-helper": re.compile(_RUNS),
    # Says how the SDK makes its result; it is not sent.
    "____stainless_override_cast_to": None,
}
# What AWS and Google sign-in put on a request once it is built.
SIGNING_HEADERS = frozenset(
    {
        "authorization", "content-length", "x-amz-content-sha256", "x-amz-date",
        "x-amz-security-token", "x-goog-user-project",
    }
)  # fmt: skip


SURFACE = Surface(
    sdk="openai",
    provider="openai",
    clients=frozenset(
        {
            "OpenAI", "AsyncOpenAI", "AzureOpenAI", "AsyncAzureOpenAI", "BedrockOpenAI",
            "AsyncBedrockOpenAI",
            # What ``openai.chat`` and its like work with, once it is loaded.
            "_ModuleClient", "_AzureModuleClient", "_BedrockModuleClient",
        }
    ),
    table=table_of("openai"),
    readers=READERS,
    form=form_of,
    sdk_headers=SDK_HEADERS,
    helper_headers=HELPER_HEADERS,
    client_headers={"organization": "openai-organization", "project": "openai-project"},
    signing_headers=SIGNING_HEADERS,
    query=frozenset({"api-version", "beta"}),
    sockets=sockets.SOCKETS,
    socket_clients=sockets.CLIENTS,
)  # fmt: skip
