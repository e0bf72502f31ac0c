# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which headers of a request are looked at, and which may be on it at all?

A few that clients put on every request say nothing and are left alone, as far as they have the
usual values. Those that the policy lists for a tool are sent and not looked at. The rest is an
argument of the call; what decides where a request goes, or is a credential, is refused.

INVARIANT: a header that is neither usual nor listed is judged or refused
(tests/attacks/outbound/test_outbound_headers.py).
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType

from agentguard.canonical import Frozen
from agentguard.errors import ContentRefused, UnguardedPath
from agentguard.policy.http_flaws import DECISIVE_HEADERS, PROXY_HEADERS

Headers = tuple[tuple[str, str], ...]

COOKIE = "cookie"

_QUALITY = r"(?:;\s?q=[01](?:\.[0-9]{1,3})?)?"
_TYPE = (
    r"(?:\*/\*|text/(?:\*|html|plain|csv|xml|event-stream)"
    r"|application/(?:\*|json|xml|pdf|xhtml\+xml|x-ndjson|octet-stream)|image/\*)"
)
_CODING = r"(?:gzip|deflate|br|zstd|identity|\*)"
_LANGUAGE = r"(?:[a-z]{2}(?:-[A-Z]{2})?|\*)"


def _list_of(item: str) -> re.Pattern[str]:
    return re.compile(rf"{item}{_QUALITY}(?:,\s?{item}{_QUALITY}){{0,7}}")


_USUAL: Mapping[str, re.Pattern[str]] = {
    "accept": _list_of(_TYPE),
    "accept-encoding": _list_of(_CODING),
    "accept-language": _list_of(_LANGUAGE),
    "cache-control": re.compile(r"no-cache|no-store|max-age=0"),
    "content-type": re.compile(
        r"(?:application/(?:json|xml|x-www-form-urlencoded)|text/(?:plain|csv|html|xml))"
        r"(?:;\s?charset=(?:utf-8|UTF-8))?"
    ),
    "pragma": re.compile(r"no-cache"),
    "user-agent": re.compile(r"python-(?:httpx2?|requests)/[0-9]{1,4}(?:\.[0-9]{1,4}){1,3}"),
}
# What is measured or known by now, and put on anew when the request is sent.
_FRAMING = frozenset({"content-length", "host", "transfer-encoding"})
_KEPT_ALIVE = re.compile(r"(?i)keep-alive|close")
_CREDENTIAL = re.compile(
    r"cookie2?|(?:.*[_-])?authorization|(?:.*[_-])?auth"
    r"|.*(?:api[_-]?key|access[_-]?key|token|secret|passw|credential|session|signature).*"
)
_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,64}")
_FIELD = re.compile(r"[\t -~\x80-\xff]*")


def judged(
    headers: Headers,
    listed: frozenset[str],
    authority: str,
    tool: str,
    planted: Collection[str] = (),
) -> Frozen:
    """Return the headers that are an argument of the call, None where there is none.

    Args:
        headers: names in lower case, and values.
        listed: the names that the policy lets through unseen.
        authority: what a ``Host`` header must be.
        tool: the tool's name in the policy.
        planted: the names of cookies that servers set in the client.

    Raises:
        UnguardedPath: a header would make another request of it.
        ContentRefused: a header is a credential that the policy does not list, or unreadable.
    """
    found: dict[str, tuple[str, ...]] = {}
    times = Counter(name for name, _ in headers)
    for name, value in headers:
        _refuse_decisive(name, value, authority)
        if name in listed or name in _FRAMING or name == "connection":
            continue
        if name == COOKIE and cookies_in(value) <= set(planted):
            continue
        _refuse_unreadable(name, value, tool)
        usual = _USUAL.get(name)
        if usual is None or times[name] > 1 or not usual.fullmatch(value):
            found[name] = (*found.get(name, ()), value)
    if not found:
        return None
    return MappingProxyType(
        {name: each[0] if len(each) == 1 else each for name, each in found.items()}
    )


def cookies_in(value: str) -> frozenset[str]:
    """Return the names of the cookies in a header."""
    return frozenset(each.partition("=")[0].strip() for each in value.split(";"))


def _refuse_unreadable(name: str, value: str, tool: str) -> None:
    """Refuse a credential, and what is read in several ways."""
    if _CREDENTIAL.fullmatch(name):
        raise ContentRefused(
            "a header of the request is a credential that the policy does not list",
            remedy=f"name it in http_headers of [[tool]] {tool!r}; it is then not looked at",
        )
    if not value.isascii() or not _TOKEN.fullmatch(name):
        raise ContentRefused(
            "a header of the request holds characters beyond ASCII, or a name that is none, which"
            " servers read in several ways"
        )


def _refuse_decisive(name: str, value: str, authority: str) -> None:
    if name == "host" and value.lower() == authority:
        return
    if name == "connection" and _KEPT_ALIVE.fullmatch(value):
        return
    if name in _FRAMING and name != "host":
        return
    if name in DECISIVE_HEADERS or name.startswith(PROXY_HEADERS):
        raise UnguardedPath(
            "a header would make another request of this one, so it is refused",
            remedy="send the request without it",
        )


def sent(
    headers: Headers, resolved: Frozen, without: frozenset[str], authority: str, length: int | None
) -> Headers:
    """Return the headers that are sent.

    Args:
        headers: those of the request.
        resolved: those that are an argument of the call, as they were decided.
        without: names that stay behind.
        authority: the ``Host`` header.
        length: how long the body is, None for a request without one.

    Raises:
        ContentRefused: a value has become what no header can hold.
    """
    values = dict(_values(resolved))
    left = [("host", authority)]
    for name, value in headers:
        if name in _FRAMING or name in without:
            continue
        given = values.get(name)
        left.append((name, value if not given else given.pop(0)))
    if length is not None:
        left.append(("content-length", str(length)))
    if not all(_FIELD.fullmatch(value) for _, value in left):
        raise ContentRefused("a header of the request holds what no header can hold")
    return tuple(left)


def _values(resolved: Frozen) -> Iterable[tuple[str, list[str]]]:
    if isinstance(resolved, Mapping):
        for name, value in resolved.items():
            yield name, [str(each) for each in (value if isinstance(value, tuple) else (value,))]
