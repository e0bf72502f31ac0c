# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Contents: bodies that are read in two ways, and data that must not go there."""

import gzip
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, quote

import httpx
import pytest

from agentguard import Guard
from agentguard.clients.outbound.requests import MOST_SENT
from agentguard.errors import ContentRefused, DeniedByPolicy
from agentguard.testing.replies import Reply

JSON = {"content-type": "application/json"}
PACKED = {"content-encoding": "gzip"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
EMAIL = "jane.doe@customers.example"
UNREADABLE: tuple[tuple[dict[str, str], bytes], ...] = (
    (JSON, b'{"to": "a", "to": "b"}'),
    (JSON, b'{"amount": NaN}'),
    (JSON, b'{"amount": 1e999}'),
    (JSON, b'{"id": 9007199254740993}'),
    (JSON, b'{"a": "\\ud800"}'),
    (JSON, b"{'a': 1}"),
    (JSON, b"[" * 5000),
    (JSON, '{"a": 1}'.encode("utf-16")),
    ({"content-type": "application/json; charset=utf-16"}, b'{"a": 1}'),
    ({"content-type": "text/plain; charset=utf-7"}, b"+ADw-"),
    (FORM, b"a=%zz"),
    (FORM, b"a=%ff"),
    (FORM, b"a=1;b=2"),
    ({}, b"\x89PNG\r\n\x1a\n" + bytes(20)),
    ({}, b"\x00\x01\x02\xff"),
    ({"content-type": "multipart/form-data; boundary=x"}, b"--x--"),
)


def test_a_body_that_can_be_read_in_two_ways_is_refused(sender: Any, server: Any) -> None:
    """Nothing leaves that the guard and a server could take for two things."""
    for headers, body in UNREADABLE:
        with pytest.raises(ContentRefused):
            sender.send("POST", server.url(), headers=headers, content=body)
    assert not server.journal.connections()


def test_a_rule_decides_on_what_a_body_holds(
    sender_of: Callable[[Guard], Any], guard_with: Callable[..., Guard], server: Any
) -> None:
    """JSON and forms are values to a rule, whatever bytes stand for them."""
    body = "body.members = { amount = { in = [5, '5'] } }"
    guard = guard_with(**{"body = { any = true, optional = true }": body})
    sender = sender_of(guard)
    for given in ({"json": {"amount": 5}}, {"content": b"amount=5", "headers": FORM}):
        assert sender.send("POST", server.url(), **given).status == 200
    for given in (
        {"json": {"amount": 6}},
        {"content": b'{"amount": 5, "to": "x"}', "headers": JSON},
        {"content": b'{"amount": 5}', "headers": {"content-type": "text/plain"}},
        {"content": b"amount=5&amount=5", "headers": FORM},
        {},
    ):
        with pytest.raises(DeniedByPolicy):
            sender.send("POST", server.url(), **given)
    assert [each.body for each in server.received][1] == b"amount=5"


def test_a_class_that_the_tool_does_not_receive_does_not_leave(sender: Any, server: Any) -> None:
    """Classified data is found in body and address, encoded or not, and refused."""
    for method, path, given in (
        ("POST", "/open", {"json": {"to": [EMAIL]}}),
        ("POST", "/open", {"content": f"to={EMAIL}".replace("@", "%40").encode(), "headers": FORM}),
        ("GET", f"/open?to={EMAIL}".replace("@", "%40"), {}),
        ("GET", f"/open/{EMAIL}", {}),
    ):
        with pytest.raises(ContentRefused) as refused:
            sender.send(method, server.url(path), **given)
        assert refused.value.classes == ("email",)
    assert not server.journal.connections()


def placeholder_of(guard: Guard, session: str, value: str) -> str:
    """Return what stands for an e-mail address in a session of the agent."""
    enforcer = guard._parts.enforcer
    with guard.identity("agent:crm", session=session) as caller:
        vault = enforcer._performer._sessions.of(caller).vault
    email = enforcer.core.policy.classes["email"]
    return vault.issue(data_class=email, value=value, reversible=True, source="test")


def test_a_placeholder_in_a_body_is_turned_back_for_a_tool_that_may_receive_it(
    sender_of: Callable[[Guard], Any], guard_with: Callable[..., Guard], server: Any
) -> None:
    """What was hidden arrives in the form of the body, and in no body of another tool."""
    guard = guard_with(**{'impact = "reversible"': 'impact = "reversible"\nreceives = ["email"]'})
    sender = sender_of(guard)
    sender.session = "s"
    value = "o'b&r=1+2@customers.example"
    stands = placeholder_of(guard, "s", value)
    sender.send("POST", server.url(), json={"to": [stands]})
    sender.send("POST", server.url(), content=f"to={quote(stands)}&x=1".encode(), headers=FORM)
    sender.send("POST", server.url(), content=f"to {stands}".encode())
    first, second, third = server.received
    assert first.json == {"to": [value]}
    assert parse_qs(second.body.decode()) == {"to": [value], "x": ["1"]}
    assert third.body == f"to {value}".encode()
    assert [each.header("content-length") for each in server.received] == [
        str(len(each.body)) for each in server.received
    ]


def test_a_placeholder_of_a_class_that_the_tool_may_not_receive_refuses_the_request(
    sender: Any, server: Any
) -> None:
    """What was hidden is turned back for no tool that does not receive its class."""
    sender.session = "s"
    stands = placeholder_of(sender.guard, "s", EMAIL)
    with pytest.raises(ContentRefused, match="cannot be turned back"):
        sender.send("POST", server.url(), json={"to": stands})
    assert not server.journal.connections()


def test_a_body_may_come_piece_by_piece(sender: Any, server: Any) -> None:
    """A body that is made while it is sent is read as a whole and decided on."""
    if sender.kind.endswith("-async"):

        async def pieces() -> Any:
            yield b'{"to": '
            yield f'"{EMAIL}"}}'.encode()

        given: Any = pieces()
    else:

        def parts() -> Iterator[bytes]:
            yield b'{"to": '
            yield f'"{EMAIL}"}}'.encode()

        given = parts()
    with pytest.raises(ContentRefused):
        sender.send("POST", server.url(), content=given, headers=JSON)
    assert not server.journal.connections()


def test_a_body_without_end_is_refused(guard: Guard, server: Any) -> None:
    """A body that is longer than what is inspected is refused, and not read any further."""
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield bytes(1 << 20)

    with (
        guard.identity("agent:crm"),
        guard.wrap(httpx.Client(), tools=["write"]) as client,
        pytest.raises(ContentRefused, match="longer than"),
    ):
        client.post(server.url(host="127.0.0.1"), content=endless())
    assert read == (MOST_SENT >> 20) + 1


def test_a_placeholder_in_an_address_is_refused(sender: Any, server: Any) -> None:
    """An address is sent as it is or not at all, since turned back it could become another one."""
    for path in ("/open?to=[[EMAIL:7KQ2M4XA]]", "/open/%5B%5BEMAIL:7KQ2M4XA%5D%5D"):
        with pytest.raises(ContentRefused, match="placeholder"):
            sender.send("GET", server.url(path))
    assert not server.journal.connections()


def test_an_answer_comes_as_the_server_sent_it(sender: Any, server: Any) -> None:
    """Small and large, text and bytes, with and without a length, an answer is not changed."""
    large = {"text": "x" * 600_000}
    server.replies |= {
        "/open/large": Reply(200, large),
        "/open/bytes": Reply(200, b"\x00\xff" * 1000),
        "/open/packed": Reply(200, gzip.compress(b'{"a": 1}'), headers=JSON | PACKED),
        "/open/none": Reply(204),
        "/open/bad": Reply(500, {"error": "yes"}),
    }
    assert sender.send("GET", server.url("/open/large")).content == Reply(200, large).content
    assert sender.send("GET", server.url("/open/bytes")).content == b"\x00\xff" * 1000
    assert sender.send("GET", server.url("/open/packed")).content == b'{"a": 1}'
    assert sender.send("GET", server.url("/open/none")).status == 204
    assert sender.send("GET", server.url("/open/bad")).status == 500
    assert sender.send("HEAD", server.url("/open/large")).content == b""
