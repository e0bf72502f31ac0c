# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does any method of the SDKs' clients reach the provider past the guard?

The story: the OpenAI SDK went from 154 to 436 methods in a year, so a list of guarded methods
rots. Every public method of every resource is called with dummy arguments, plain and through both
response wrappers, and what comes back is driven to its beginning, so that lazy requests happen.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from agentguard import Guard
from agentguard.operations import Allowed, table_of
from agentguard.testing import LoopbackProvider, echo
from agentguard.testing.sdk_arguments import CANARY
from agentguard.testing.sdk_operations import addressing, querying
from agentguard.testing.sdk_surface import LOCAL, WRAPPERS, Method, arguments, client, methods
from agentguard.testing.sdk_sweep import Sweep, sweep
from agentguard.vocabulary import Kind, Reference

AZURE = ("AzureOpenAI", "AsyncAzureOpenAI")
KINDS = ("OpenAI", "AsyncOpenAI", *AZURE, "Anthropic", "AsyncAnthropic")
PLAIN, RAW, STREAMING = WRAPPERS
# Each kind of client is swept plain, and each SDK through both wrappers.
EACH_TIME = {
    *((kind, PLAIN) for kind in KINDS),
    *(("OpenAI", RAW), ("AsyncOpenAI", STREAMING)),
    *(("Anthropic", STREAMING), ("AsyncAnthropic", RAW)),
}
EACH_WAY = pytest.mark.parametrize(
    ("kind", "wrapper"),
    [
        pytest.param(
            *way,
            marks=() if way in EACH_TIME else pytest.mark.nightly,
            id=f"{way[0]}-{way[1] or 'plain'}",
        )
        for way in product(KINDS, WRAPPERS)
    ],
)
EACH_CLIENT = pytest.mark.parametrize(
    "kind",
    [pytest.param(kind, marks=pytest.mark.nightly if kind in AZURE else ()) for kind in KINDS],
)

# Two methods only make an object that sends when it is run.
SILENT = LOCAL | {"beta.environments.work.worker", "beta.sessions.events.tool_runner"}
# These report a refused upload with an error of their own.
WRAPPING = {
    "beta.agents.environments.files.prepare",
    "beta.agents.environments.files.prepare_directory",
}
# What the starter policy lets the support agent ask for.
STARTER = {"/v1/chat/completions", "/v1/embeddings", "/v1/responses"}
# These websockets ignore the scheme of the base URL and greet with TLS, which is no request.
SOCKETS_OVER_TLS = {
    "OpenAI": {"beta.realtime.connect"},
    "AsyncOpenAI": {"beta.realtime.connect"},
    "AzureOpenAI": {"beta.realtime.connect", "realtime.connect"},
    "AsyncAzureOpenAI": {"beta.realtime.connect", "realtime.connect"},
    "Anthropic": set(),
    "AsyncAnthropic": set(),
}
# What stays refused where everything is allowed that a policy can allow at once, and why.
REFUSED = {
    "events that nobody can check": {
        "beta.agents.sessions.events.stream",
        "beta.agents.sessions.stream",
        "beta.threads.create_and_run_stream",
        "beta.threads.runs.create_and_stream",
        "beta.threads.runs.stream",
        "beta.threads.runs.submit_tool_outputs_stream",
        "beta.sessions.events.stream",
        "beta.sessions.threads.events.stream",
    },
    "never guarded": {
        "beta.realtime.connect",
        "beta.realtime.sessions.create",
        "beta.realtime.transcription_sessions.create",
    },
    "a socket, which no rule names": {
        "beta.responses.connect",
        "live.connect",
        "live.forks.connect",
        "live.sideband.connect",
        "realtime.connect",
        "realtime.translations.connect",
        "responses.connect",
    },
}
# The SDK runs it in threads of its own, which do not have the identity of its caller.
THREADS = {"vector_stores.file_batches.upload_and_poll"}
# What ends in the address of a second request, or is a credential of its own.
LATER = {"environment_id", "environment_key", "file_id", "vector_store_id"}
HEADERS = {"anthropic_worker_id", "betas", "user_profile_id", "worker_id", "workspace_id"}


def sdk_of(kind: str) -> str:
    """Return the SDK that has a client, or skip the test where it is not installed."""
    sdk = "anthropic" if "Anthropic" in kind else "openai"
    pytest.importorskip(sdk)
    return sdk


@lru_cache
def addressed(sdk: str) -> Mapping[str, frozenset[str]]:
    """Return the parameters of each method that end in an address."""
    return defaultdict(frozenset, addressing(sdk))


@lru_cache
def queried(sdk: str) -> Mapping[str, frozenset[str]]:
    """Return the parameters of each method that end in a query."""
    return defaultdict(frozenset, querying(sdk))


def wide_rule(sdk: str) -> str:
    """Return a rule that allows all that rules can allow of an SDK but sockets."""
    by_pair = (Kind.ADMIN, Kind.CREDENTIAL)
    pairs = [
        operation.pair
        for operation in table_of(sdk)
        if operation.kind in by_pair and operation.allowed is not Allowed.NEVER
    ]
    kinds = sorted(set(Kind) - {*by_pair, Kind.SOCKET})
    return f"""
[[rule]]
id = "all-of-{sdk}"
who = ["agent:support"]
for = ["group:support-team"]
provider = ["loopback"]
model = ["*"]
operation = {json.dumps([*kinds, *pairs])}
references = {json.dumps(list(Reference))}
then = "allow"
"""


@pytest.fixture
def wide_guard(policy_file: Path) -> Iterator[Guard]:
    """A guard whose policy allows support all that a rule can allow but sockets."""
    with policy_file.open("a", encoding="utf-8") as policy:
        policy.write(wide_rule("openai") + wide_rule("anthropic"))
        for media in ("image", "audio", "video", "pdf", "binary"):
            policy.write(f'\n[[class]]\nname = "{media}"\naction = "label"\n')
    with Guard.from_file(policy_file) as made:
        yield made


@pytest.fixture
def ruleless_guard(policy_file: Path) -> Iterator[Guard]:
    """A guard whose policy knows the provider on loopback and has no rule for it."""
    text = policy_file.read_text(encoding="utf-8")
    assert 'provider = ["openai", "loopback"]' in text
    text = text.replace('provider = ["openai", "loopback"]', 'provider = ["openai"]')
    policy_file.write_text(text, encoding="utf-8")
    with Guard.from_file(policy_file) as made:
        yield made


def guarded(kind: str, provider: LoopbackProvider, guard: Guard) -> Any:
    """Return a guarded client of the provider."""
    return guard.wrap(client(kind, provider.base_url))


def all_refused(swept: Sweep, provider: LoopbackProvider) -> bool:
    """Say whether all that is not local was refused, and not one connection was made."""
    assert provider.connections == 0
    assert provider.received_bytes() == b""
    assert swept.returned <= SILENT
    assert set(swept.raised) <= SILENT | WRAPPING
    return bool(swept.refused)


@EACH_WAY
def test_no_method_is_hidden_from_the_sweep(
    kind: str, wrapper: str, wide_guard: Guard, provider: LoopbackProvider
) -> None:
    """A guarded client has every method of the plain one, so that a sweep calls them all."""
    sdk_of(kind)
    plain, wrapped = client(kind, provider.base_url), guarded(kind, provider, wide_guard)
    names = [[method.name for method in methods(made, wrapper)] for made in (plain, wrapped)]
    assert names[0] == names[1]


@EACH_WAY
def test_no_method_reaches_the_provider_without_an_identity(
    kind: str, wrapper: str, wide_guard: Guard, provider: LoopbackProvider
) -> None:
    """Without an identity every method is refused, and not one connection is made."""
    sdk_of(kind)
    swept = sweep(guarded(kind, provider, wide_guard), wrapper)
    assert all_refused(swept, provider)


@EACH_WAY
def test_no_method_reaches_a_provider_that_no_rule_allows(
    kind: str, wrapper: str, ruleless_guard: Guard, provider: LoopbackProvider
) -> None:
    """Where the provider is declared and no rule allows it, every method is refused."""
    sdk_of(kind)
    with ruleless_guard.identity("agent:support", on_behalf_of="user:alice"):
        swept = sweep(guarded(kind, provider, ruleless_guard), wrapper)
    assert all_refused(swept, provider)


@EACH_WAY
def test_every_method_that_is_allowed_works_and_sends_placeholders(
    kind: str, wrapper: str, wide_guard: Guard, provider: LoopbackProvider
) -> None:
    """All but a few named methods arrive and return, and none of them sends the value itself."""
    known = addressed(sdk_of(kind))
    with wide_guard.identity("agent:support", on_behalf_of="user:alice"):
        swept = sweep(
            guarded(kind, provider, wide_guard),
            wrapper,
            given=lambda method: arguments(method, leave=LATER | known[method.name]),
        )
    assert provider.saw(CANARY) == ()
    assert set(swept.raised) <= SILENT
    refused = set(swept.refused) - THREADS
    assert refused <= set().union(*REFUSED.values())
    assert len(provider.journal) >= len(swept.returned - SILENT) > 0.85 * swept.called
    assert swept.called == len(swept.returned) + len(swept.refused) + len(swept.raised)


@EACH_CLIENT
def test_what_can_be_left_out_is_inspected_too(
    kind: str, wide_guard: Guard, provider: LoopbackProvider
) -> None:
    """With every member given that a method takes, no value arrives."""
    sdk = sdk_of(kind)
    known, asked = addressed(sdk), queried(sdk)

    def given(method: Method) -> dict[str, Any]:
        harmless = LATER | known[method.name]
        made = arguments(method, optional=True, leave=harmless)
        required = arguments(method, leave=harmless)
        left_out = asked[method.name] | HEADERS
        return {n: value for n, value in made.items() if n in required or n not in left_out}

    with wide_guard.identity("agent:support", on_behalf_of="user:alice"):
        swept = sweep(guarded(kind, provider, wide_guard), given=given)
    assert provider.saw(CANARY) == ()
    assert set(swept.raised) <= SILENT
    assert len(swept.returned) > 0.85 * swept.called


@EACH_CLIENT
def test_classified_data_in_an_address_reaches_nobody(
    kind: str, wide_guard: Guard, provider: LoopbackProvider
) -> None:
    """A path or a query is sent as it is or not at all, so a value in one refuses the call."""
    known = addressed(sdk_of(kind))

    def takes_text(method: Method) -> bool:
        given = arguments(method)
        return any(CANARY in str(given[name]) for name in known[method.name])

    with wide_guard.identity("agent:support", on_behalf_of="user:alice"):
        swept = sweep(guarded(kind, provider, wide_guard), only=takes_text)
    assert swept.called > 200
    assert all_refused(swept, provider)


@pytest.mark.parametrize("kind", ["OpenAI", "AsyncOpenAI"])
def test_what_a_rule_allows_alone_reaches_the_provider(
    kind: str, guard: Guard, provider: LoopbackProvider
) -> None:
    """With an identity that may chat, chats and embeddings arrive redacted and nothing else."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        swept = sweep(guarded(kind, provider, guard))
    assert swept.returned
    assert {request.url_path for request in provider.journal} <= STARTER
    assert provider.saw(CANARY) == ()
    assert set(swept.raised) <= SILENT | WRAPPING


@pytest.mark.parametrize("kind", list(SOCKETS_OVER_TLS))
def test_the_sweep_would_show_a_leak(kind: str) -> None:
    """On an unguarded client the same calls put bytes on the wire for every method but a few."""
    sdk_of(kind)
    with LoopbackProvider(echo) as provider:
        made = client(kind, provider.base_url)
        local = LOCAL & {method.name for method in methods(made)}
        reached = sweep(made)
        assert len(provider.journal) >= reached.called - len(local) - len(SOCKETS_OVER_TLS[kind])
        assert CANARY.encode() in provider.received_bytes()
