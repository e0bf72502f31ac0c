# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which request would this method of an SDK send?

The method runs on a real client whose ``request`` notes what it was asked for and stops, so
that nothing is sent and no connection is made. A websocket is noted where the SDK would open
it.
Of a method that sends several requests only the first is seen; the SDK has a method of its own
for each of the others.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from agentguard.testing.sdk_sweep import drive


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What a method would have sent.

    Attributes:
        verb: the HTTP verb, or ``WS``.
        path: the path below the base URL, as the method wrote it, without its query.
        query: the names of the query parameters.
        body: ``json``, ``multipart``, ``bytes``, ``frames`` or ``none``.
        fields: the members of the body.
        streams: whether the method asked for a stream of events.
        binary: whether it expects bytes for an answer.
    """

    verb: str
    path: str
    query: frozenset[str] = frozenset()
    body: str = "none"
    fields: frozenset[str] = frozenset()
    streams: bool = False
    binary: bool = False


class Stopped(BaseException):
    """A request was noted and is not made; no handler of the SDK's own catches this."""

    def __init__(self, sent: Sent) -> None:
        super().__init__()
        self.sent = sent


def recording(kind: type[Any]) -> type[Any]:
    """Return a subclass of a (sync) client that notes a request instead of making it."""

    def request(
        _client: object, cast_to: Any, options: Any, *, stream: bool = False, **_: object
    ) -> None:
        raise Stopped(_http(cast_to, options, streams=stream))

    return type(kind.__name__, (kind,), {"request": request})


def sent_by(call: Callable[[], Any], base_path: str = "") -> Sent | None:
    """Return the request that a call would send, or None if it ends without any.

    Args:
        call: a method of a recording client with its arguments.
        base_path: the path of the client's base URL, which a websocket's address holds too.
    """
    try:
        with _sockets_noted(base_path):
            drive(call())
    except Stopped as stopped:
        return stopped.sent
    return None


def _http(cast_to: Any, options: Any, *, streams: bool) -> Sent:
    path, _, query = options.url.partition("?")
    names = {pair.partition("=")[0] for pair in query.split("&") if pair}
    body, fields = _body(options)
    return Sent(
        verb=options.method.upper(),
        path=path,
        query=frozenset(names | set(options.params)),
        body=body,
        fields=frozenset(fields),
        streams=streams,
        binary="Binary" in getattr(cast_to, "__name__", ""),
    )


def _body(options: Any) -> tuple[str, set[str]]:
    content = options.json_data
    fields = set(content) if isinstance(content, dict) else set()
    files = options.files
    if files is not None:
        names = [name for name, _ in files] if isinstance(files, list) else list(files)
        return "multipart", fields | {name.partition("[")[0] for name in names}
    headers = options.headers if isinstance(options.headers, dict) else {}
    declared = {name.lower(): value for name, value in headers.items()}.get("content-type", "")
    if str(declared).startswith("multipart/"):
        return "multipart", fields
    if getattr(options, "content", None) is not None:
        return "bytes", fields
    if isinstance(content, bytes | bytearray) or hasattr(content, "read"):
        return "bytes", fields
    return ("none" if content is None else "json"), fields


@contextmanager
def _sockets_noted(base_path: str) -> Iterator[None]:
    try:
        from websockets.sync import client
    except ImportError:
        yield
        return

    def connect(url: str, **_: object) -> None:
        parts = urlsplit(url)
        names = {pair.partition("=")[0] for pair in parts.query.split("&") if pair}
        path = parts.path.removeprefix(base_path)
        raise Stopped(Sent(verb="WS", path=path, query=frozenset(names), body="frames"))

    kept = client.connect
    client.connect = connect  # type: ignore[assignment]  # stands in while one call runs
    try:
        yield
    finally:
        client.connect = kept
