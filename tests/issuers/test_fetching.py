# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is the request for keys bounded, and does it go where the policy says?"""

import gzip
import socket
import threading
from contextlib import closing

import pytest

from agentguard.issuers import fetching
from agentguard.issuers.fetching import MOST_BYTES, KeysUnreachable, fetch
from agentguard.testing.issuer import LoopbackIssuer


def test_keys_are_what_stands_at_the_address(issuer: LoopbackIssuer) -> None:
    """The bytes come back as they were sent."""
    assert fetch(issuer.keys_url) == issuer.key_set()


def test_a_redirect_is_not_followed(issuer: LoopbackIssuer) -> None:
    """Whoever answers for the issuer cannot send the guard elsewhere."""
    with LoopbackIssuer() as other:
        issuer.status, issuer.headers = 302, {"Location": other.keys_url}
        with pytest.raises(KeysUnreachable):
            fetch(issuer.keys_url)
        assert other.requests == 0


@pytest.mark.parametrize("status", [201, 204, 304, 401, 404, 500])
def test_an_answer_other_than_ok_is_none(issuer: LoopbackIssuer, status: int) -> None:
    """The page of an error is not read as keys."""
    issuer.status = status
    with pytest.raises(KeysUnreachable):
        fetch(issuer.keys_url)


def test_too_much_is_not_read(issuer: LoopbackIssuer) -> None:
    """An answer without end does not fill the memory."""
    issuer.body = b" " * (MOST_BYTES + 1)
    with pytest.raises(KeysUnreachable):
        fetch(issuer.keys_url)


def test_a_compressed_answer_is_not_unpacked(issuer: LoopbackIssuer) -> None:
    """Nobody asked for compression, and a small answer could unpack to a large one."""
    issuer.body, issuer.headers = gzip.compress(b" " * 10**7), {"Content-Encoding": "gzip"}
    with pytest.raises(KeysUnreachable):
        fetch(issuer.keys_url)


def test_an_answer_that_trickles_is_given_up(
    issuer: LoopbackIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time for the whole answer is bounded, not only that for each part."""
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    ended = threading.Event()

    def trickle(server: socket.socket) -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            while not ended.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        thread = threading.Thread(target=trickle, args=(server,), daemon=True)
        thread.start()
        try:
            with pytest.raises(KeysUnreachable):
                fetch(f"http://127.0.0.1:{server.getsockname()[1]}/")
        finally:
            ended.set()
            thread.join()


def test_no_proxy_of_the_environment_is_used(
    issuer: LoopbackIssuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variable of the environment cannot put somebody else in the issuer's place."""
    with LoopbackIssuer() as other:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, other.keys_url)
        assert fetch(issuer.keys_url) == issuer.key_set()
        assert other.requests == 0


def test_nobody_there_is_told_without_the_address() -> None:
    """An address can hold what is nobody's business, and the error does not hold it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with pytest.raises(KeysUnreachable) as caught:
        fetch(f"http://127.0.0.1:{port}/canary")
    assert (caught.value.args, caught.value.__cause__, caught.value.__context__) == ((), None, None)
