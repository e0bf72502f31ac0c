# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which provider does an origin belong to?

Reads host entries of the policy and origins of requests.
A bare name means https on 443; plain http and the wildcard port are for loopback names only.

INVARIANT: an origin that is not understood belongs to nobody (tests/policy/test_origins.py).
"""

import re
from dataclasses import dataclass

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_DEFAULT_PORTS = {"https": 443, "http": 80}
_LARGEST_PORT = 65535

_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?|\[::1\]"
_HOST_ENTRY = re.compile(rf"({_NAME})(?::([0-9]{{1,5}}|\*))?")
_ORIGIN = re.compile(rf"(https?)://({_NAME})(?::([0-9]{{1,5}}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostEntry:
    """One host of a provider; ``port`` None means the default port of the scheme.

    Attributes:
        name: the host in lower case.
        port: the port, or None.
        any_port: whether every port will do.
    """

    name: str
    port: int | None
    any_port: bool

    def serves(self, scheme: str, name: str, port: int) -> bool:
        """Say whether requests to this origin go to this host entry."""
        if name != self.name or (scheme == "http" and name not in LOOPBACK_NAMES):
            return False
        return self.any_port or port == (self.port or _DEFAULT_PORTS[scheme])

    def overlaps(self, other: "HostEntry") -> bool:
        """Say whether some origin is served by both entries."""
        if self.name != other.name:
            return False
        return self.any_port or other.any_port or not self.ports.isdisjoint(other.ports)

    @property
    def ports(self) -> frozenset[int]:
        """The ports that the entry names, any port apart."""
        if self.port is not None:
            return frozenset({self.port})
        schemes = _DEFAULT_PORTS if self.name in LOOPBACK_NAMES else ("https",)
        return frozenset(_DEFAULT_PORTS[scheme] for scheme in schemes)


def parse_host(text: str) -> HostEntry:
    """Read a host entry such as ``api.openai.com``, ``name:8443`` or ``127.0.0.1:*``.

    Raises:
        ValueError: the entry is not one of these forms.
    """
    found = _HOST_ENTRY.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        raise ValueError("must be a host name, 'name:port', or 'name:*' for a loopback name")
    name, port = found[1], found[2]
    if port == "*" and name not in LOOPBACK_NAMES:
        raise ValueError(
            f"may have any port only for a loopback name: {', '.join(sorted(LOOPBACK_NAMES))}"
        )
    number = int(port) if port not in {None, "*"} else None
    if number is not None and not 0 < number <= _LARGEST_PORT:
        raise ValueError(f"must have a port from 1 to {_LARGEST_PORT}")
    return HostEntry(name=name, port=number, any_port=port == "*")


def parse_origin(text: str) -> tuple[str, str, int] | None:
    """Return scheme, host and port of an origin such as ``https://host:443``, None if unclear."""
    found = _ORIGIN.fullmatch(text.lower()) if text.isascii() else None
    if found is None:
        return None
    scheme, name, port = found.groups()
    return scheme, name, int(port) if port else _DEFAULT_PORTS[scheme]
