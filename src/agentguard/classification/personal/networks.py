# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is this the address of a machine?

Addresses of IP in both versions and of network cards. Addresses that are the same everywhere,
versions of software and fingerprints are none.

INVARIANT: any candidate gets an answer, never an error
(tests/classification/test_personal_networks.py).
"""

import ipaddress
import re

# Smaller numbers alone may be a version or a chapter.
_SMALLEST_TELLING = 20
_PRIVATE = 10
_VERSION_BEFORE = re.compile(
    rb"(?i)(?:\bv|\bver|version|release|rev|build|[=~^<>]=|[~^]|[\w.]-|@|/v|"
    rb"\bpip|\bchapter|\bsection|\bsec|\bfigure|\btable|\bstep|\boid|\xc2\xa7)[\"':= (]{0,4}\Z"
)
_VERSION_BEHIND = re.compile(rb"[-+_][A-Za-z0-9]|\.[0-9A-Za-z]|[A-Za-z]|,\d")
_PLACE_BEFORE = re.compile(rb"(?:://|@|\[|//)\Z")
_PLACE_BEHIND = re.compile(rb"(?:/\d{1,2}\b|:\d{2,5}\b|\]|@)")

_UNSAID_NETWORKS = tuple(
    map(ipaddress.ip_network, ("0.0.0.0/8", "127.0.0.0/8", "255.0.0.0/8", "240.0.0.0/4"))
)
_TELLING_GROUPS = 3
_EMPTY_CARDS = frozenset({"000000000000", "ffffffffffff"})


def is_ipv4(data: bytes, start: int, end: int, *, named: bool) -> bool:
    """Say whether four numbers are the address of a machine.

    Args:
        data: the text.
        start: where the first number begins.
        end: where the last number, or the length of the network's part, ends.
        named: whether a word near it speaks of networks.
    """
    written = data[start:end].decode("ascii")
    try:
        network = ipaddress.IPv4Interface(written)
    except ValueError:
        return False
    if any(network.ip in unsaid for unsaid in _UNSAID_NETWORKS):
        return False
    if _VERSION_BEHIND.match(data, end):
        return False
    return named or _PLACE_BEHIND.match(data, end) is not None or _tells(data, start, written)


def _tells(data: bytes, start: int, written: str) -> bool:
    """Say whether four numbers, or what stands before them, tell an address from a version."""
    before = data[max(0, start - 16) : start]
    if "/" in written or _PLACE_BEFORE.search(before):
        return True
    parts = [int(part) for part in written.split(".")]
    telling = parts[0] == _PRIVATE or any(part >= _SMALLEST_TELLING for part in parts)
    return telling and not _VERSION_BEFORE.search(before)


def is_ipv6(data: bytes, start: int, end: int) -> bool:
    """Say whether groups of hexadecimal digits are the address of a machine."""
    if data[start - 1 : start].isalnum() or data[start - 1 : start] in {
        b":",
        b"_",
        b".",
    }:
        return False
    if data[end : end + 1].isalnum() or data[end : end + 1] in {b":", b"_"}:
        return False
    written = data[start:end].decode("ascii")
    try:
        address = ipaddress.IPv6Interface(written.partition("%")[0]).ip
    except ValueError:
        return False
    if address.is_loopback or address.is_unspecified:
        return False
    groups = [group for group in re.split("[:/%]", written) if group]
    if "::" not in written:
        return any(len(group) > 2 for group in groups)  # noqa: PLR2004 - pairs make a fingerprint
    digits = any(each.isdigit() for each in written)
    return digits and (
        len(groups) >= _TELLING_GROUPS or len(groups[0]) >= _TELLING_GROUPS or "." in written
    )


def is_network_card(data: bytes, start: int, end: int) -> bool:
    """Say whether twelve hexadecimal digits are the address of a network card."""
    if data[start - 1 : start] in {b":", b"-", b"."} or data[end : end + 1] in {
        b":",
        b"-",
    }:
        return False
    written = data[start:end].decode("ascii")
    digits = re.sub("[:.-]", "", written).lower()
    return digits not in _EMPTY_CARDS and not (
        "-" in written and digits.isdigit() and digits[:2] in {"19", "20"}
    )
