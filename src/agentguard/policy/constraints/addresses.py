# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which IP address does a text stand for?

Strictly, for what may be allowed, and in every notation that some program reads, for what must be
kept away. Nothing is looked up.

INVARIANT: an address of IPv6 that leads to one of IPv4 stands for that one
(tests/attacks/test_host_constraints.py, tests/attacks/test_secret_stores.py).
"""

import ipaddress
import re

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_NUMBER = re.compile(r"0x[0-9a-f]+|[0-9]+")
_IPV4_PARTS = 4
_IPV4_BITS = 32
_LARGEST_BYTE = 255


def plain_address(text: str) -> Address | None:
    """Return the address that a text is in its one usual form, with or without brackets."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if "%" in bare:
        return None
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address if text == str(address) else None
    return address if bare.lower() == str(address) else None


def loose_address(text: str) -> Address | None:
    """Return the address that some program reads in a text in lower case, without brackets."""
    number = _ipv4(text)
    try:
        return ipaddress.ip_address(text.partition("%")[0] if number is None else number)
    except ValueError:
        return None


def meant_by(address: Address) -> Address:
    """Return the address of IPv4 that one of IPv6 leads to, or else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    inner = address.ipv4_mapped or address.sixtofour
    if inner is None and address.teredo is not None:
        inner = address.teredo[1]
    if inner is None and (address in _NAT64 or address in _COMPATIBLE) and int(address) > 1:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return inner or address


def _ipv4(text: str) -> int | None:
    """Read an address as ``inet_aton`` does: one to four numbers, octal and hexadecimal too."""
    parts = text.split(".")
    if len(parts) > _IPV4_PARTS or not all(map(_NUMBER.fullmatch, parts)):
        return None
    *bytes_, last = map(_number, parts)
    if last is None or last >= 1 << (_IPV4_BITS - 8 * len(bytes_)):
        return None
    total = last
    for index, each in enumerate(bytes_):
        if each is None or each > _LARGEST_BYTE:
            return None
        total |= each << (_IPV4_BITS - 8 * (index + 1))
    return total


def _number(part: str) -> int | None:
    base = 16 if part.startswith("0x") else 8 if part.startswith("0") and part != "0" else 10
    try:
        return int(part, base)
    except ValueError:
        return None
