# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Addresses: names that lead inside, answers that change, and numbers that are addresses."""

import asyncio
import itertools
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import httpx2
import pytest
import requests

from agentguard import Guard
from agentguard.clients.outbound import looked_up, reachable
from agentguard.errors import AddressRefused, BudgetExceeded, DeniedByPolicy, UnguardedPath
from agentguard.integrations.httpx_clients import guard_http_client
from agentguard.vocabulary import AuditEntry, EntryType, Outcome, Reason

INSIDE = (
    "10.0.0.1",
    "100.64.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "192.168.0.1",
    "0.0.0.0",  # noqa: S104 - nothing listens there
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "fe80::1",
    "fd00:ec2::254",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
    "2002:a00:1::",
    "fe80::1%2",
    "not an address",
)
WRITTEN = (
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "127.0.0.1.",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:0:0:1]",
    "[::1%25lo]",
    "a.test.",
    "a_b.test",
    "1",
)
# Some programs take these digits, dots and letters for those of ASCII.
BEYOND_ASCII = (
    "\uff11\uff12\uff17.\uff10.\uff10.\uff11",
    "a\u3002test",
    "\u24d0.test",
    "\u0430.test",
)
INVALID = (httpx.InvalidURL, httpx2.InvalidURL, requests.exceptions.InvalidURL)


def test_a_name_that_leads_inside_is_refused(
    sender: Any, server: Any, names: Any, entries: list[AuditEntry]
) -> None:
    """A name is refused for its address, nothing is sent, and the entry says why."""
    for address in INSIDE:
        names.addresses["a.test"] = (address,)
        with pytest.raises(AddressRefused) as refused:
            sender.send("GET", server.url())
        assert not refused.value.dispatched
        assert address not in str(refused.value)
        last = [each for each in entries if each.type is EntryType.OUTCOME][-1]
        assert (last.reason, last.outcome) == (Reason.ADDRESS_DENIED, Outcome.FAILED)
    assert not server.journal.connections()


def test_one_answer_that_leads_inside_refuses_the_name(
    sender: Any, server: Any, names: Any
) -> None:
    """A name with a good and a bad address is refused, in whatever order they come."""
    for address in INSIDE:
        for answers in ((address, "127.0.0.1"), ("127.0.0.1", address)):
            names.addresses["a.test"] = answers
            with pytest.raises(AddressRefused):
                sender.send("GET", server.url())
    assert not server.journal.connections()


def test_a_refused_address_uses_nothing_up(
    sender_of: Callable[[Guard], Any], guard_with: Callable[..., Guard], server: Any, names: Any
) -> None:
    """A request that did not happen is given back to the limit that it was counted under."""
    limit = "[limit.once]\ncalls = 1\n"
    guard = guard_with(limit, **{'tool = "read"': 'tool = "read"\nlimits = ["once"]'})
    sender = sender_of(guard)
    sender.session = "s"
    names.addresses["a.test"] = ("10.0.0.1",)
    with pytest.raises(AddressRefused):
        sender.send("GET", server.url())
    names.addresses.clear()
    assert sender.send("GET", server.url()).status == 200
    with pytest.raises(BudgetExceeded):
        sender.send("GET", server.url())


def test_a_second_answer_changes_nothing(sender: Any, server: Any) -> None:
    """A name is looked up once for a connection, which goes to the answer that was checked."""
    # DNS rebinding: the first answer is good, every later one is the metadata service.
    answers = itertools.chain([("127.0.0.1",)], itertools.repeat(("169.254.169.254",)))
    asked: list[str] = []

    def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return next(answers)

    sender.names = rebinding
    assert sender.send("GET", server.url()).status == 200
    assert asked == ["a.test"]
    with pytest.raises(AddressRefused):
        sender.send("GET", server.url())


def test_no_name_is_looked_up_that_no_rule_allows(sender: Any, server: Any, names: Any) -> None:
    """What a name says does not leave by way of a name server."""
    with pytest.raises(DeniedByPolicy):
        sender.send("GET", server.url(host="the-secret-plan.evil.test"))
    assert names.asked == []


def test_nobody_else_looks_a_name_up(
    sender: Any, server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library itself is given addresses only."""
    plain, asked = socket.getaddrinfo, []

    def watching(host: Any, *rest: Any, **options: Any) -> Any:
        asked.append(host)
        return plain(host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", watching)
    assert sender.send("GET", server.url()).status == 200
    assert set(asked) <= {"127.0.0.1"}


def test_a_host_that_is_written_in_no_plain_way_is_refused(
    sender_of: Callable[[Guard], Any], guard_with: Callable[..., Guard], server: Any
) -> None:
    """A host in an unusual notation is refused, also where the rules allow every host."""
    sender = sender_of(guard_with(**{'hosts = ["a.test", "b.test"]': 'hosts = ["*"]'}))
    for host in WRITTEN:
        with pytest.raises((UnguardedPath, DeniedByPolicy, *INVALID)):
            sender.send("GET", server.url(host=host))
    assert not server.journal.connections()


def test_a_host_beyond_ascii_is_sent_as_it_was_decided_or_not_at_all(
    sender: Any, server: Any
) -> None:
    """Digits and dots of other scripts make no other host of one that was decided."""
    for host in BEYOND_ASCII:
        before = len(server.received)
        try:
            sender.send("GET", server.url(host=host))
        except (UnguardedPath, DeniedByPolicy, AddressRefused, *INVALID):
            assert len(server.received) == before
        else:
            assert server.received[-1].header("host") == f"a.test:{server.port}"


def test_an_address_is_refused_before_anybody_is_asked(sender: Any, server: Any) -> None:
    """An address that no tool may reach is refused whatever the rules say, and nobody waits."""
    with pytest.raises(AddressRefused, match="private_hosts of"):
        sender.send("DELETE", server.url(host="127.0.0.1"))


def test_a_connection_of_another_tool_is_not_used(
    sender_of: Callable[[Guard], Any], guard_with: Callable[..., Guard], server: Any
) -> None:
    """A tool without private hosts does not get to one on a connection that another has open."""
    guard = guard_with(
        '[[rule]]\nid = "removes"\nwho = "agent:crm"\ntool = "remove"\nthen = "allow"\n'
        "[rule.args]\nmethod = { any = true }\nurl = { any = true }\n"
    )
    asked: list[Any] = [(method, server.url(), {}) for method in ("GET", "DELETE", "GET")]
    read, removed, again = sender_of(guard).send_all(asked)
    assert isinstance(removed, AddressRefused)
    assert (read.status, again.status) == (200, 200)
    assert [each.method for each in server.received] == ["GET", "GET"]
    assert server.journal.connections() == 1


def test_a_failing_look_up_is_the_library_s_own_failure(sender: Any, server: Any) -> None:
    """A name that has no address fails like any other, with nothing sent."""

    def nobody(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    sender.names = nobody
    with pytest.raises(Exception, match=r"(?i)no address|resolve|no such name") as failed:
        sender.send("GET", server.url())
    assert type(failed.value).__module__.partition(".")[0] in ("httpx", "httpx2", "requests")


def test_an_empty_answer_is_refused(sender: Any, server: Any, names: Any) -> None:
    """A name without an address is not taken for one that is allowed."""
    names.addresses["a.test"] = ()
    with pytest.raises(AddressRefused, match="no address"):
        sender.send("GET", server.url())


def test_a_dead_address_leads_to_the_next_one_that_was_checked(
    sender: Any, server: Any, names: Any
) -> None:
    """Where the first address does not answer the next is tried."""
    names.addresses["a.test"] = ("127.0.0.2", "127.0.0.1")
    assert sender.send("GET", server.url()).status == 200


def test_the_metadata_service_must_be_named_itself() -> None:
    """A network that holds the metadata service, or a name, does not admit it."""
    for entries in ({"169.254.0.0/16"}, {"metadata.test"}, set()):
        with pytest.raises(AddressRefused):
            reachable("metadata.test", 80, ["169.254.169.254"], frozenset(entries), "read")
    admitted = reachable(
        "metadata.test", 80, ["169.254.169.254"], frozenset({"169.254.169.254"}), "read"
    )
    assert admitted == ("169.254.169.254",)


def test_the_machine_s_own_answer_is_read_with_its_zone() -> None:
    """The answers of the machine are addresses, each once."""
    assert looked_up("127.0.0.1", 80) == ("127.0.0.1",)


def test_a_slow_look_up_ends_with_the_time_to_connect(guard: Guard, server: Any) -> None:
    """In asynchronous code a name server that does not answer is waited for no longer than that."""
    answering = threading.Event()

    def never(_host: str, _port: int) -> Sequence[str]:
        answering.wait(30)
        return ("127.0.0.1",)

    async def ask() -> None:
        client = httpx.AsyncClient(trust_env=False, timeout=0.05)
        enforcer = guard._parts.enforcer
        async with guard_http_client(client, enforcer, ("read",), None, resolve=never) as guarded:
            with guard.identity("agent:crm"):
                try:
                    await guarded.get(server.url())
                finally:
                    answering.set()

    with pytest.raises(httpx.ConnectTimeout):
        asyncio.run(ask())
