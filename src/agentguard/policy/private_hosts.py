# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which private addresses may the requests of a tool go to?

Reads the entries of ``private_hosts``: a name, an address, each perhaps with a port, or a network.
It does not know what a private address is, and looks nothing up.

INVARIANT: an entry that names a host lets nothing through to another host
(tests/egress/test_private_hosts.py).
"""

import ipaddress
import re
from dataclasses import dataclass

from agentguard.policy.constraints.hosts import plain_name

_LARGEST_PORT = 65535
_PORTED = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]/]+)(?::(?P<port>[1-9][0-9]{0,4}))?")

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateHost:
    """One entry; it has either a name or a network.

    Attributes:
        name: a host name.
        network: a network; one of a single address for an address.
        port: the only port, None for every one.
    """

    name: str | None = None
    network: Network | None = None
    port: int | None = None

    def admits(self, host: str, port: int, address: Address) -> bool:
        """Say whether a request to a host, at one of its addresses, is meant."""
        if self.port is not None and self.port != port:
            return False
        if self.name is not None:
            return host == self.name
        return self.network is not None and _in(address, self.network)

    def is_for(self, address: Address) -> bool:
        """Say whether the entry is this very address."""
        network = self.network
        return network is not None and network.num_addresses == 1 and _in(address, network)


def _in(address: Address, network: Network) -> bool:
    if address in network:
        return True
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return inner is not None and inner in network


def parse_private_host(text: str) -> PrivateHost:
    """Read an entry such as ``crm.internal:8080``, ``10.0.0.7``, ``[fd00::7]:80`` or ``10.0.0.0/8``.

    Raises:
        ValueError: it has none of these forms; the message says what it must be.
    """
    if "%" in text:
        raise ValueError(_EXPECTED)
    if "/" in text:
        return PrivateHost(network=_network(text))
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    found = _PORTED.fullmatch(text)
    if found is None:
        raise ValueError(_EXPECTED)
    port = None if found["port"] is None else int(found["port"])
    if port is not None and port > _LARGEST_PORT:
        raise ValueError(f"must have a port from 1 to {_LARGEST_PORT}")
    host = found["host"].strip("[]")
    try:
        return PrivateHost(network=ipaddress.ip_network(host), port=port)
    except ValueError:
        name = None if ":" in host else plain_name(host)
    if name is None or name != host.lower():
        raise ValueError(_EXPECTED)
    return PrivateHost(name=name, port=port)


_EXPECTED = (
    "must be a host name, 'name:port', an address, or a network such as '10.1.0.0/16',"
    " each in its usual form"
)


def _network(text: str) -> Network:
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        network = None
    if network is None:
        raise ValueError(_EXPECTED)
    if network.prefixlen == 0:
        raise ValueError("is every address: name the networks that its requests may go to")
    return network
