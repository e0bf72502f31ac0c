# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a decision point say that speaks AuthZEN?

A client of the Authorization API 1.0. It follows no redirect, trusts no answer but a plain one,
and reads no more of an answer, and no longer, than was set. Arguments and claims are sent only
where options name them; what an answer says beside its decision is not read.
httpx keeps connections open, checks certificates and follows no redirect unless it is told to.

INVARIANT: every answer but ``true`` denies, and no error holds what was sent or answered
(tests/deciders/test_authzen_decider.py).
"""

import json
import os
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from agentguard.canonical import Frozen, instant, members_once, thaw
from agentguard.deciders.options import Options
from agentguard.vocabulary import Boundary, DecisionRequest, Effect, Principal, Verdict

_KNOWN = ("url", "token_env", "ca_file", "timeout", "arguments", "claims")
_MOST_BYTES = 64 * 1024
_MOST_RESOURCES = 100
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]+")
_EVERYTHING = "*"
_OK = 200


class NoAnswer(Exception):
    """The decision point gave no answer that counts; the text says why, never what was said."""


class AuthZenDecider:
    """A client of one decision point; it may be used from many threads and after a fork."""

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        ca_file: Path | None = None,
        timeout: float = 2.0,
        arguments: frozenset[str] = frozenset(),
        claims: frozenset[str] = frozenset(),
    ) -> None:
        self._url = url.rstrip("/")
        self._token = token
        self._ca_file = ca_file
        self._timeout = timeout
        self._arguments = arguments
        self._claims = claims
        self._lock = Lock()
        self._client: Any = None
        self._process = 0

    def decide(self, request: DecisionRequest) -> Verdict:
        """Return what the decision point says: about the call, and about each of its objects.

        Raises:
            NoAnswer: it gave no answer that counts.
        """
        if len(request.resources) > _MOST_RESOURCES:
            raise NoAnswer("the call is about too many objects to ask for")
        asked = self._question(request)
        if request.resources:
            said = self._ask("evaluations", asked | {"evaluations": _evaluations(request, asked)})
            allowed = all(_decisions(said, len(request.resources) + 1))
        else:
            allowed = _decision(self._ask("evaluation", asked))
        return Verdict(effect=Effect.ALLOW if allowed else Effect.DENY)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._client is not None and self._process == os.getpid():
                self._client.close()
            self._client = None

    def _question(self, request: DecisionRequest) -> dict[str, Any]:
        context: dict[str, Any] = {
            "time": instant(request.now),
            "chain": [
                {"type": each.kind.value, "id": each.id} for each in request.chain.principals
            ],
            "policy": request.policy,
            "session": request.session_key,
        }
        known = {"environment": request.environment, "tenant": request.tenant}
        context |= {name: value for name, value in known.items() if value is not None}
        return {
            "subject": self._subject(request.subject),
            "action": {"name": request.action.value},
            "resource": self._resource(request),
            "context": context,
        }

    def _subject(self, principal: Principal) -> dict[str, Any]:
        properties: dict[str, Any] = {"assurance": principal.assurance.value}
        claims = principal.claims
        properties["claims"] = {
            name: thaw(claims[name]) for name in sorted(self._claims & claims.keys())
        }
        return {"type": principal.kind.value, "id": principal.id, "properties": properties}

    def _resource(self, request: DecisionRequest) -> dict[str, Any]:
        if request.boundary is Boundary.MODEL:
            properties: dict[str, Any] = {
                "operation": request.operation,
                "model": request.model,
                "references": sorted(each.value for each in request.references),
            }
            return {"type": "model_provider", "id": request.provider, "properties": properties}
        properties = {"operation": request.operation}
        if request.impact is not None:
            properties["impact"] = request.impact.value
        if self._arguments:
            properties["arguments"] = {
                name: thaw(value)
                for name, value in request.arguments.items()
                if name in self._arguments or _EVERYTHING in self._arguments
            }
        return {"type": "tool", "id": request.tool, "properties": properties}

    def _ask(self, endpoint: str, body: Mapping[str, Any]) -> object:
        """Return the parsed body of an answer.

        Raises:
            NoAnswer: there is none that counts.
        """
        import httpx

        content = json.dumps(body, allow_nan=False, ensure_ascii=True).encode("ascii")
        try:
            text = self._answer(f"{self._url}/access/v1/{endpoint}", content)
        except httpx.HTTPError as error:
            # Its text may hold the address, and its request what was sent.
            problem = type(error).__name__
        else:
            return _parsed(text)
        raise NoAnswer(f"the decision point cannot be asked ({problem})")

    def _answer(self, url: str, content: bytes) -> bytes:
        end = time.monotonic() + self._timeout
        with self._connected().stream("POST", url, content=content) as answer:
            if answer.status_code != _OK:
                raise NoAnswer(f"the decision point answered {answer.status_code}")
            kind = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json" or "content-encoding" in answer.headers:
                raise NoAnswer("the decision point did not answer in plain JSON")
            read = bytearray()
            for chunk in answer.iter_raw():
                read += chunk
                if len(read) > _MOST_BYTES:
                    raise NoAnswer("the answer of the decision point is too long")
                if time.monotonic() > end:
                    raise NoAnswer("the decision point took too long")
            return bytes(read)

    def _connected(self) -> Any:
        """Return the client of this process; a child must not speak on its parent's connections."""
        with self._lock:
            if self._client is None or self._process != os.getpid():
                self._client, self._process = self._new_client(), os.getpid()
            return self._client

    def _new_client(self) -> Any:
        import ssl

        import httpx

        headers = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
        }
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token}"
        cafile = None if self._ca_file is None else str(self._ca_file)
        # Neither proxies nor credentials from the environment: it is asked directly or not at all.
        return httpx.Client(
            headers=headers,
            verify=ssl.create_default_context(cafile=cafile),
            timeout=self._timeout,
            follow_redirects=False,
            trust_env=False,
        )


def from_options(given: Mapping[str, Frozen], folder: Path) -> AuthZenDecider:
    """Make the decider that a policy names ``authzen``.

    Raises:
        ValueError: an option is missing or cannot be used.
    """
    options = Options(given, folder)
    url = options.needed("url")
    token_env = options.text("token_env")
    ca_file = options.text("ca_file")
    timeout = options.seconds("timeout", 2.0)
    arguments, claims = options.names("arguments"), options.names("claims")
    options.refuse_others(_KNOWN)
    _refuse_url(url)
    try:
        import httpx  # noqa: F401 - only whether it is there
    except ImportError:
        raise ValueError("needs the extra agentguard[authzen]") from None
    decider = AuthZenDecider(
        url,
        token=None if token_env is None else _token(token_env),
        ca_file=None if ca_file is None else folder / ca_file,
        timeout=timeout,
        arguments=arguments,
        claims=claims,
    )
    _refuse_ca_file(folder, ca_file)
    return decider


def _refuse_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("'url' is no URL") from None
    if parts.scheme not in {"https", "http"} or not host:
        raise ValueError("'url' must begin with https:// and name a host")
    if parts.scheme == "http" and host not in _LOOPBACK:
        raise ValueError("'url' must begin with https://, but for this machine itself")
    if parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("'url' must hold no query, fragment or credentials: use 'token_env'")


def _refuse_ca_file(folder: Path, name: str | None) -> None:
    import ssl

    if name is None:
        return
    try:
        ssl.create_default_context(cafile=str(folder / name))
    except OSError:
        raise ValueError("the file of 'ca_file' cannot be read as certificates") from None


def _token(name: str) -> str:
    value = os.environ.get(name, "")
    if not _TOKEN.fullmatch(value):
        raise ValueError("the variable of 'token_env' is not set, or holds no bearer token")
    return value


def _evaluations(request: DecisionRequest, asked: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return what is asked at once: the call itself, and each object that it is about."""
    kind = request.resource_kind or "resource"
    objects = [{"resource": {"type": kind, "id": each}} for each in request.resources]
    return [{"resource": asked["resource"]}, *objects]


def _parsed(text: bytes) -> object:
    try:
        return json.loads(
            text.decode("utf-8"), object_pairs_hook=members_once, parse_constant=_refused
        )
    except (ValueError, RecursionError):
        pass
    raise NoAnswer("the decision point did not answer in plain JSON")


def _refused(_: str) -> object:
    raise ValueError("no number")


def _decision(said: object) -> bool:
    """Return the decision in an answer.

    Raises:
        NoAnswer: it is no answer of the API.
    """
    if isinstance(said, dict) and said.keys() <= {"decision", "context"}:
        decision, context = said.get("decision"), said.get("context", {})
        if isinstance(decision, bool) and isinstance(context, dict):
            return decision
    raise NoAnswer("the decision point did not answer as the API says")


def _decisions(said: object, count: int) -> list[bool]:
    if isinstance(said, dict) and said.keys() <= {"evaluations", "context"}:
        evaluations = said.get("evaluations")
        if isinstance(evaluations, list) and len(evaluations) == count:
            return [_decision(each) for each in evaluations]
    raise NoAnswer("the decision point did not answer as the API says")
