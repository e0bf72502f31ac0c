# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a URL lead?

A URL is split here, more strictly than any client does it: what two programs may read in two ways
is not read at all. Nothing is decoded or looked up.

INVARIANT: a URL that is not plainly somewhere else is not ruled out
(tests/attacks/test_url_constraints.py).
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

from agentguard.canonical import Frozen
from agentguard.policy.constraints.addresses import plain_address
from agentguard.policy.constraints.grounds import Plain, derive, listed
from agentguard.policy.constraints.hosts import HostIn, plain_name

DEFAULT_PORTS: Mapping[str, int] = MappingProxyType(
    {"https": 443, "http": 80, "wss": 443, "ws": 80, "ftps": 990, "ftp": 21, "sftp": 22}
)
ANY_HOST = "*"
_LARGEST_PORT = 65535

# Printable ASCII without blanks, quotes, brackets of any kind in the path, or backslashes.
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%-]*)*)"
    r"(?P<query>\?[A-Za-z0-9._~!$&'()*+,;=:@%/?\[\]-]*)?"
)
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")
# A dot, a slash, a backslash, a percent sign or a control character that is written as a number.
_HIDDEN = re.compile(r"%(?:2[eEfF5]|5[cC]|[01][0-9A-Fa-f]|7[fF])")
_DOTS = frozenset({".", ".."})


class SplitUrl(NamedTuple):
    """The parts of a URL that is read in one way only."""

    scheme: str
    host: str
    port: int
    path: tuple[str, ...]
    has_query: bool


def split_url(text: str) -> SplitUrl | None:
    """Return the parts of a URL, None if two programs could read it in two ways."""
    found = _URL.fullmatch(text)
    if found is None or _PERCENT.search(text):
        return None
    scheme = found["scheme"].lower()
    port = int(found["port"]) if found["port"] else DEFAULT_PORTS.get(scheme)
    if scheme not in DEFAULT_PORTS or port is None or port > _LARGEST_PORT:
        return None
    if not _is_plain_path(found["path"]):
        return None
    path = tuple(found["path"].split("/")[1:])
    return SplitUrl(scheme, found["host"].lower(), port, path, found["query"] is not None)


def _is_plain_path(path: str) -> bool:
    """Say whether a path has the same segments to every server, however often it decodes."""
    if _HIDDEN.search(path):
        return False
    try:
        decoded = unquote_to_bytes(path).decode("utf-8")
    except UnicodeDecodeError:
        return False
    folded = unicodedata.normalize("NFKC", decoded)
    if "\\" in folded or folded.count("/") != path.count("/"):
        return False
    return not any(each.split(";")[0] in _DOTS for each in folded.split("/"))


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlParts(Plain):
    """A URL whose parts are as listed; it has neither a user nor a fragment.

    For a deny rule what is left out is every scheme, every port and every path.

    Attributes:
        schemes: such as ``https``; empty for ``https`` alone.
        hosts: as for ``HostIn``, or ``*`` for every host that has a plain name.
        ports: empty for the usual one of the scheme.
        paths: where the path is, or what it is below; empty for every path.
        query: whether there may be a query; does not count for a deny rule.
    """

    hosts: tuple[str, ...]
    schemes: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    query: bool = True
    demand: str = field(init=False, repr=False, compare=False)
    _hosts: HostIn | None = field(init=False, repr=False, compare=False)
    _folders: tuple[tuple[str, ...], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse parts that no URL has.

        Raises:
            ValueError: a part cannot be used; the message says why.
        """
        every = ANY_HOST in self.hosts
        if every and len(self.hosts) > 1:
            raise ValueError("'*' is every host: name no other beside it")
        for scheme in self.schemes:
            if scheme not in DEFAULT_PORTS:
                raise ValueError(f"scheme {scheme!r} is not one of {', '.join(DEFAULT_PORTS)}")
        for port in self.ports:
            if not 0 < port <= _LARGEST_PORT:
                raise ValueError(f"a port must be from 1 to {_LARGEST_PORT}")
        derive(
            self,
            demand=self._demanded(),
            _hosts=None if every else HostIn(names=self.hosts),
            _folders=tuple(map(_folder, self.paths)),
        )

    def _demanded(self) -> str:
        parts = [f"{' or '.join(self.schemes or ('https',))} URL"]
        parts.append("with any host" if ANY_HOST in self.hosts else f"of {listed(self.hosts)}")
        if self.ports:
            parts.append(f"at port {listed(self.ports)}")
        if self.paths:
            parts.append(f"at or below {listed(self.paths)}")
        parts.append(
            "without user and fragment" if self.query else "without user, query and fragment"
        )
        return f"must be a plain {' '.join(parts)}"

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        url = split_url(value) if type(value) is str else None
        return None if url is not None and self._admits(url) else self.demand

    def _admits(self, url: SplitUrl) -> bool:
        return (
            url.scheme in (self.schemes or ("https",))
            and self._has_host(url.host)
            and (url.port in self.ports if self.ports else url.port == DEFAULT_PORTS[url.scheme])
            and (self.query or not url.has_query)
            and (not self._folders or any(_is_at(url.path, each) for each in self._folders))
        )

    def _has_host(self, host: str) -> bool:
        return plain_name(host) is not None if self._hosts is None else self._hosts.admits(host)

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* is a plain URL that certainly leads somewhere else."""
        url = split_url(value) if type(value) is str else None
        if url is None or (plain_name(url.host) is None and plain_address(url.host) is None):
            return False
        return (
            (bool(self.schemes) and url.scheme not in self.schemes)
            or (self._hosts is not None and self._hosts.excludes(url.host))
            or (bool(self.ports) and url.port not in self.ports)
            or (
                bool(self._folders)
                and not any(_may_be_at(url.path, each) for each in self._folders)
            )
        )

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {
            "url": {
                "schemes": tuple(sorted(self.schemes)),
                "hosts": tuple(sorted(map(str.lower, self.hosts))),
                "ports": tuple(sorted(self.ports)),
                "paths": tuple(sorted(self.paths)),
                "query": self.query,
            }
        }

    def shares_a_url_with(self, other: "UrlParts") -> bool:
        """Say whether some URL may satisfy both."""
        if set(self.schemes or ("https",)).isdisjoint(other.schemes or ("https",)):
            return False
        if self.reached_ports.isdisjoint(other.reached_ports):
            return False
        if self._hosts is None or ANY_HOST in other.hosts:
            return True
        return self._hosts.shares_a_host_with(HostIn(names=other.hosts))

    @property
    def reached_ports(self) -> frozenset[int]:
        """The ports that an allowed URL leads to."""
        schemes = self.schemes or ("https",)
        return frozenset(self.ports or (DEFAULT_PORTS[each] for each in schemes))


def _folder(path: str) -> tuple[str, ...]:
    """Return the segments of a path of the list.

    Raises:
        ValueError: it is no plain path.
    """
    split = split_url(f"https://host{path}") if path.startswith("/") else None
    if split is None or split.has_query or (path != "/" and "" in split.path):
        raise ValueError(
            f"{path!r} is not a path such as '/v1/files', without '.', '..', encoded dots and"
            " slashes, and a final slash"
        )
    return () if path == "/" else split.path


def _is_at(path: tuple[str, ...], folder: tuple[str, ...]) -> bool:
    if "" in path[:-1]:
        return False
    return path[: len(folder)] == folder


def _may_be_at(path: tuple[str, ...], folder: tuple[str, ...]) -> bool:
    """Say whether a server may take a path for one that is there or below."""
    if any("%" in part or ";" in part for part in path):
        return True
    parts = [part.lower() for part in path if part]
    return parts[: len(folder)] == [part.lower() for part in folder]
