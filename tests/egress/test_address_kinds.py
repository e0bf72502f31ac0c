# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What kind of address an address is."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.egress import Reach, reach_of, read_address

KINDS = {
    Reach.PUBLIC: ("8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700::1111", "2a00:1450::200e"),
    Reach.PRIVATE: (
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.1.1",
        "172.31.255.255",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "::1",
        "fc00::1",
        "fe80::1",
        "fec0::1",
        "2001:db8::1",
        "2001:20::1",
        "3fff::1",
        "64:ff9b:1::a00:1",
        "5f00::1",
    ),
    Reach.METADATA: ("169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"),
    Reach.NEVER: (
        "0.0.0.0",  # noqa: S104 - nothing listens there
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "::",
        "ff02::1",
        "100::1",
        "2002:a00:1::",
        "2001:0:4136:e378::",
    ),
}
INNER = st.ip_addresses(v=4)


@pytest.mark.parametrize(
    ("kind", "text"), [(kind, text) for kind, texts in KINDS.items() for text in texts]
)
def test_an_address_is_of_one_kind(kind: Reach, text: str) -> None:
    """Each registered range counts as what it is for."""
    address = read_address(text)
    assert address is not None
    assert reach_of(address) is kind


def carrying(inner: ipaddress.IPv4Address, form: str) -> ipaddress.IPv6Address:
    """Return an address of IPv6 with one of IPv4 inside."""
    heads = {
        "mapped": "::ffff:0:0",
        "compatible": "::",
        "translated": "64:ff9b::",
        "translated here": "64:ff9b:1::",
        "isatap": "2606:4700::5efe:0:0",
        "global isatap": "2606:4700::200:5efe:0:0",
    }
    return ipaddress.IPv6Address(int(ipaddress.IPv6Address(heads[form])) | int(inner))


@settings(deadline=None, max_examples=60)
@given(
    inner=INNER,
    form=st.sampled_from(["mapped", "compatible", "translated", "translated here", "isatap"]),
)
def test_an_address_inside_another_is_not_made_milder(
    inner: ipaddress.IPv4Address, form: str
) -> None:
    """An address of IPv6 is at least as strict as the address of IPv4 that stands inside it."""
    order = list(Reach)
    assert order.index(reach_of(carrying(inner, form))) >= order.index(reach_of(inner))


@settings(deadline=None, max_examples=60)
@given(inner=INNER)
def test_a_translated_address_is_what_it_is_translated_to(inner: ipaddress.IPv4Address) -> None:
    """A public host that is reached through NAT64, or written as a mapped address, stays public."""
    for form in ("mapped", "translated"):
        assert reach_of(carrying(inner, form)) is reach_of(inner)


@settings(deadline=None, max_examples=100)
@given(address=st.ip_addresses())
def test_what_the_standard_library_calls_private_is_not_public(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """The table is not milder than that of the standard library."""
    if reach_of(address) is not Reach.PUBLIC:
        return
    mapped = getattr(address, "ipv4_mapped", None)
    judged = mapped or address
    translated = judged in ipaddress.ip_network("64:ff9b::/96")
    assert judged.is_global or translated


def test_a_mapped_address_is_read_in_either_form() -> None:
    """Both forms in which Python and the machine write such an address are usual."""
    for text in ("::ffff:10.0.0.1", "::ffff:a00:1", "::FFFF:10.0.0.1"):
        assert read_address(text) == ipaddress.ip_address("::ffff:10.0.0.1")


@pytest.mark.parametrize(
    "text",
    ["", "1", "127.1", "0127.0.0.1", "127.0.0.1.", "0x7f.0.0.1", "::1%lo", "[::1]", "0:0::1", "a"],
)
def test_a_text_in_another_form_is_no_address(text: str) -> None:
    """Only the usual notation is read."""
    assert read_address(text) is None
