# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does any method of the OpenAI clients reach the provider past the guard?

The story: the SDK went from 154 to 436 methods in a year, so a list of guarded methods rots.
Every public method of every resource is called with dummy arguments, plain and through both
response wrappers, and what comes back is driven to its beginning, so that lazy requests happen.
"""

import pytest

from agentguard import Guard
from agentguard.testing import LoopbackProvider
from agentguard.testing.sdk_arguments import CANARY
from agentguard.testing.sdk_surface import LOCAL, WRAPPERS, client, methods
from agentguard.testing.sdk_sweep import Sweep, sweep

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
}

KINDS = pytest.mark.parametrize("kind", ["OpenAI", "AsyncOpenAI"])
EACH_WRAPPER = pytest.mark.parametrize("wrapper", WRAPPERS, ids=["plain", *WRAPPERS[1:]])


def guarded_sweep(kind: str, provider: LoopbackProvider, guard: Guard, wrapper: str) -> Sweep:
    """Sweep a guarded client of the provider."""
    return sweep(guard.wrap(client(kind, provider.base_url)), wrapper)


@KINDS
@EACH_WRAPPER
def test_no_method_reaches_the_provider_without_an_identity(
    kind: str, wrapper: str, guard: Guard, provider: LoopbackProvider
) -> None:
    """Without an identity every method is refused, and not one connection is made."""
    swept = guarded_sweep(kind, provider, guard, wrapper)
    assert provider.connections == 0
    assert provider.received_bytes() == b""
    assert swept.returned == set()
    assert set(swept.raised) <= LOCAL | WRAPPING
    assert len(swept.refused) == swept.called - len(swept.raised)


@KINDS
@EACH_WRAPPER
def test_what_a_rule_allows_alone_reaches_the_provider(
    kind: str, wrapper: str, guard: Guard, provider: LoopbackProvider
) -> None:
    """With an identity that may chat, chats and embeddings arrive redacted and nothing else."""
    with guard.identity("agent:support", on_behalf_of="user:alice"):
        swept = guarded_sweep(kind, provider, guard, wrapper)
    assert swept.returned
    assert {request.url_path for request in provider.journal} <= STARTER
    assert provider.saw(CANARY) == ()
    assert set(swept.raised) <= LOCAL | WRAPPING


@pytest.mark.parametrize("kind", list(SOCKETS_OVER_TLS))
def test_the_sweep_would_show_a_leak(kind: str, provider: LoopbackProvider) -> None:
    """On an unguarded client the same calls put bytes on the wire for every method but three."""
    made = client(kind, provider.base_url)
    local = LOCAL & {method.name for method in methods(made)}
    reached = sweep(made)
    assert set(reached.raised) >= local
    assert len(provider.journal) >= reached.called - len(local) - len(SOCKETS_OVER_TLS[kind])
    assert CANARY.encode() in provider.received_bytes()
