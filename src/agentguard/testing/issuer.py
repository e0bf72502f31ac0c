# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are tokens had in tests, without an identity provider?

Signs whatever it is told to, and serves its public keys on a loopback address. It needs the extra
``tokens``. It is for tests alone: it asks nobody who they are.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

OK = 200
LIFETIME = 300
_CURVES: Mapping[str, Callable[[], ec.EllipticCurve]] = {
    "ES256": ec.SECP256R1,
    "ES384": ec.SECP384R1,
    "ES512": ec.SECP521R1,
}


def new_private_key(algorithm: str, bits: int = 2048) -> Any:
    """Return a private key for an algorithm of signatures."""
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(65537, bits)


def public_jwk(private: Any, algorithm: str, **members: object) -> dict[str, Any]:
    """Return the public half of a key as a JSON Web Key."""
    written = jwt.get_algorithm_by_name(algorithm).to_jwk(private.public_key())
    return {**json.loads(str(written)), **members}


class LoopbackIssuer:
    """An identity provider on this machine; use it as a block.

    Attributes:
        name: the ``iss`` of its tokens.
        status: what it answers; 200 as long as it works.
        body: what it serves in place of its keys, None for its keys.
        headers: what else it answers.
        before_answering: called before each answer; may wait.
        requests: how often its keys were asked for.
    """

    def __init__(self, algorithm: str = "ES256", *, key: Any = None) -> None:
        """Make an issuer with one key, ``key-1``."""
        self.name = "https://login.test"
        self.status = OK
        self.body: bytes | None = None
        self.headers: dict[str, str] = {}
        self.before_answering: Callable[[], object] | None = None
        self.requests = 0
        self._keys: dict[str, tuple[Any, str]] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answering())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self.add_key("key-1", algorithm, key=key)

    @property
    def keys_url(self) -> str:
        """Where its keys are."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/keys"

    def add_key(self, key_id: str, algorithm: str = "ES256", *, key: Any = None) -> Any:
        """Publish another key, or one in place of another, and return its private half."""
        private = new_private_key(algorithm) if key is None else key
        self._keys = {**self._keys, key_id: (private, algorithm)}
        return private

    def key_set(self) -> bytes:
        """Return its public keys as a JSON Web Key Set."""
        keys = [
            public_jwk(private, algorithm, kid=key_id, use="sig", alg=algorithm)
            for key_id, (private, algorithm) in self._keys.items()
        ]
        return json.dumps({"keys": keys}).encode("utf-8")

    def token(
        self,
        claims: Mapping[str, object] | None = None,
        *,
        key_id: str | None = None,
        header: Mapping[str, object] | None = None,
        now: float | None = None,
    ) -> str:
        """Return a signed token.

        Args:
            claims: in place of the usual ones; None takes one away.
            key_id: the key to sign with, the last one added if None.
            header: more members of the header; None takes one away.
            now: when it is issued.
        """
        key_id = list(self._keys)[-1] if key_id is None else key_id
        private, algorithm = self._keys[key_id]
        issued = int(time.time() if now is None else now)
        usual = {"iss": self.name, "aud": "agents", "sub": "alice", "iat": issued}
        said = {**usual, "exp": issued + LIFETIME, **(claims or {})}
        return sign(said, private, algorithm, {"kid": key_id, **(header or {})})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        # Where it does not wake what waits for a connection, that looks again soon.
        with contextlib.suppress(OSError):
            self._server.socket.shutdown(socket.SHUT_RDWR)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answering(self) -> type[BaseHTTPRequestHandler]:
        issuer = self

        class Answering(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.requests += 1
                if issuer.before_answering is not None:
                    issuer.before_answering()
                body = issuer.key_set() if issuer.body is None else issuer.body
                self.send_response(issuer.status)
                for name, value in issuer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        return Answering


def sign(
    claims: Mapping[str, object], private: Any, algorithm: str, header: Mapping[str, object]
) -> str:
    """Return a compact signed token of claims that are there, with any header at all."""
    said = json.dumps({name: value for name, value in claims.items() if value is not None})
    return sign_bytes(said.encode("utf-8"), private, algorithm, header)


def sign_bytes(payload: bytes, private: Any, algorithm: str, header: Mapping[str, object]) -> str:
    """Return a compact signed token over any bytes."""
    named = {"alg": algorithm, "typ": "JWT", **header}
    top = json.dumps({name: value for name, value in named.items() if value is not None})
    signed = b".".join(encoded(part) for part in (top.encode("utf-8"), payload))
    signature = jwt.get_algorithm_by_name(algorithm).sign(signed, private)
    return (signed + b"." + encoded(signature)).decode("ascii")


def encoded(content: bytes) -> bytes:
    """Return bytes as base64 for URLs, without padding."""
    return jwt.utils.base64url_encode(content)
