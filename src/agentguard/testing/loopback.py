# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a model provider run inside a test?

A real HTTP server on 127.0.0.1 that speaks the APIs of OpenAI, Azure and Anthropic and journals
every byte; an endpoint that it does not know is answered with an object that the SDKs can parse.
It makes no connection of its own and listens on no other address.

INVARIANT: a request stands in the journal before it is answered
(tests/testing/test_loopback.py).
"""

import re
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

from agentguard.testing.answers import Answer, Responder
from agentguard.testing.demands import RequestInvalid
from agentguard.testing.error_bodies import anthropic_error, openai_error
from agentguard.testing.exchange import Exchange
from agentguard.testing.http_server import LoopbackServer
from agentguard.testing.received import Journal, Received
from agentguard.testing.replies import Reply
from agentguard.testing.routes import Route, route_of
from agentguard.testing.sightings import request_places, sightings
from agentguard.testing.stored_files import StoredFiles

_AUTHORIZATION = re.compile(r"Bearer \S+|AWS4-HMAC-SHA256 .+", re.IGNORECASE)
_KEY_HEADERS = ("api-key", "x-api-key")


class LoopbackProvider:
    """A model provider on loopback that keeps every byte it received.

    Scripted answers are given first, in order, one for each valid request that a model answers
    (chat, responses, completions, messages, transcriptions, images); when there are none left,
    *respond* answers; without it the request is answered with 500.
    Every other endpoint answers by itself, unless answers were scripted for it alone.

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
        self._scripts: defaultdict[str, deque[Answer]] = defaultdict(deque)
        self._files = StoredFiles()
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

    def saw(self, canary: str | bytes) -> tuple[str, ...]:
        """Return where *canary* arrived, in the clear or decoded; nothing if it never did.

        Looked into are path, query, headers and body of every request, and in them what was
        written for a URL, in JSON, in JSON Lines, in base64 or hex, compressed, or in the parts
        of a form; and every raw byte.
        """
        return sightings(canary, request_places(self.journal), self.received_bytes())

    def put_file(self, content: bytes, *, filename: str = "file", purpose: str = "batch") -> str:
        """Lay a file down at the provider, as if it were there before, and return its id."""
        created = int(time.time())
        return self._files.add(content, filename=filename, purpose=purpose, created=created).id

    def script(self, answers: Iterable[Answer], *, at: str | None = None) -> None:
        """Append answers that are given before *respond* is asked.

        Args:
            answers: given in order, one for a request.
            at: the endpoint that they are for, such as ``"POST /files"``; None for every
                endpoint that a model answers.
        """
        with self._lock:
            (self._script if at is None else self._scripts[at]).extend(answers)

    def __repr__(self) -> str:
        with self._lock:
            waiting = len(self._script) + sum(map(len, self._scripts.values()))
        return f"LoopbackProvider({self._journal!r}, {waiting} scripted answers left)"

    def _reply_to(self, received: Received) -> Reply:
        """Decide what is said to a request that stands in the journal."""
        route = route_of(received)
        if not _has_key(received):
            return _error(route, 401, "no API key was provided", code="invalid_api_key")
        if received.header("upgrade"):
            return _error(route, 426, "this provider has no sockets; use a LoopbackSocket")
        try:
            request = route.shape.parse(received, self._extra_fields)
        except RequestInvalid as invalid:
            return _error(route, 400, str(invalid), param=invalid.param, code=invalid.code)
        try:
            return self._reply(received, route, request)
        except Exception as raised:  # noqa: BLE001 - a responder may raise anything
            return _error(route, 500, f"the responder raised {type(raised).__name__}")

    def _reply(self, received: Received, route: Route, request: Mapping[str, Any]) -> Reply:
        with self._lock:
            self._answered += 1
            number = self._answered
        answer = self._next_answer(route, request)
        if answer is None:
            return _error(route, 500, "no answer is left for this request", code="no_answer")
        self._closed.wait(answer.delay.total_seconds())
        exchange = Exchange(
            received=received,
            request=request,
            path=route.path,
            matched=route.matched,
            number=number,
            created=int(time.time()),
            files=self._files,
            respond=self._respond or _say_nothing,
        )
        reply = _told(answer, route) or route.shape.reply(exchange, answer)
        name = "request-id" if route.anthropic else "x-request-id"
        headers = {name: f"req_{number}", **reply.headers, **answer.headers}
        return replace(reply, headers=headers, drop=answer.drop)

    def _next_answer(self, route: Route, request: Mapping[str, Any]) -> Answer | None:
        with self._lock:
            here = self._scripts.get(route.pair)
            if here:
                return here.popleft()
            if route.shape.model and self._script:
                return self._script.popleft()
        if not route.shape.model:
            return Answer()
        return None if self._respond is None else self._respond(request)


def _say_nothing(_request: Mapping[str, Any]) -> Answer:
    return Answer(content="")


def _has_key(received: Received) -> bool:
    """Say whether a request carries a key in one of the ways of the SDKs."""
    if _AUTHORIZATION.fullmatch(received.header("authorization") or ""):
        return True
    return any(received.header(name) for name in _KEY_HEADERS)


def _told(answer: Answer, route: Route) -> Reply | None:
    """Return the reply that is the same for every endpoint, None if it is the endpoint's own."""
    if answer.drop or answer.body is not None:
        return Reply(answer.status, answer.body)
    if answer.status >= HTTPStatus.BAD_REQUEST:
        body = _error_body(route, answer.status, answer.text or "the provider was told to fail")
        return Reply(answer.status, body)
    return Reply(answer.status) if answer.status >= HTTPStatus.MULTIPLE_CHOICES else None


def _error_body(route: Route, status: int, message: str, **detail: str | None) -> dict[str, Any]:
    if route.anthropic:
        return anthropic_error(status, message)
    return openai_error(status, message, **detail)


def _error(
    route: Route, status: int, message: str, *, param: str | None = None, code: str | None = None
) -> Reply:
    """Return an error of the provider's own; a client is told that to retry is of no use."""
    body = _error_body(route, status, message, param=param, code=code)
    return Reply(status, body, {"x-should-retry": "false"})
