# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What the entries of private hosts let through."""

import ipaddress

import pytest

from agentguard.policy.private_hosts import parse_private_host

INSIDE = ipaddress.ip_address("10.0.0.7")


@pytest.mark.parametrize(
    ("entry", "host", "port", "address", "admitted"),
    [
        ("crm.internal", "crm.internal", 443, "10.0.0.7", True),
        ("CRM.internal", "crm.internal", 443, "10.0.0.7", True),
        ("crm.internal:8080", "crm.internal", 8080, "10.0.0.7", True),
        ("crm.internal:8080", "crm.internal", 80, "10.0.0.7", False),
        ("crm.internal", "a.crm.internal", 443, "10.0.0.7", False),
        ("crm.internal", "10.0.0.7", 443, "10.0.0.7", False),
        ("10.0.0.7", "anything.test", 443, "10.0.0.7", True),
        ("10.0.0.7:443", "anything.test", 80, "10.0.0.7", False),
        ("10.0.0.7", "anything.test", 443, "10.0.0.8", False),
        ("10.0.0.0/8", "anything.test", 443, "10.255.0.1", True),
        ("10.0.0.0/8", "anything.test", 443, "11.0.0.1", False),
        ("10.0.0.0/8", "anything.test", 443, "::ffff:10.0.0.1", True),
        ("fd00::/8", "anything.test", 443, "fd00::7", True),
        ("fd00::7", "anything.test", 443, "fd00::7", True),
        ("[fd00::7]:80", "anything.test", 443, "fd00::7", False),
        ("::1", "::1", 443, "::1", True),
    ],
)
def test_an_entry_admits_what_it_names(
    entry: str, host: str, port: int, address: str, *, admitted: bool
) -> None:
    """A name, an address, a port and a network let through exactly themselves."""
    found = parse_private_host(entry)
    assert found.admits(host, port, ipaddress.ip_address(address)) is admitted


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "*",
        "*.internal",
        "http://crm",
        "crm/",
        "crm:",
        "crm:0",
        "crm:99999",
        "crm.internal.",
        "10.0.0.1/8",
        "0.0.0.0/0",
        "::/0",
        "10.1",
        "2130706433",
        "fe80::1%eth0",
        "b\u00fccher",
        "a b",
    ],
)
def test_another_entry_is_refused(entry: str) -> None:
    """What is no name, address or network in its usual form is refused."""
    with pytest.raises(ValueError, match="must" if entry not in ("0.0.0.0/0", "::/0") else "every"):
        parse_private_host(entry)


def test_only_an_address_is_for_an_address() -> None:
    """A network or a name that holds an address is not an entry for that address."""
    assert parse_private_host("10.0.0.7").is_for(INSIDE)
    assert not parse_private_host("10.0.0.0/24").is_for(INSIDE)
    assert not parse_private_host("crm.internal").is_for(INSIDE)
