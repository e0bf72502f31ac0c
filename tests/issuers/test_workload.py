# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do workloads prove who they are by the keys that SPIFFE's agent on this machine gives?"""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent import futures
from pathlib import Path
from typing import Any

import grpc
import pytest
from spiffe._proto import workload_pb2, workload_pb2_grpc

from agentguard import Guard, TokenRefused
from agentguard.issuers import TokenProblem
from agentguard.testing.issuer import LoopbackIssuer
from agentguard.vocabulary import Assurance

TABLES = """
[[identity]]
id = "agent:billing"
spiffe = "spiffe://corp.example/agent/billing"

[issuer.mesh]
kind = "spiffe"
issuer = "corp.example"
audience = "agents"
"""
BILLING = {"iss": None, "sub": "spiffe://corp.example/agent/billing"}


class Agent(workload_pb2_grpc.SpiffeWorkloadAPIServicer):
    """The agent of SPIFFE, with bundles of trust domains."""

    def __init__(self) -> None:
        self.bundles: dict[str, bytes] = {}

    def FetchJWTBundles(  # noqa: N802 - the protocol's name
        self, request: Any, context: Any
    ) -> Iterator[Any]:
        """Give the bundles once."""
        yield workload_pb2.JWTBundlesResponse(bundles=self.bundles)


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[Agent]:
    """An agent that listens where the environment says."""
    folder = Path(tempfile.mkdtemp(prefix="spiffe-"))
    made = Agent()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    add: Any = workload_pb2_grpc.add_SpiffeWorkloadAPIServicer_to_server
    add(made, server)
    server.add_insecure_port(f"unix:{folder}/agent.sock")
    server.start()
    monkeypatch.setenv("SPIFFE_ENDPOINT_SOCKET", f"unix:{folder}/agent.sock")
    yield made
    server.stop(None).wait()
    shutil.rmtree(folder)


@pytest.fixture
def authority(issuer: LoopbackIssuer) -> LoopbackIssuer:
    """Who signs the tokens of the trust domain; nobody asks it for keys."""
    return issuer


def test_a_workload_is_the_identity_that_names_its_spiffe_id(
    guard_of: Callable[[str], Guard], agent: Agent, authority: LoopbackIssuer
) -> None:
    """A JWT-SVID of the trust domain proves an identity of the policy, attested."""
    agent.bundles["spiffe://corp.example"] = authority.key_set()
    found = guard_of(TABLES).verify(authority.token(BILLING)).subject
    assert (found.id, found.assurance, found.source) == (
        "agent:billing",
        Assurance.ATTESTED,
        "mesh",
    )


@pytest.mark.parametrize("domains", [[], ["spiffe://other.example"]])
def test_without_a_bundle_of_the_trust_domain_no_workload_counts(
    domains: list[str], guard_of: Callable[[str], Guard], agent: Agent, authority: LoopbackIssuer
) -> None:
    """Keys of another trust domain verify nothing here."""
    agent.bundles = dict.fromkeys(domains, authority.key_set())
    with pytest.raises(TokenRefused) as caught:
        guard_of(TABLES).verify(authority.token(BILLING))
    assert caught.value.problem in {TokenProblem.KEYS_UNREADABLE, TokenProblem.KEYS_UNREACHABLE}


def test_without_an_agent_no_workload_counts(
    guard_of: Callable[[str], Guard],
    authority: LoopbackIssuer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A socket that is not there refuses, and does not keep the guard from starting."""
    monkeypatch.setenv("SPIFFE_ENDPOINT_SOCKET", f"unix:{tmp_path}/nobody.sock")
    with pytest.raises(TokenRefused) as caught:
        guard_of(TABLES).verify(authority.token(BILLING))
    assert caught.value.problem == TokenProblem.KEYS_UNREACHABLE


def test_a_bundle_can_stand_in_a_file(
    guard_of: Callable[[str], Guard], authority: LoopbackIssuer, tmp_path: Path
) -> None:
    """A file of the trust domain's bundle does as well as the agent."""
    bundle = authority.key_set().replace(b'"use": "sig"', b'"use": "jwt-svid"')
    (tmp_path / "bundle.json").write_bytes(bundle)
    guard = guard_of(TABLES + 'keys_file = "bundle.json"\n')
    assert guard.verify(authority.token(BILLING)).subject.id == "agent:billing"
