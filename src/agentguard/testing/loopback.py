# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a model provider run inside a test?

A real HTTP server on 127.0.0.1 that speaks chat completions without streaming and journals
every byte; every other path is answered with 404 and journalled too.
It makes no connection of its own and listens on no other address.

INVARIANT: a request stands in the journal before it is answered
(tests/testing/test_loopback.py).
"""

import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Mapping
from datetime import timedelta
from types import TracebackType
from typing import Any, Self

from agentguard.testing.answers import Answer, Responder, answer_body, error_body
from agentguard.testing.chat_request import RequestInvalid, parse_chat_request
from agentguard.testing.http_server import LoopbackServer, Reply
from agentguard.testing.received import Journal, Received

CHAT_PATH = "/v1/chat/completions"

_BEARER = re.compile(r"Bearer \S+", re.IGNORECASE)


class LoopbackProvider:
    """A model provider on loopback that keeps every byte it received.

    Scripted answers are given first, in order, one for each valid chat request; when there are
    none left, *respond* answers; without it the request is answered with 500.

        with LoopbackProvider(respond=echo) as provider:
            client = OpenAI(base_url=provider.base_url, api_key="test")

    Args:
        respond: gives the answer to the parsed body of a valid request; called from many
            threads.
        extra_fields: fields of a request beyond the documented ones that are taken.
    """

    def __init__(
        self, respond: Responder | None = None, *, extra_fields: Iterable[str] = ()
    ) -> None:
        self._respond = respond
        self._extra_fields = frozenset(extra_fields)
        self._journal = Journal()
        self._lock = threading.Lock()
        self._script: deque[Answer] = deque()
        self._answered = 0
        self._server: LoopbackServer | None = None
        self._closed = threading.Event()

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1.

        Raises:
            RuntimeError: the provider was started before.
        """
        if self._server is not None:
            raise RuntimeError("a provider starts once")
        self._server = LoopbackServer(self._journal, self._reply_to)
        self._server.start()
        return self

    def close(self) -> None:
        """Close every connection and stop; the journal stays readable. Idempotent."""
        if self._server is not None and not self._closed.is_set():
            self._closed.set()
            self._server.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def base_url(self) -> str:
        """What a client takes as its base URL.

        Raises:
            RuntimeError: the provider was not started.
        """
        if self._server is None:
            raise RuntimeError("the provider is not started")
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def journal(self) -> tuple[Received, ...]:
        """The requests so far, in the order in which they were complete."""
        return self._journal.requests()

    @property
    def connections(self) -> int:
        """How many connections were opened so far."""
        return self._journal.connections()

    def received_bytes(self) -> bytes:
        """Return every byte that arrived so far: request lines, headers and bodies, raw.

        A value that JSON escapes stands there escaped, so look for values in plain ASCII.
        """
        return self._journal.received_bytes()

    def wait_for(
        self, count: int, timeout: timedelta = timedelta(seconds=5)
    ) -> tuple[Received, ...]:
        """Wait until *count* requests have arrived and return the requests so far.

        Raises:
            TimeoutError: fewer came in time.
        """
        return self._journal.wait_for(count, timeout)

    def script(self, answers: Iterable[Answer]) -> None:
        """Append answers that are given before *respond* is asked."""
        with self._lock:
            self._script.extend(answers)

    def __repr__(self) -> str:
        with self._lock:
            waiting = len(self._script)
        return f"LoopbackProvider({self._journal!r}, {waiting} scripted answers left)"

    def _reply_to(self, received: Received) -> Reply:
        """Decide what is said to a request that stands in the journal."""
        problem = _problem_with(received)
        if problem is not None:
            return problem
        try:
            request = parse_chat_request(received.body, self._extra_fields)
        except RequestInvalid as invalid:
            return _error(400, str(invalid), param=invalid.param, code=invalid.code)
        try:
            return self._answer(request)
        except Exception as raised:  # noqa: BLE001 - a responder may raise anything
            return _error(500, f"the responder raised {type(raised).__name__}")

    def _answer(self, request: Mapping[str, Any]) -> Reply:
        with self._lock:
            self._answered += 1
            number = self._answered
            answer = self._script.popleft() if self._script else None
        if answer is None and self._respond is not None:
            answer = self._respond(request)
        if answer is None:
            return _error(500, "no answer is left for this request", code="no_answer")
        self._closed.wait(answer.delay.total_seconds())
        body = answer_body(answer, request, number=number, created=int(time.time()))
        headers = {"x-request-id": f"req_{number}", **answer.headers}
        return Reply(answer.status, body, headers, drop=answer.drop)


def _problem_with(received: Received) -> Reply | None:
    """Return the error for a request that is no chat completion, or None."""
    path = received.path.partition("?")[0]
    if path != CHAT_PATH:
        return _error(404, "this provider speaks chat completions only", code="unknown_url")
    if received.method != "POST":
        return _error(405, "only POST is allowed here", code="method_not_allowed")
    if not _BEARER.fullmatch(received.header("authorization") or ""):
        return _error(401, "no API key was provided", code="invalid_api_key")
    return None


def _error(
    status: int, message: str, *, param: str | None = None, code: str | None = None
) -> Reply:
    """Return an error of the provider's own; a client is told that to retry is of no use."""
    body = error_body(status, message, param=param, code=code)
    return Reply(status, body, {"x-should-retry": "false"})
