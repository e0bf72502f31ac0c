# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Headers: those that carry data out, credentials, and those that make another request."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from agentguard import Guard
from agentguard.errors import ContentRefused, DeniedByPolicy, UnguardedPath
from agentguard.testing.replies import Reply

MAKING_ANOTHER = (
    {"Host": "evil.test"},
    {"Upgrade": "websocket", "Connection": "Upgrade"},
    {"Connection": "x-listed"},
    {"Expect": "100-continue"},
    {"Proxy-Authorization": "Basic eDp5"},
    {"TE": "trailers"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"X-Original-URL": "/closed"},
    {"Content-Encoding": "gzip"},
)
CREDENTIALS = (
    "X-Api-Key",
    "X-Auth-Token",
    "Apikey",
    "X-Amz-Security-Token",
    "X-Session",
    "Cookie2",
)
CARRYING = (
    {"X-Note": "the plan"},
    {"User-Agent": "the plan"},
    {"Accept": "application/the-plan"},
    {"Accept-Language": "the plan"},
    {"Referer": "http://a.test/the-plan"},
    {"Cache-Control": "the-plan"},
)


def test_a_header_that_makes_another_request_is_refused(sender: Any, server: Any) -> None:
    """No header changes the host, the method, the framing or the protocol of a request."""
    for headers in MAKING_ANOTHER:
        with pytest.raises(UnguardedPath, match="another request"):
            sender.send("GET", server.url(), headers=headers)
    assert not server.journal.connections()


def test_a_credential_that_is_not_listed_is_refused(sender: Any, server: Any) -> None:
    """A credential is sent only if the policy lists its header, and stands in no argument."""
    for name in CREDENTIALS:
        with pytest.raises(ContentRefused, match="http_headers of") as refused:
            sender.send("GET", server.url(), headers={name: "k-1"})
        assert "k-1" not in str(refused.value)
    assert not server.journal.connections()


def test_a_listed_credential_is_sent(sender: Any, server: Any) -> None:
    """A header that the policy lists arrives."""
    sender.send("GET", server.url(), headers={"Authorization": "Bearer k", "Cookie": "a=b"})
    assert server.received[0].header("authorization") == "Bearer k"
    assert server.received[0].header("cookie") == "a=b"


def test_what_a_header_carries_is_an_argument(sender: Any, server: Any) -> None:
    """A header with words of its own is denied by a rule that lists no headers."""
    for headers in CARRYING:
        with pytest.raises(DeniedByPolicy, match=r"args\.headers is not listed"):
            sender.send("GET", server.url(), headers=headers)
    assert not server.journal.connections()


def test_a_rule_decides_on_a_header(
    sender_of: Callable[[Guard], Any], guard_with: Callable[..., Guard], server: Any
) -> None:
    """A rule can say what a header may be."""
    more = 'url.url = { hosts = ["a.test", "b.test"]'
    guard = guard_with(**{more: 'headers.members = { x-note = { in = ["yes", "no"] } }\n' + more})
    sender = sender_of(guard)
    assert sender.send("GET", server.url(), headers={"X-Note": "yes"}).status == 200
    with pytest.raises(DeniedByPolicy):
        sender.send("GET", server.url(), headers={"X-Note": "the plan"})
    assert [each.header("x-note") for each in server.received] == ["yes"]


def test_what_a_header_may_not_hold_is_refused(sender: Any, server: Any) -> None:
    """Characters beyond ASCII in a header are refused, since servers read them in several ways."""
    with pytest.raises(ContentRefused, match="beyond ASCII"):
        sender.send("GET", server.url(), headers={"X-Note": "pl\xe4n".encode("latin-1")})
    assert not server.journal.connections()


def test_a_cookie_that_a_server_set_is_not_sent_back_unlisted(
    sender_of: Callable[[Guard], Any], guard_with: Callable[..., Guard], server: Any
) -> None:
    """A server that sets cookies neither gets them back nor stops the next request."""
    sender = sender_of(guard_with(**{'"authorization", "cookie", "x-listed"': '"authorization"'}))
    server.replies["/open/set"] = Reply(200, {}, headers={"set-cookie": "seen=1; Path=/"})
    asked: list[Any] = [("GET", server.url(path), {}) for path in ("/open/set", "/open", "/open")]
    assert [each.status for each in sender.send_all(asked)] == [200] * 3
    assert [each.header("cookie") for each in server.received] == [None] * 3
    with pytest.raises(ContentRefused, match="credential"):
        sender.send("GET", server.url(), headers={"Cookie": "seen=1"})


def test_a_cookie_goes_back_where_the_policy_lists_it(sender: Any, server: Any) -> None:
    """The client's own jar works where cookies are listed."""
    server.replies["/open/set"] = Reply(200, {"a": 1}, headers={"set-cookie": "seen=1; Path=/"})
    sender.send_all([("GET", server.url(path), {}) for path in ("/open/set", "/open")])
    assert [each.header("cookie") for each in server.received] == [None, "seen=1"]


def test_a_header_that_stands_twice_is_judged(guard: Guard, server: Any) -> None:
    """Of two headers of one name none is taken for the usual one."""
    client = guard.wrap(httpx.Client(), tools=["read", "write"])
    url = server.url(host="127.0.0.1")
    with guard.identity("agent:crm"), pytest.raises(DeniedByPolicy, match=r"args\.(url|headers)"):
        client.get(url, headers=[("accept", "text/html"), ("accept", "application/json")])
    twice = [("content-type", "application/json"), ("content-type", "text/plain")]
    with guard.identity("agent:crm"), pytest.raises(ContentRefused, match="several types"):
        client.post(url, headers=twice, content=b"{}")
    with guard.identity("agent:crm"), pytest.raises(ContentRefused, match="a name that is none"):
        client.get(url, headers={"x y": "1"})
    assert not server.journal.connections()


def test_usual_headers_are_no_argument(sender: Any, server: Any) -> None:
    """What every client sends by itself needs no rule."""
    usual = {"Accept": "application/json, text/plain;q=0.5", "Accept-Language": "de-DE, en;q=0.5"}
    assert sender.send("GET", server.url(), headers=usual).status == 200
    assert server.received[0].header("accept") == usual["Accept"]
