# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Handshakes: the name stays what the certificate is checked for, whatever address it has."""

import datetime as dt
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from agentguard import Guard
from agentguard.integrations.httpx_clients import guard_http_client
from agentguard.integrations.requests_sessions import guard_session
from agentguard.testing.http_server import LoopbackServer
from agentguard.testing.received import Journal
from agentguard.testing.replies import Reply

TOOLS = ("read",)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for a.test and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a.test")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("a.test")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "a.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


class Secured:
    """A server on loopback that speaks TLS and notes which name it was asked for."""

    def __init__(self, certificate: Path) -> None:
        self.asked: list[str | None] = []
        self.journal = Journal()
        self.http = LoopbackServer(self.journal, lambda _: Reply(200, {"ok": True}))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        context.sni_callback = lambda _socket, name, _context: self.asked.append(name)
        self.http.socket = context.wrap_socket(self.http.socket, server_side=True)
        self.port = self.http.server_port


@pytest.fixture
def secured(certificate: Path) -> Iterator[Secured]:
    """A server for a.test."""
    running = Secured(certificate)
    running.http.start()
    yield running
    running.http.stop()


def here(_host: str, _port: int) -> tuple[str, ...]:
    """Say of every name that it is this machine."""
    return ("127.0.0.1",)


def getters(guard: Guard, certificate: Path) -> Iterator[tuple[Callable[[str], Any], type]]:
    """Yield what gets an address with each library, and what it raises for a wrong certificate."""
    enforcer = guard._parts.enforcer
    context = ssl.create_default_context(cafile=str(certificate))
    for library in (httpx, httpx2):
        client = library.Client(verify=context, trust_env=False)
        guarded = guard_http_client(client, enforcer, TOOLS, None, resolve=here)
        yield guarded.get, library.ConnectError
        guarded.close()
    session = guard_session(requests.Session(), enforcer, TOOLS, None, resolve=here)
    session.verify, session.trust_env = str(certificate), False
    yield session.get, requests.exceptions.SSLError
    session.close()


def test_a_certificate_is_checked_for_the_name(
    guard_with: Callable[..., Guard], server: Any, secured: Secured, certificate: Path
) -> None:
    """The server is asked for the name, and one that shows another name's certificate is refused."""
    guard = guard_with(**{f"ports = [{server.port}, ": f"ports = [{secured.port}, "})
    for get, wrong in getters(guard, certificate):
        with guard.identity("agent:crm"):
            assert get(f"https://a.test:{secured.port}/open").status_code == 200
            with pytest.raises(wrong):
                get(f"https://b.test:{secured.port}/open")
    assert secured.asked == ["a.test", "b.test"] * 3
    assert [each.header("host") for each in secured.journal.requests()] == [
        f"a.test:{secured.port}"
    ] * 3
