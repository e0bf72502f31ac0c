# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""URLs that two programs read in two ways.

The story: the guard reads one host in a URL and the client that fetches it connects to another,
since clients forgive what a parser does not expect. Each row is one URL that some client reads as
an allowed one and some other client does not, or a way to reach what a rule denies.
"""

import posixpath
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen
from agentguard.policy import UrlParts

ALLOWED = UrlParts(
    hosts=("api.example.com", "*.docs.example"), paths=("/v1/files", "/v2"), query=False
)
WIDE = UrlParts(hosts=("api.example.com",), schemes=("https", "http"), ports=(443, 8443, 80))
INSIDE = [
    "https://api.example.com/v1/files",
    "https://api.example.com/v1/files/",
    "https://api.example.com/v1/files/a.txt",
    "https://API.example.com:443/v2/x%20y",
    "HTTPS://a.docs.example/v2",
    "https://api.example.com./v2",
    "https://api.example.com/v2/caf%C3%A9",
    "https://api.example.com/v2/@me;x=1/a,b",
]
OUTSIDE: dict[str, Frozen] = {
    "another host": "https://evil.example/v2",
    "another scheme": "http://api.example.com/v2",
    "a script": "javascript://api.example.com/v2%0aalert(1)",
    "a file": "file://api.example.com/v2",
    "no scheme": "//api.example.com/v2",
    "no scheme and no slashes": "api.example.com/v2",
    "one slash": "https:/api.example.com/v2",
    "no slash": "https:api.example.com/v2",
    "three slashes": "https:///api.example.com/v2",
    "a list of schemes": "view-source:https://api.example.com/v2",
    "another port": "https://api.example.com:8443/v2",
    "an empty port": "https://api.example.com:/v2",
    "a port with a zero": "https://api.example.com:0443/v2",
    "a port that is too large": "https://api.example.com:65979/v2",
    "a port with a sign": "https://api.example.com:+443/v2",
    "two ports": "https://api.example.com:443:443/v2",
    "a user": "https://api.example.com@evil.example/v2",
    "a user before the listed host": "https://evil.example@api.example.com/v2",
    "a user and a password": "https://api.example.com:443@evil.example/v2",
    "an empty user": "https://@api.example.com/v2",
    "an encoded user": "https://evil.example%40api.example.com/v2",
    "a fragment as host": "https://evil.example#@api.example.com/v2",
    "a query as host": "https://evil.example?@api.example.com/v2",
    "a backslash as host": "https://evil.example\\@api.example.com/v2",
    "a backslash for a slash": "https://api.example.com\\v2",
    "backslashes in front": "https:\\\\api.example.com/v2",
    "an encoded backslash": "https://api.example.com%5c.evil.example/v2",
    "a semicolon as host": "https://api.example.com;.evil.example/v2",
    "a comma as host": "https://api.example.com,evil.example/v2",
    "a name that begins so": "https://api.example.com.evil.example/v2",
    "an encoded letter of the host": "https://%61pi.example.com/v2",
    "an encoded dot of the host": "https://api%2eexample.com/v2",
    "an ideographic dot": "https://api。example.com/v2",
    "a letter of another script": "https://аpi.example.com/v2",  # noqa: RUF001 - the evasion
    "a full width slash": "https://evil.example／.docs.example/v2",  # noqa: RUF001 - the evasion
    "a sign that folds to a slash": "https://evil.example℀.docs.example/v2",
    "an encoded name": "https://xn--a.docs.example/v2",
    "a tab in the host": "https://api.exam\tple.com/v2",
    "a line break in the host": "https://api.example.com\n.evil.example/v2",
    "a line break at the end": "https://api.example.com/v2\n",
    "a blank in front": " https://api.example.com/v2",
    "a blank within": "https://api.example.com/v2 https://evil.example",
    "nul": "https://api.example.com\x00.evil.example/v2",
    "a lone surrogate": "https://api.example.com/v2\ud800",
    "angle brackets": "<https://api.example.com/v2>",
    "a host in brackets": "https://[api.example.com]/v2",
    "a broken address": "https://[::1/v2",
    "an address": "https://192.0.2.1/v2",
    "another path": "https://api.example.com/admin",
    "no path": "https://api.example.com",
    "a folder above": "https://api.example.com/v1",
    "a name that only begins so in the path": "https://api.example.com/v1/files-old",
    "up and out": "https://api.example.com/v2/../admin",
    "up at the end": "https://api.example.com/v2/..",
    "encoded up": "https://api.example.com/v2/%2e%2e/admin",
    "half encoded up": "https://api.example.com/v2/.%2E/admin",
    "an encoded slash": "https://api.example.com/v2%2f..%2fadmin",
    "an encoded slash on the way up": "https://api.example.com/v2/..%2fadmin",
    "twice encoded": "https://api.example.com/v2/%252e%252e/admin",
    "overlong dots": "https://api.example.com/v2/%c0%ae%c0%ae/admin",
    "overlong slashes": "https://api.example.com/v2/..%c0%afadmin",
    "full width dots": "https://api.example.com/v2/%ef%bc%8e%ef%bc%8e/admin",
    "a full width slash in the path": "https://api.example.com/v2/..%ef%bc%8fadmin",
    "a backslash on the way up": "https://api.example.com/v2/..\\admin",
    "an encoded backslash on the way up": "https://api.example.com/v2/..%5cadmin",
    "up with parameters": "https://api.example.com/v2/..;/admin",
    "up with encoded parameters": "https://api.example.com/v2/..%3b/admin",
    "here": "https://api.example.com/v1/./files",
    "a doubled slash": "https://api.example.com//v2",
    "a doubled slash within": "https://api.example.com/v2//admin",
    "an encoded letter of the path": "https://api.example.com/%76%32",
    "encoded nul": "https://api.example.com/v2/%00",
    "an encoded line break": "https://api.example.com/v2/%0d%0aX: y",
    "a broken percent sign": "https://api.example.com/v2/%",
    "a broken number": "https://api.example.com/v2/%zz",
    "a percent sign of another kind": "https://api.example.com/v2/%u002e",
    "other letters in the path": "https://api.example.com/V2",
    "a query": "https://api.example.com/v2?x=1",
    "an empty query": "https://api.example.com/v2?",
    "a fragment": "https://api.example.com/v2#x",
    "an empty fragment": "https://api.example.com/v2#",
    "nothing": "",
    "a list": ("https://api.example.com/v2",),
    "null": None,
    "true": True,
}
EVIL = UrlParts(hosts=("evil.example", "*.evil.example"))
ADMIN = UrlParts(hosts=("*",), paths=("/admin",))
MAYBE: list[tuple[UrlParts, Frozen]] = [
    *((EVIL, value) for value in ["https://evil.example", "https://x.evil.example/a?b#c"]),
    (EVIL, "http://evil.example"),
    (EVIL, "ftp://evil.example:2121/a"),
    (EVIL, "HTTPS://EVIL.example./"),
    (EVIL, "//evil.example"),
    (EVIL, "evil.example"),
    (EVIL, "gopher://evil.example"),
    (EVIL, "https:evil.example"),
    (EVIL, "https:///evil.example"),
    (EVIL, "https:\\\\evil.example"),
    (EVIL, "https://x@evil.example"),
    (EVIL, "https://api.example.com@evil.example"),
    (EVIL, "https://api.example.com#@evil.example"),
    (EVIL, "https://api.example.com?@evil.example#"),
    (EVIL, "https://api.example.com\\@evil.example"),
    (EVIL, "https://evil%2eexample"),
    (EVIL, "https://%65vil.example"),
    (EVIL, "https://evil。example"),
    (EVIL, "https://ｅvil.example"),  # noqa: RUF001 - the evasion
    (EVIL, "https://ev\u00adil.example"),
    (EVIL, "https://ev\til.example"),
    (EVIL, "https://xn--evil-.example"),
    (EVIL, " https://evil.example"),
    (EVIL, "https://evil.example\n"),
    (EVIL, "https://192.0.2.1"),
    (EVIL, "https://3221225985"),
    (EVIL, "https://0xc0000201"),
    (EVIL, "https://[2001:db8::1]/"),
    (EVIL, "https://[::ffff:192.0.2.1]/"),
    (EVIL, "https://a.example:99999/"),
    (EVIL, "https://a.example/%"),
    (EVIL, "data:text/html,<script src=https://evil.example>"),
    (EVIL, "https://a.example https://evil.example"),
    (EVIL, ("https://a.example",)),
    (EVIL, None),
    (ADMIN, "https://a.example/admin"),
    (ADMIN, "https://a.example/ADMIN/x"),
    (ADMIN, "https://a.example//admin"),
    (ADMIN, "https://a.example/./admin"),
    (ADMIN, "https://a.example/x/../admin"),
    (ADMIN, "https://a.example/%61dmin"),
    (ADMIN, "https://a.example/admin;x"),
    (ADMIN, "https://a.example/;x/admin"),
    (ADMIN, "https://a.example/admin%2fx"),
    (ADMIN, "https://a.example\\admin"),
    (ADMIN, "http://192.0.2.1:8080/admin?x"),
]


@pytest.mark.parametrize("url", INSIDE)
def test_a_plain_url_is_allowed(url: str) -> None:
    """A URL whose parts are all listed satisfies the constraint."""
    assert ALLOWED.problem_with(url) is None
    assert not ALLOWED.rules_out(url)


@pytest.mark.parametrize("row", OUTSIDE)
def test_no_url_is_read_in_two_ways(row: str) -> None:
    """A URL that another program may read otherwise does not satisfy the constraint."""
    assert ALLOWED.problem_with(OUTSIDE[row]) == ALLOWED.demand


@pytest.mark.parametrize(("denied", "url"), MAYBE)
def test_no_spelling_of_a_url_leads_out_of_a_deny_rule(denied: UrlParts, url: Frozen) -> None:
    """A URL that may lead there for some program is not ruled out."""
    assert not denied.rules_out(url)


@pytest.mark.parametrize(
    ("denied", "url"),
    [
        (EVIL, "https://api.example.com"),
        (EVIL, "http://api.example.com:8080/evil.example?evil.example"),
        (EVIL, "https://evil.example.org/"),
        (ADMIN, "https://a.example/"),
        (ADMIN, "https://a.example/administrator"),
        (ADMIN, "https://a.example/x/admin"),
        (UrlParts(hosts=("*",), schemes=("http",)), "https://a.example/"),
        (UrlParts(hosts=("*",), ports=(22,)), "https://a.example/"),
    ],
)
def test_a_plain_url_elsewhere_is_ruled_out(denied: UrlParts, url: str) -> None:
    """A plain URL that leads somewhere else is none of a deny rule's business."""
    assert denied.rules_out(url)


@pytest.mark.parametrize(
    ("url", "fits"),
    [
        ("https://api.example.com", True),
        ("https://api.example.com?x=1", True),
        ("http://api.example.com:80/", True),
        ("http://api.example.com:8443/a//b", True),
        ("https://api.example.com:22/", False),
        ("wss://api.example.com/", False),
    ],
)
def test_schemes_and_ports_are_those_that_are_listed(url: str, fits: bool) -> None:  # noqa: FBT001 - a table of cases
    """Where schemes and ports are listed, each of them may be, and no other."""
    assert (WIDE.problem_with(url) is None) is fits


def test_any_host_is_any_name_and_no_address() -> None:
    """The star stands for plain names, not for addresses and encoded names."""
    every = UrlParts(hosts=("*",))
    assert every.problem_with("https://anything.example/a") is None
    for host in ("192.0.2.1", "[::1]", "0x7f.1", "xn--a.example", "a_b.example"):
        assert every.problem_with(f"https://{host}/") is not None


def test_an_address_that_is_listed_is_allowed() -> None:
    """An address satisfies in the notation in which it is listed."""
    listed = UrlParts(hosts=("127.0.0.1", "[::1]"), schemes=("http",), ports=(8080,))
    assert listed.problem_with("http://127.0.0.1:8080/") is None
    assert listed.problem_with("http://[::1]:8080/x") is None
    assert listed.problem_with("http://[::0001]:8080/x") is not None
    assert listed.problem_with("http://localhost:8080/x") is not None


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"hosts": ()}, "at least one host"),
        ({"hosts": ("*", "a.example")}, "name no other beside it"),
        ({"hosts": ("https://a.example",)}, "not a host"),
        ({"hosts": ("a.example",), "schemes": ("gopher",)}, "is not one of"),
        ({"hosts": ("a.example",), "ports": (0,)}, "from 1 to 65535"),
        ({"hosts": ("a.example",), "ports": (65536,)}, "from 1 to 65535"),
        ({"hosts": ("a.example",), "paths": ("v1",)}, "is not a path"),
        ({"hosts": ("a.example",), "paths": ("/v1/",)}, "is not a path"),
        ({"hosts": ("a.example",), "paths": ("/v1/../x",)}, "is not a path"),
        ({"hosts": ("a.example",), "paths": ("/v1//x",)}, "is not a path"),
        ({"hosts": ("a.example",), "paths": ("/v1?x",)}, "is not a path"),
        ({"hosts": ("a.example",), "paths": ("/%2e",)}, "is not a path"),
    ],
)
def test_parts_that_no_url_has_are_refused(parts: dict[str, object], problem: str) -> None:
    """A part that could be read in two ways cannot be listed."""
    with pytest.raises(ValueError, match=problem):
        UrlParts(**parts)  # type: ignore[arg-type]  # varied by key


PIECES = st.sampled_from(
    [
        *("https", "http", "://", ":", "//", "/", "api.example.com", "evil.example", "v1", "v2"),
        *("files", "..", ".", "%2e", "%2E", "%2f", "%5c", "%25", "%c0%ae", "%00", "@", "#", "?"),
        *("&x=1", ";", ",", "\\", "\t", "\n", " ", "443", "8443", "0", "[", "]", "a", "%61", "*"),
        *("\u3002", "\uff0f", "\uff0e", "\u00ad", "\u2100", "x.docs.example", "API.EXAMPLE.COM"),
    ]
)
STARTS = st.sampled_from(["", "https://api.example.com", "https://api.example.com/v2", "https://"])
URLS = st.builds(lambda start, rest: start + "".join(rest), STARTS, st.lists(PIECES, max_size=9))


@settings(deadline=None, max_examples=500)
@given(URLS)
def test_clients_agree_on_every_url_that_is_allowed(url: str) -> None:
    """Whatever is put together: two other parsers read the same host, port and folder."""
    if ALLOWED.problem_with(url) is not None:
        return
    split, client = urlsplit(url), httpx.URL(url)
    for host in (split.hostname or "", client.host):
        name = host.rstrip(".")
        assert name == "api.example.com" or name.endswith(".docs.example")
    assert split.username is split.password is None
    assert (split.scheme, split.port or 443) == ("https", client.port or 443) == ("https", 443)
    for path in (split.path, client.path, unquote(unquote(split.path))):
        assert f"{posixpath.normpath(path)}/".startswith(("/v1/files/", "/v2/"))


@settings(deadline=None, max_examples=500)
@given(URLS)
def test_no_client_reaches_what_is_denied_through_a_url_that_is_ruled_out(url: str) -> None:
    """Whatever is put together: a URL that is ruled out leads no other parser to a denied host."""
    if not EVIL.rules_out(url):
        return
    for host in (urlsplit(url).hostname or "", httpx.URL(url).host):
        assert not f".{host.rstrip('.')}".endswith(".evil.example")
