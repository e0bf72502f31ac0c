# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which addresses may a connection go to?

A name is looked up once, every answer must be allowed, and the connection then goes to one of
those answers, so that a second answer changes nothing.

INVARIANT: one answer that is not allowed refuses the whole name
(tests/attacks/outbound/test_outbound_addresses.py).
"""

import socket
from collections.abc import Callable, Sequence

from agentguard.egress import Address, Reach, answered_address, reach_of
from agentguard.errors import AddressRefused
from agentguard.policy.private_hosts import PrivateHost, parse_private_host

Resolver = Callable[[str, int], Sequence[str]]

_MEANT = {
    Reach.PRIVATE: "the host of a request has a private address",
    Reach.METADATA: "the host of a request is a service that hands out a machine's credentials",
    Reach.NEVER: "the host of a request has an address that is no single host",
}


def looked_up(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses of a host, as the machine knows them.

    Raises:
        OSError: there is none, or nobody can be asked.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(_scoped(*each[4]) for each in found))


def _scoped(address: object, _port: object = 0, _flow: object = 0, scope: object = 0) -> str:
    return f"{address}%{scope}" if scope else str(address)


def reachable(
    host: str, port: int, answers: Sequence[str], private: frozenset[str], tool: str
) -> tuple[str, ...]:
    """Return the addresses that a connection may go to: all of the answers.

    Args:
        host: the host, in lower case.
        port: the port.
        answers: its addresses.
        private: the entries of ``private_hosts``.
        tool: the tool's name in the policy.

    Raises:
        AddressRefused: one of them is not allowed.
    """
    addresses = [answered_address(each) for each in answers]
    entries = [parse_private_host(each) for each in private]
    if not addresses:
        raise AddressRefused("the host of a request has no address")
    for address in addresses:
        if address is None:
            raise AddressRefused("the host of a request has an address that cannot be judged")
        _refuse(host, port, address, entries, tool)
    return tuple(map(str, addresses))


def _refuse(
    host: str, port: int, address: Address, entries: Sequence[PrivateHost], tool: str
) -> None:
    reach = reach_of(address)
    if reach is Reach.PUBLIC:
        return
    admitting = [each for each in entries if each.admits(host, port, address)]
    if reach is Reach.PRIVATE and admitting:
        return
    if reach is Reach.METADATA and any(each.is_for(address) for each in admitting):
        return
    remedy = None
    if reach is not Reach.NEVER:
        what = "the host" if reach is Reach.PRIVATE else "the address itself"
        remedy = f"if that is meant, name {what} in private_hosts of [[tool]] {tool!r}"
    raise AddressRefused(_MEANT[reach], remedy=remedy)
