# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Redirects: a server that the policy allows sends a client on to where it does not."""

from typing import Any

import pytest

from agentguard.errors import AddressRefused, DeniedByPolicy, UnguardedPath
from agentguard.testing.replies import Reply
from agentguard.vocabulary import AuditEntry, EntryType

CODES = (301, 302, 303, 307, 308)


def to(location: str, code: int = 302) -> Reply:
    """Return a redirect."""
    return Reply(code, headers={"location": location})


@pytest.mark.parametrize("code", CODES)
def test_a_redirect_is_decided_as_the_request_that_it_makes(
    sender: Any, server: Any, code: int
) -> None:
    """A redirect to a path that no rule allows is refused, and its server is not asked again."""
    server.replies["/open/here"] = to("/closed", code)
    with pytest.raises(DeniedByPolicy, match="at or below '/open'"):
        sender.send("GET", server.url("/open/here"))
    assert [each.path for each in server.received] == ["/open/here"]


@pytest.mark.parametrize(("code", "arrives"), [(301, "GET"), (302, "GET"), (303, "GET")])
def test_a_redirect_that_changes_the_method_is_a_call_of_the_other_tool(
    sender: Any, server: Any, entries: list[AuditEntry], code: int, arrives: str
) -> None:
    """A POST that is redirected into a GET is decided as the tool for GET, without a body."""
    server.replies["/open/first"] = to("/open/second", code)
    sender.send("POST", server.url("/open/first"), json={"a": 1})
    assert [each.method for each in server.received] == ["POST", arrives]
    assert server.received[1].body == b""
    intents = [each.target for each in entries if each.type is EntryType.INTENT]
    assert intents == ["write", "read"]


@pytest.mark.parametrize("code", [307, 308])
def test_a_redirect_that_keeps_the_body_is_decided_with_it(
    sender: Any, server: Any, code: int
) -> None:
    """The body does not follow a redirect to a host to which no rule lets it go."""
    server.replies["/open/first"] = to(server.url("/open", host="b.test"), code)
    with pytest.raises(DeniedByPolicy, match=r"'a\.test'"):
        sender.send("POST", server.url("/open/first"), json={"secret": "plan"})
    assert len(server.received) == 1


def test_a_redirect_into_a_method_of_no_tool_is_refused(sender: Any, server: Any) -> None:
    """A client whose tools do not read cannot be made to read by a redirect."""
    server.replies["/open/first"] = to("/open/second", 303)
    with pytest.raises(UnguardedPath, match="stands for GET, or more than one"):
        sender.send("POST", server.url("/open/first"), tools=["write"], json={})
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/iam",
        "http://[fd00:ec2::254]/latest",
        "http://10.0.0.1/open",
        "http://[::1]/open",
        "http://[::ffff:10.0.0.1]/open",
    ],
)
def test_a_redirect_to_a_private_address_is_refused(
    sender: Any, server: Any, location: str
) -> None:
    """A redirect leads to no address inside, however it is written."""
    server.replies["/open"] = to(location)
    with pytest.raises((AddressRefused, UnguardedPath)):
        sender.send("GET", server.url())
    assert len(server.received) == 1


@pytest.mark.parametrize(
    "location",
    ["http://user:word@a.test:PORT/open", "//user@a.test:PORT/open", "http://2130706433:PORT/open"],
)
def test_a_redirect_that_can_be_read_in_two_ways_is_refused(
    sender: Any, server: Any, location: str
) -> None:
    """A redirect with a user in it, or to a number, is refused."""
    server.replies["/open"] = to(location.replace("PORT", str(server.port)))
    with pytest.raises(UnguardedPath):
        sender.send("GET", server.url())
    assert len(server.received) == 1


def test_a_redirect_to_another_origin_takes_no_unseen_header_along(
    sender: Any, server: Any, other_server: Any
) -> None:
    """What the policy lets through unseen stays behind when a server sends the client elsewhere."""
    # The clients themselves leave Authorization behind, but no other header that holds a key.
    server.replies["/open"] = to(other_server.url(host="b.test"))
    unseen = {"x-listed": "key-of-a", "authorization": "Bearer of-a", "cookie": "a=b"}
    sender.send("GET", server.url(), headers=unseen)
    there = {name.lower(): value for name, value in other_server.received[0].headers}
    assert there.keys().isdisjoint(unseen)
    assert server.received[0].header("x-listed") == "key-of-a"


def test_a_redirect_within_an_origin_keeps_the_unseen_headers(sender: Any, server: Any) -> None:
    """What the policy lets through unseen goes along within one origin."""
    server.replies["/open/first"] = to("/open/second")
    sender.send("GET", server.url("/open/first"), headers={"x-listed": "key-of-a"})
    assert [each.header("x-listed") for each in server.received] == ["key-of-a"] * 2


def test_a_redirect_that_is_not_followed_is_an_answer(sender: Any, server: Any) -> None:
    """A client that follows nothing gets the redirect itself."""
    server.replies["/open"] = to("http://169.254.169.254/")
    assert sender.send("GET", server.url(), follow=False).status == 302


def test_what_is_sent_is_what_was_decided(
    sender: Any, server: Any, entries: list[AuditEntry]
) -> None:
    """Address, method, headers and body arrive as the rules saw them."""
    sender.send("POST", server.url("/open/a%20b?c=d%2Fe&f"), json={"n": [1, "two"]})
    (arrived,) = server.received
    assert (arrived.method, arrived.path) == ("POST", "/open/a%20b?c=d%2Fe&f")
    assert arrived.json == {"n": [1, "two"]}
    assert arrived.header("host") == f"a.test:{server.port}"
    assert arrived.header("content-length") == str(len(arrived.body))
    assert [each.type for each in entries[-2:]] == [EntryType.INTENT, EntryType.OUTCOME]
