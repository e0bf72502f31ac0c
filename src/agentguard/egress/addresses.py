# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does an IP address lead: to the internet, to a private network, or nowhere good?

From the registries of special-purpose addresses (IANA, RFC 6890), written down here, since the
standard library's own table differs between versions of Python. Nothing is looked up.

INVARIANT: an address of IPv6 is never milder than the address of IPv4 that stands inside it
(tests/egress/test_address_kinds.py).
"""

import ipaddress
from collections.abc import Iterator
from enum import StrEnum

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Reach(StrEnum):
    """What kind of address it is, mildest first.

    ``metadata`` is a service of a cloud that hands out credentials of the machine, ``never`` an
    address that is no single host: unspecified, multicast, reserved, or a tunnel.
    """

    PUBLIC = "public"
    PRIVATE = "private"
    METADATA = "metadata"
    NEVER = "never"


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(map(ipaddress.ip_network, texts))


_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            "169.254.169.254",  # most clouds
            "169.254.170.2",  # Amazon, containers
            "169.254.170.23",  # Amazon, pods
            "169.254.0.23",  # Tencent
            "100.100.100.200",  # Alibaba
            "168.63.129.16",  # Azure; else a public address
            "192.0.0.192",  # Oracle
            "fd00:ec2::254",  # Amazon
            "fd00:ec2::23",  # Amazon, pods
            "fd20:ce::254",  # Google
            "fd00:42::42",  # Scaleway
        ),
    )
)
_NEVER = _networks(
    "0.0.0.0/8",
    "192.88.99.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "ff00::/8",
    "100::/64",
    "2002::/16",
    "2001::/32",
)
_PRIVATE = _networks(
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "2001::/23",
    "2001:db8::/32",
    "3fff::/20",
)
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_TRANSLATED = ipaddress.IPv6Network("64:ff9b::/96")
_TRANSLATED_HERE = ipaddress.IPv6Network("64:ff9b:1::/48")
_IN_ISATAP = frozenset({0x00005EFE, 0x02005EFE})
_ORDER = tuple(Reach)


def read_address(text: str) -> Address | None:
    """Return the address that a text is in a usual form, None for any other text."""
    address = answered_address(text)
    if address is None or text.lower() in (str(address), _mapped(address)):
        return address
    return None


def answered_address(text: str) -> Address | None:
    """Return the address that a name server's answer is, in whatever form it was written."""
    if "%" in text:
        return None
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _mapped(address: Address) -> str | None:
    """Return the usual form of a mapped address, which Python itself writes in two ways."""
    inner = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return None if inner is None else f"::ffff:{inner}"


def reach_of(address: Address) -> Reach:
    """Say what kind of address it is; the strictest of all that it stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return _listed(address)
    inner = [_listed(each) for each in _inside(address)]
    if address in _MAPPED or address in _TRANSLATED:
        return inner[0]
    outer = _listed(address)
    if outer is Reach.PUBLIC and address not in _GLOBAL_UNICAST:
        outer = Reach.PRIVATE
    return max(outer, *inner, key=_ORDER.index) if inner else outer


def _listed(address: Address) -> Reach:
    if address in _METADATA:
        return Reach.METADATA
    if any(address in each for each in _NEVER):
        return Reach.NEVER
    if any(address in each for each in _PRIVATE):
        return Reach.PRIVATE
    return Reach.PUBLIC


def _inside(address: ipaddress.IPv6Address) -> Iterator[ipaddress.IPv4Address]:
    """Yield the addresses of IPv4 that some router may take out of one of IPv6."""
    number = int(address)
    if (
        address in _MAPPED
        or address in _TRANSLATED
        or address in _TRANSLATED_HERE
        or (number >> 32) & 0xFFFFFFFF in _IN_ISATAP
        or (number >> 32 == 0 and number > 1)
    ):
        yield ipaddress.IPv4Address(number & 0xFFFFFFFF)
