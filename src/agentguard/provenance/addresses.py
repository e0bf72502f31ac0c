# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which token leads somewhere: an address of mail, a link, a host, a path, an account?

Each is compared as a whole. A link of which only the host was named was not named, and neither
was a file in a folder that was.

INVARIANT: what is added to an address makes it another one (tests/provenance/test_addresses.py).
"""

import re
from collections.abc import Iterator

from agentguard.provenance.normal import folded

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{1,15})://(.*)", re.DOTALL)
_HOST = re.compile(r"(?:[\w-]{1,63}\.)+[A-Za-z][\w-]{1,30}(?::\d{1,5})?(?:/.*)?", re.DOTALL)
_MAIL = re.compile(r"[^\s@]{1,64}@[\w.-]+")
_PATH = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\].*", re.DOTALL)
# "see www.example.com.They have ..."
_NEXT_SENTENCE = re.compile(r"(.*\.[a-z]{2,24})\.[A-Z][a-z]*")
_ACCOUNT = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"
)
_DIGITS = re.compile(r"(?<![\w.,:/-])\+?\(?\d[\d ()-]{4,40}\d(?![\w:])")
_DATE = re.compile(r"(?:19|20)\d\d-\d\d-\d\d|\d\d-\d\d-(?:19|20)\d\d")
_PARTS = re.compile(r"[A-Za-z0-9]+")
_WEB = {"http": ":80", "https": ":443"}
_SHORTEST_ACCOUNT = 12
_SHORTEST_DIGITS = 7


def address_keys(token: str) -> tuple[str, ...]:
    """Return the forms in which a token that leads somewhere is looked for; empty for others."""
    if "@" in token and _MAIL.fullmatch(token):
        return (f"m:{folded(token)}",)
    if scheme := _SCHEME.fullmatch(token):
        return (_link_key(scheme[1].lower(), scheme[2]),)
    if "." in token and _HOST.fullmatch(token):
        return (_link_key("", token),)
    if _PATH.fullmatch(token):
        return (f"p:{token}",)
    return ()


def also_named(token: str) -> tuple[str, ...]:
    """Return the forms of links that a token names as well.

    A link without a scheme names it with either; one with a scheme names it without, and not with
    the other one. A link may run into the next sentence without a blank.
    """
    keys = address_keys(token)
    if cut := _NEXT_SENTENCE.fullmatch(token):
        keys += address_keys(cut[1])
    schemeless = [key.removeprefix("u::") for key in keys if key.startswith("u::")]
    found = [*keys, *(f"u:{scheme}:{rest}" for rest in schemeless for scheme in _WEB)]
    for scheme in _WEB:
        start = f"u:{scheme}:"
        found += [f"u::{key.removeprefix(start)}" for key in keys if key.startswith(start)]
    return tuple(found)


def _link_key(scheme: str, rest: str) -> str:
    """Return the key of a link; what follows the host keeps its case."""
    ends = [at for sign in "/?#" if (at := rest.find(sign)) >= 0]
    cut = min(ends, default=len(rest))
    host, after = rest[:cut], rest[cut:]
    host = host.removesuffix(_WEB.get(scheme, ""))
    return f"u:{scheme}:{folded(host).rstrip('.')}{'' if after == '/' else after}"


def accounts_in(text: str) -> Iterator[str]:
    """Yield the keys of accounts and long numbers that are written in groups, in any length."""
    for match in _ACCOUNT.finditer(text):
        yield from _grown(_PARTS.findall(match.group()), _SHORTEST_ACCOUNT)
    for match in _DIGITS.finditer(text):
        written = match.group()
        if not _DATE.match(written):
            yield from _grown(_PARTS.findall(written), _SHORTEST_DIGITS)


def account_key(text: str) -> str | None:
    """Return the key of a text that is an account or a long number and nothing else."""
    text = text.strip()
    if _ACCOUNT.fullmatch(text) or (_DIGITS.fullmatch(text) and not _DATE.match(text)):
        key = "".join(_PARTS.findall(text))
        if len(key) >= _SHORTEST_DIGITS:
            return f"a:{key.lower()}"
    return None


def _grown(groups: list[str], least: int) -> Iterator[str]:
    """Yield what the first groups make together, for as many as may belong to it."""
    joined = ""
    for group in groups:
        joined += group
        if len(joined) >= least:
            yield f"a:{joined.lower()}"
