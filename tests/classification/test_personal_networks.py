# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Addresses of machines are found, versions and fingerprints are not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.personal import PersonalNumbers, networks

DETECTOR = PersonalNumbers()


def found(text: str) -> list[str]:
    """What is found, as it is written."""
    return [text[one.start : one.end] for one in DETECTOR.detect(text)]


@pytest.mark.parametrize(
    "address",
    [
        "203.0.113.77",
        "192.168.1.1",
        "10.0.0.1",
        "172.16.254.0/24",
        "2001:db8::1",
        "2001:db8:85a3:0:0:8a2e:370:7334",
        "fe80::1%eth0",
        "::ffff:192.0.2.33",
        "64:ff9b::198.51.100.1",
        "2001:db8::/32",
        "00:1a:2B:3c:4d:5E",
        "00-1A-2B-3C-4D-5E",
        "001a.2b3c.4d5e",
    ],
)
@pytest.mark.parametrize(
    "frame", ["{}", "from {}, and", "ip={};", "[{}]", '"{}"', "{} - - [12/May", "at {}."]
)
def test_addresses_are_found_whole(address: str, frame: str) -> None:
    """An address is found alone, in a sentence and in a log, whole."""
    assert found(frame.format(address)) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "v1.2.3.4",
        "version 1.2.3.4",
        "pkg-10.20.30.40",
        "foo==10.20.30.40",
        "10.20.30.40-beta",
        "10.20.30.40.50",
        "chapter 1.2.3.4",
        "256.1.1.1",
        "0.0.0.0/0",
        "127.0.0.1",
        "::1",
        "255.255.255.0",
        "12:34:56",
        "std::cout",
        "abc::def",
        "a[1::2]",
        "dead::beef",
        "MD5 ab:cd:ef:01:23:45:67:89:ab:cd:ef:01:23:45:67:89",
        "00:00:00:00:00:00",
        "ff:ff:ff:ff:ff:ff",
        "2024-01-02 12:34:56",
    ],
)
def test_versions_times_and_addresses_of_everybody_are_none(text: str) -> None:
    """What only looks like an address, or is the same on every machine, is none."""
    assert found(text) == []


def test_small_numbers_are_an_address_where_something_says_so() -> None:
    """Four small numbers are an address behind a word, in a URL, or with a port."""
    for text in ("server ip 1.2.3.4 is", "http://8.8.8.8/dns", "8.8.4.4:53", "1.1.1.0/24"):
        assert len(found(text)) == 1
    assert found("1.2.3.4 is the section") == []


@given(st.text("0123456789abcdef:./%-", max_size=60))
@settings(deadline=None)
def test_any_candidate_gets_an_answer(text: str) -> None:
    """No text makes the checks of addresses fail."""
    data = text.encode()
    assert networks.is_ipv6(data, 0, len(data)) in {True, False}
    assert networks.is_ipv4(data, 0, len(data), named=True) in {True, False}
    DETECTOR.detect(text)
