# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Hosts that look like a listed one, and spellings of a listed one that look like another.

The story: a rule lists the hosts that an agent may fetch from, or those it must not, such as the
address where a cloud hands out credentials. Each row is one way that was tried to pass for a listed
host, or to name one without its name.
"""

import pytest

from agentguard.canonical import Frozen
from agentguard.policy import HostIn

ALLOWED = HostIn(names=("api.example.com", "*.docs.example", "192.0.2.7", "2001:db8::7", "db"))
INSIDE = [
    "api.example.com",
    "API.Example.COM",
    "api.example.com.",
    "a.docs.example",
    "a.b.docs.example",
    "192.0.2.7",
    "2001:db8::7",
    "[2001:DB8::7]",
    "db",
]
OUTSIDE: dict[str, Frozen] = {
    "another": "evil.example",
    "below a name without a star": "www.api.example.com",
    "above a name": "example.com",
    "the name of the star itself": "docs.example",
    "a dot and the name of the star": ".docs.example",
    "a name that ends so": "evildocs.example",
    "a name that begins so": "api.example.com.evil.example",
    "a hyphen for a dot": "api-example.com",
    "a user": "api.example.com@evil.example",
    "the listed one as a user": "evil.example@api.example.com",
    "a port": "api.example.com:8443",
    "a scheme": "https://api.example.com",
    "a path": "api.example.com/a",
    "a backslash": "api.example.com\\.evil.example",
    "a fragment": "evil.example#.docs.example",
    "a query": "evil.example?.docs.example",
    "two final dots": "api.example.com..",
    "two dots within": "api..example.com",
    "a blank in front": " api.example.com",
    "a line break": "api.example.com\n",
    "a line break within": "evil.example\n.docs.example",
    "nul": "evil.example\x00.docs.example",
    "a percent sign": "evil.example%00.docs.example",
    "an encoded dot": "api%2eexample.com",
    "an ideographic dot": "api。example.com",
    "a full width letter": "ａpi.example.com",  # noqa: RUF001 - the evasion
    "a letter of another script": "аpi.example.com",  # noqa: RUF001 - the evasion
    "a soft hyphen": "api.exam\u00adple.com",
    "a zero width blank": "api.example\u200b.com",
    "a lone surrogate": "api.example.com\ud800",
    "an encoded name below a star": "xn--pple-43d.docs.example",
    "an underscore below a star": "_x.docs.example",
    "a hyphen at an end below a star": "-x.docs.example",
    "a label that is too long": "a" * 64 + ".docs.example",
    "a name that is too long": "a." * 130 + "docs.example",
    "octal": "0300.0.2.7",
    "hexadecimal": "0xc0.0.2.7",
    "one number": "3221225991",
    "short": "192.0.519",
    "with zeros": "192.0.2.007",
    "mapped": "::ffff:192.0.2.7",
    "the same, written longer": "2001:db8:0:0:0:0:0:7",
    "with a zone": "2001:db8::7%eth0",
    "in brackets": "[192.0.2.7]",
    "a name in brackets": "[api.example.com]",
    "arabic digits": "١٩٢.0.2.7",
    "a list": ("api.example.com",),
    "two in one text": "api.example.com,evil.example",
    "two with a blank": "api.example.com evil.example",
    "nothing": "",
    "a dot": ".",
    "a star": "*.docs.example",
    "null": None,
    "a number": 3221225991,
    "true": True,
}
DENIED_NAME = HostIn(names=("metadata.google.internal", "*.corp.example"))
DENIED_ADDRESS = HostIn(names=("169.254.169.254", "fd00:ec2::254"))
DENIED_LOOPBACK = HostIn(names=("127.0.0.1",))
MAYBE: list[tuple[HostIn, Frozen]] = [
    *((DENIED_NAME, value) for value in ["metadata.google.internal", "x.corp.example"]),
    (DENIED_NAME, "METADATA.google.INTERNAL"),
    (DENIED_NAME, "metadata.google.internal."),
    (DENIED_NAME, "metadata.google.internal:80"),
    (DENIED_NAME, "metadata"),
    (DENIED_NAME, "metadata.google"),
    (DENIED_NAME, "intranet"),
    (DENIED_NAME, " metadata.google.internal"),
    (DENIED_NAME, "metadata.google.internal\n"),
    (DENIED_NAME, "metadata%2egoogle.internal"),
    (DENIED_NAME, "metadata。google。internal"),
    (DENIED_NAME, "ｍetadata.google.internal"),  # noqa: RUF001 - the evasion
    (DENIED_NAME, "meta\u00addata.google.internal"),
    (DENIED_NAME, "xn--metadata-.google.internal"),
    (DENIED_NAME, "x@metadata.google.internal"),
    (DENIED_NAME, "https://metadata.google.internal"),
    (DENIED_NAME, "metadata.google.internal/x"),
    (DENIED_NAME, "[metadata.google.internal]"),
    (DENIED_NAME, "169.254.169.254"),
    (DENIED_NAME, "[fd00:ec2::254]"),
    (DENIED_NAME, ("a.example",)),
    (DENIED_NAME, None),
    (DENIED_ADDRESS, "169.254.169.254"),
    (DENIED_ADDRESS, "169.254.169.254."),
    (DENIED_ADDRESS, "[fd00:ec2::254]"),
    (DENIED_ADDRESS, "FD00:EC2::254"),
    (DENIED_ADDRESS, "fd00:0ec2::254"),
    (DENIED_ADDRESS, "fd00:ec2:0:0:0:0:0:254"),
    (DENIED_ADDRESS, "fd00:ec2::254%1"),
    (DENIED_ADDRESS, "2852039166"),
    (DENIED_ADDRESS, "0xa9fea9fe"),
    (DENIED_ADDRESS, "0xa9.0xfe.0xa9.0xfe"),
    (DENIED_ADDRESS, "0251.0376.0251.0376"),
    (DENIED_ADDRESS, "169.254.43518"),
    (DENIED_ADDRESS, "169.16689662"),
    (DENIED_ADDRESS, "169.254.169.0xfe"),
    (DENIED_ADDRESS, "::ffff:169.254.169.254"),
    (DENIED_ADDRESS, "::ffff:a9fe:a9fe"),
    (DENIED_ADDRESS, "::a9fe:a9fe"),
    (DENIED_ADDRESS, "64:ff9b::a9fe:a9fe"),
    (DENIED_ADDRESS, "2002:a9fe:a9fe::"),
    (DENIED_ADDRESS, "169.254.169.254.nip.io"),
    (DENIED_ADDRESS, "a-169-254-169-254.sslip.io"),
    (DENIED_ADDRESS, "a9fea9fe.nip.io"),
    (DENIED_ADDRESS, "169。254。169。254"),
    (DENIED_ADDRESS, "①69.254.169.254"),
    (DENIED_ADDRESS, "169.254.169.254:80"),
    (DENIED_LOOPBACK, "localhost"),
    (DENIED_LOOPBACK, "LOCALHOST."),
    (DENIED_LOOPBACK, "a.localhost"),
    (DENIED_LOOPBACK, "localhost.localdomain"),
    (DENIED_LOOPBACK, "ip6-localhost"),
    (DENIED_LOOPBACK, "127.0.0.2"),
    (DENIED_LOOPBACK, "127.1"),
    (DENIED_LOOPBACK, "0"),
    (DENIED_LOOPBACK, "0.0.0.0"),  # noqa: S104 - the evasion
    (DENIED_LOOPBACK, "::1"),
    (DENIED_LOOPBACK, "[::]"),
    (DENIED_LOOPBACK, "::ffff:127.0.0.1"),
    (HostIn(names=("localhost",)), "127.0.0.1"),
    (HostIn(names=("::1",)), "localhost"),
]


@pytest.mark.parametrize("host", INSIDE)
def test_a_listed_host_is_allowed(host: str) -> None:
    """A listed name in any letters, a name below a star and a listed address satisfy."""
    assert ALLOWED.problem_with(host) is None
    assert not ALLOWED.rules_out(host)


@pytest.mark.parametrize("row", OUTSIDE)
def test_nothing_passes_for_a_listed_host(row: str) -> None:
    """What is not plainly a listed host does not satisfy the constraint."""
    assert ALLOWED.problem_with(OUTSIDE[row]) == ALLOWED.demand


@pytest.mark.parametrize(("denied", "host"), MAYBE)
def test_no_spelling_of_a_host_leads_out_of_a_deny_rule(denied: HostIn, host: Frozen) -> None:
    """What may be a listed host to some program is not ruled out."""
    assert not denied.rules_out(host)


@pytest.mark.parametrize(
    ("denied", "host"),
    [
        (DENIED_NAME, "api.example.com"),
        (DENIED_NAME, "google.internal"),
        (DENIED_NAME, "corp.example"),
        (DENIED_NAME, "x.metadata.google.internal.example"),
        (DENIED_ADDRESS, "api.example.com"),
        (DENIED_ADDRESS, "10.0.0.1"),
        (DENIED_ADDRESS, "2001:db8::1"),
        (DENIED_LOOPBACK, "10.0.0.1"),
        (DENIED_LOOPBACK, "localhost.example.com"),
    ],
)
def test_a_plain_host_that_is_another_is_ruled_out(denied: HostIn, host: str) -> None:
    """A plain name or address that is another one is none of a deny rule's business."""
    assert denied.rules_out(host)


@pytest.mark.parametrize(
    "name",
    [
        *("*", "", ".", "*.", "a*.example", "*.*.example", "*example", "a b", "a.example:443"),
        *("https://a.example", "a.example/x", "x@a.example", "münchen.example", "*.xn--a.example"),
        *("*.192.0.2.7", "[::1", "2001:db8::zz", "a..b", "-a.example", "1.2.3.4%2f", "a_b.example"),
    ],
)
def test_an_entry_that_is_no_host_is_refused(name: str) -> None:
    """What is no host, or more than one, cannot be listed."""
    with pytest.raises(ValueError, match="host"):
        HostIn(names=(name,))


def test_a_host_is_needed() -> None:
    """A constraint without hosts is a mistake."""
    with pytest.raises(ValueError, match="at least one host"):
        HostIn(names=())


def test_what_is_listed_letter_by_letter_is_allowed() -> None:
    """An encoded name and an odd notation of an address satisfy if they are listed so."""
    listed = HostIn(names=("xn--mnchen-3ya.example", "0x7f.1"))
    assert listed.problem_with("XN--mnchen-3ya.example") is None
    assert listed.problem_with("0x7f.1") is None
    assert not listed.rules_out("127.0.0.1")
