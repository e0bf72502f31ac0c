# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is the one form of the address that a request is sent to?

Put together from the parts that will really be sent, so that what is decided on is what the
server gets. What two programs may read in two ways has no form. Nothing is looked up.

INVARIANT: a host has a form only if it is a plain name or an address in its usual notation
(tests/egress/test_urls.py).
"""

import ipaddress
import re
from dataclasses import dataclass, field

from agentguard.egress.addresses import Address, read_address

DEFAULT_PORTS = {"http": 80, "https": 443}
_LARGEST_PORT = 65535
_LONGEST_NAME = 253
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
# Printable ASCII without blanks, a fragment and what some program takes for a slash.
_TARGET = re.compile(r"/[!\"$-\[\]-~]*")
_PERCENT = re.compile(r"%(?![0-9A-Fa-f]{2})")


class UnclearUrl(ValueError):
    """An address has no one form; the message says why and holds nothing of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundUrl:
    """Where a request goes.

    Attributes:
        scheme: ``http`` or ``https``.
        host: a name in lower case or an address, without brackets.
        port: the port, also where it is the usual one.
        target: path and query, as they are sent.
    """

    scheme: str
    host: str = field(repr=False)
    port: int
    target: str = field(repr=False)

    @property
    def authority(self) -> str:
        """Host and port as a ``Host`` header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"{self.scheme}://{self.authority}"

    @property
    def text(self) -> str:
        """The whole address, as rules read it."""
        return self.origin + self.target

    @property
    def address(self) -> Address | None:
        """The IP address that the host is, None for a name."""
        return read_address(self.host)


def outbound_url(scheme: str, host: str, port: int | None, target: str) -> OutboundUrl:
    """Return the form of an address.

    Args:
        scheme: the scheme.
        host: the host, with or without brackets.
        port: the port, None for the usual one.
        target: path and query.

    Raises:
        UnclearUrl: it has none.
    """
    scheme = scheme.lower()
    if scheme not in DEFAULT_PORTS:
        raise UnclearUrl("the scheme is neither http nor https")
    if port is not None and not 0 < port <= _LARGEST_PORT:
        raise UnclearUrl("the port is none")
    if not _TARGET.fullmatch(target) or _PERCENT.search(target):
        raise UnclearUrl("path or query hold what is not plain and percent-encoded ASCII")
    return OutboundUrl(
        scheme=scheme, host=_host(host), port=port or DEFAULT_PORTS[scheme], target=target
    )


def _host(text: str) -> str:
    host = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    if not host.isascii():
        raise UnclearUrl("the host is not in ASCII")
    host = host.lower()
    address = read_address(host)
    if isinstance(address, ipaddress.IPv6Address) or (address is not None and host == text.lower()):
        return host
    if len(host) > _LONGEST_NAME or not _NAME.fullmatch(host) or host != text.lower():
        raise UnclearUrl("the host is neither a plain name nor an address in its usual form")
    if _NUMERIC.fullmatch(host.rpartition(".")[2]):
        raise UnclearUrl("the host is a number that programs read as an address")
    return host
