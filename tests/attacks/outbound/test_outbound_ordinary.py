# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Ordinary use of guarded HTTP clients: what a call of a tool is, holds of a request, too."""

import asyncio
import gc
import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest
import requests

from agentguard import ApprovalPending, Guard
from agentguard.approvals import sign_vote, with_vote
from agentguard.clients.outbound.answers import MOST_HEARD, MOST_UNPACKED, heard, is_heard
from agentguard.config import load
from agentguard.errors import CallRefused
from agentguard.pipeline import Response
from agentguard.stores import Journal, SqliteStore
from agentguard.testing.answers import StreamEnd
from agentguard.testing.replies import EventStream, Reply, sse
from agentguard.vocabulary import Answer, ApprovalChange, AuditEntry, EntryType, Outcome
from agentguard.wiring import now

ASKING = """
[approval.leads]
approvers = [{ id = "user:carol", key = "KEY" }]
decide_within = "4h"
execute_within = "10m"

[[rule]]
id = "removes"
who = "agent:crm"
tool = "remove"
then = "approve"
approval = "leads"
[rule.args]
method = { const = "DELETE" }
url.url = { hosts = ["a.test"], schemes = ["http"], ports = [PORT] }
"""
RULES = 'url.url = { hosts = ["a.test", "b.test"]'


def test_a_request_is_written_down_as_a_call(
    sender: Any, server: Any, entries: list[AuditEntry]
) -> None:
    """The log names tool, rule and chain of a request, and holds nothing of its address."""
    sender.send("GET", server.url("/open/the-plan"))
    intent, outcome = entries[-2:]
    assert (intent.target, intent.rule, intent.chain) == ("read", "reads", ("agent:crm",))
    assert (outcome.type, outcome.outcome) == (EntryType.OUTCOME, Outcome.COMPLETED)
    assert "the-plan" not in repr(entries)


def test_a_request_waits_for_people(
    sender_of: Callable[[Guard], Any],
    guard_with: Callable[..., Guard],
    server: Any,
    approver_key: tuple[bytes, str],
) -> None:
    """A request that people must agree to is held before anything is sent or looked up."""
    more = ASKING.replace("KEY", approver_key[1]).replace("PORT", str(server.port))
    sender = sender_of(guard_with(more))
    with pytest.raises(ApprovalPending):
        sender.send("DELETE", server.url("/customers/7"))
    assert sender.names.asked == []
    assert not server.journal.connections()


def approve(policy_file: Path, request_id: str, key: bytes) -> None:
    """Approve a request as another process does."""
    policy = load(policy_file).policy
    store = SqliteStore(policy_file.with_name("outbound.db"))
    asked = store.approval(request_id)
    assert asked is not None
    vote = sign_vote(asked, approver="user:carol", answer=Answer.APPROVE, at=now(), private_key=key)
    after = with_vote(asked, vote, policy.profiles["leads"], now())
    journal = Journal(store, now)
    change = ApprovalChange(before=asked, after=after, vote=vote)
    journal.append(AuditEntry(type=EntryType.APPROVAL_VOTED, at=now()), durable=True, change=change)
    journal.close()
    store.close()


def test_a_request_that_was_approved_is_sent_once(
    sender_of: Callable[[Guard], Any],
    guard_with: Callable[..., Guard],
    server: Any,
    tmp_path: Path,
    approver_key: tuple[bytes, str],
) -> None:
    """The same request, made again after the approval, is sent; another one asks anew."""
    more = ASKING.replace("KEY", approver_key[1]).replace("PORT", str(server.port))
    guard = guard_with(
        more, **{'http = ["DELETE"]': 'http = "DELETE"\nprivate_hosts = "127.0.0.1"'}
    )
    sender = sender_of(guard)
    sender.session = "s"
    with pytest.raises(ApprovalPending) as asked:
        sender.send("DELETE", server.url("/customers/7"))
    approve(tmp_path / "outbound.toml", asked.value.request_id, approver_key[0])
    with pytest.raises(ApprovalPending):
        sender.send("DELETE", server.url("/customers/8"))
    assert sender.send("DELETE", server.url("/customers/7")).status == 200
    with pytest.raises(ApprovalPending):
        sender.send("DELETE", server.url("/customers/7"))
    assert [each.path for each in server.received] == ["/customers/7"]


def test_a_connection_is_used_again(sender: Any, server: Any) -> None:
    """Requests of one client to one host share a connection and a look-up."""
    sender.send_all([("GET", server.url(), {})] * 3)
    assert server.journal.connections() == 1
    assert sender.names.asked == ["a.test"]


def test_a_stream_is_still_one(guard_with: Callable[..., Guard], server: Any) -> None:
    """Events reach the reader while the server still sends."""
    pieces = EventStream(frames=(sse("one"), sse("two")), ending=StreamEnd.STALL)
    server.replies["/open"] = Reply(200, stream=pieces)
    guard = guard_with(**{RULES: RULES.replace('"b.test"', '"127.0.0.1"')})
    url = server.url(host="127.0.0.1")
    with guard.identity("agent:crm"):
        for library in (httpx, httpx2):
            with (
                guard.wrap(library.Client(), tools=["read"]) as client,
                client.stream("GET", url) as answer,
            ):
                assert next(answer.iter_text()) == "data: one\n\n"
        with (
            guard.wrap(requests.Session(), tools=["read"]) as session,
            session.get(url, stream=True) as answer,
        ):
            assert next(answer.iter_lines()) == b"data: one"

        async def first() -> str:
            async with (
                guard.wrap(httpx.AsyncClient(), tools=["read"]) as client,
                client.stream("GET", url) as answer,
            ):
                async for text in answer.aiter_text():
                    return text
            return ""

        assert asyncio.run(first()) == "data: one\n\n"


def test_an_answer_that_breaks_off_fails_as_the_library_does(sender: Any, server: Any) -> None:
    """A connection that ends too early is told as the library tells it."""
    server.replies["/open"] = Reply(200, drop=True)
    with pytest.raises((httpx.HTTPError, httpx2.HTTPError, requests.RequestException)):
        sender.send("GET", server.url())

    def short(_request: Any) -> Reply:
        return Reply(200, {"a": 1}, headers={"content-length": "90", "connection": "close"})

    server.replies["/open"] = short
    with pytest.raises((httpx.HTTPError, httpx2.HTTPError, requests.RequestException)):
        sender.send("GET", server.url())


def test_what_comes_back_is_heard(
    sender: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A short answer that is text or JSON is the result of the call; another one has none."""
    results: list[Any] = []
    plain = Response.__init__

    def noting(self: Response, **values: Any) -> None:
        results.append(values["content"])
        plain(self, **values)

    monkeypatch.setattr(Response, "__init__", noting)
    server.replies |= {
        "/open/value": Reply(200, {"name": "Jane"}),
        "/open/bytes": Reply(200, b"\x00\xff\xfe"),
        "/open/text": Reply(200, b"plain", headers={"content-type": "text/plain"}),
    }
    for path in ("value", "bytes", "text"):
        sender.send("GET", server.url(f"/open/{path}"))
    assert results == [{"name": "Jane"}, None, "plain"]


def test_what_is_listened_to_has_bounds() -> None:
    """Too much, too much once it is unpacked, and what is no text, is not listened to."""
    assert is_heard("text/html; charset=utf-8", "10")
    assert is_heard("application/problem+json", None)
    assert not is_heard("text/plain", None)
    assert not is_heard("text/plain", str(MOST_HEARD + 1))
    assert not is_heard("text/event-stream", "10")
    assert not is_heard("", "10")
    packed = gzip.compress(b'{"a": 1}')
    assert heard(packed, "application/json", "gzip") == {"a": 1}
    assert heard(packed[:-9], "application/json", "br") is None
    assert heard(gzip.compress(b"a" * (MOST_UNPACKED + 1)), "text/plain", "gzip") is None
    assert heard(b"{", "application/json", "") == "{"
    assert heard(b"no gzip", "text/plain", "gzip") is None


def test_a_client_can_carry_an_identity(
    guard_with: Callable[..., Guard], server: Any, entries: list[AuditEntry]
) -> None:
    """A client that was wrapped with an identity acts as that where no block says so."""
    guard = guard_with(**{RULES: RULES.replace('"b.test"', '"127.0.0.1"')})
    for client in (httpx.Client(), requests.Session()):
        with guard.wrap(client, tools=["read"], identity="agent:crm") as guarded:
            assert guarded.get(server.url(host="127.0.0.1")).status_code == 200
        assert entries[-1].chain == ("agent:crm",)


def test_a_client_counts_as_long_as_it_lives(guard: Guard) -> None:
    """Coverage counts the clients whose requests are calls of a tool."""
    client = guard.wrap(httpx.Client(), tools=["read", "write"])
    session = guard.wrap(requests.Session(), tools=["read"])
    assert guard.coverage().functions.guarded == {"read": 2, "write": 1}
    del client, session
    gc.collect()
    assert guard.coverage().functions.guarded == {}


def test_nothing_that_is_refused_tells_what_was_asked(sender: Any, server: Any) -> None:
    """No refusal holds any of a request."""
    secret = "the-plan"
    for method, url, given in (
        ("GET", server.url(f"/{secret}"), {}),
        ("GET", server.url(host=f"{secret}.test"), {}),
        ("PATCH", server.url(f"/{secret}"), {}),
        ("POST", server.url(), {"headers": {secret: secret}, "json": {secret: secret}}),
        ("GET", server.url(f"/open?{secret}=[[EMAIL:7KQ2M4XA]]"), {}),
    ):
        with pytest.raises(CallRefused) as refused:
            sender.send(method, url, **given)
        assert secret not in str(refused.value)
        assert secret not in repr(vars(refused.value))
        assert refused.value.__cause__ is None
