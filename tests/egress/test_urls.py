# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The one form of the address of a request."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.egress import OutboundUrl, UnclearUrl, outbound_url
from agentguard.policy.constraints import UrlParts


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        (("https", "A.Test", None, "/"), "https://a.test/"),
        (("HTTPS", "a.test", 443, "/x?y=z"), "https://a.test/x?y=z"),
        (("http", "a.test", 443, "/"), "http://a.test:443/"),
        (("http", "127.0.0.1", 80, "/"), "http://127.0.0.1/"),
        (("http", "::1", 8080, "/"), "http://[::1]:8080/"),
        (("http", "[::1]", 8080, "/"), "http://[::1]:8080/"),
        (("https", "xn--bcher-kva.test", None, "/a%20b"), "https://xn--bcher-kva.test/a%20b"),
    ],
)
def test_an_address_has_one_form(parts: tuple[str, str, int | None, str], text: str) -> None:
    """Case, brackets and the usual port make no difference."""
    assert outbound_url(*parts).text == text


@pytest.mark.parametrize(
    "parts",
    [
        ("ftp", "a.test", None, "/"),
        ("ws", "a.test", None, "/"),
        ("https", "", None, "/"),
        ("https", "a.test.", None, "/"),
        ("https", "a..test", None, "/"),
        ("https", "a_b.test", None, "/"),
        ("https", "b\u00fccher.test", None, "/"),
        ("https", "a.test", 0, "/"),
        ("https", "a.test", 65536, "/"),
        ("https", "2130706433", None, "/"),
        ("https", "0x7f000001", None, "/"),
        ("https", "1.2.3.04", None, "/"),
        ("https", "127.1", None, "/"),
        ("https", "a.0x1", None, "/"),
        ("https", "[1.2.3.4]", None, "/"),
        ("https", "[a.test]", None, "/"),
        ("https", "0:0:0:0:0:0:0:1", None, "/"),
        ("https", "fe80::1%eth0", None, "/"),
        ("https", "a" * 64, None, "/"),
        ("https", "a.test", None, ""),
        ("https", "a.test", None, "*"),
        ("https", "a.test", None, "http://b.test/"),
        ("https", "a.test", None, "/a b"),
        ("https", "a.test", None, "/a#b"),
        ("https", "a.test", None, "/a\\b"),
        ("https", "a.test", None, "/a\r\nx: y"),
        ("https", "a.test", None, "/%zz"),
        ("https", "a.test", None, "/%2"),
        ("https", "a.test", None, "/\u00fc"),
    ],
)
def test_what_can_be_read_in_two_ways_has_no_form(
    parts: tuple[str, str, int | None, str],
) -> None:
    """Such an address is refused, and what is told holds nothing of it."""
    with pytest.raises(UnclearUrl) as refused:
        outbound_url(*parts)
    assert "test" not in str(refused.value)


@settings(deadline=None, max_examples=80)
@given(
    host=st.sampled_from(["a.test", "b.a.test", "10.0.0.1"]),
    port=st.one_of(st.none(), st.integers(1, 65535)),
    target=st.from_regex(r"/[a-z0-9/._~-]{0,12}(?:\?[a-z0-9=&%20]{0,8})?", fullmatch=True),
)
def test_a_rule_reads_the_host_that_a_request_goes_to(
    host: str, port: int | None, target: str
) -> None:
    """A rule that admits an address by its host admits no request to another host."""
    try:
        url = outbound_url("https", host, port, target)
    except UnclearUrl:
        return
    other = UrlParts(hosts=("c.test",), ports=(url.port,))
    assert other.problem_with(url.text) is not None
    assert OutboundUrl(scheme="https", host=host, port=url.port, target=target) == url
