# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a request go, beyond the operation that its own path names?

The SDK puts a client's base URL before every path, and Azure's client a deployment. What stands
there leaves with the request, can name the model that answers, and can make of one listed
endpoint another one. It decides nothing about models or content.

INVARIANT: the path that is sent is the one that was decided (tests/attacks/test_request_tricks.py).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from agentguard.errors import ContentRefused, UnguardedPath
from agentguard.operations import OperationTable

# Addresses of resources hold ids; those of everyday calls come again.
LONGEST_REMEMBERED = 64
MOST_REMEMBERED = 256

_DEPLOYMENT = re.compile(r".*/deployments/([^/]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The path of a request, decoded.

    Attributes:
        before: what stands before the operation's own path, such as ``/v1``.
        own: the operation's own path.
    """

    before: str = field(repr=False)
    own: str = field(repr=False)

    @property
    def path(self) -> str:
        """The whole path."""
        return self.before + self.own

    @property
    def segments(self) -> tuple[str, ...]:
        """What the base URL adds to the address."""
        return tuple(part for part in self.before.split("/") if part)

    @property
    def deployment(self) -> str | None:
        """The deployment that answers, whatever model the body names."""
        match = _DEPLOYMENT.fullmatch(self.before)
        return None if match is None else match.group(1)

    def paths(self, model: str) -> frozenset[str]:
        """Return the paths that may be sent: this one, or that of a model's deployment."""
        return frozenset({self.path, f"{self.before}/deployments/{model}{self.own}"})


def destination_of(
    client: Any, url: str, own: str, table: OperationTable, verb: str
) -> Destination:
    """Return where the SDK will send a request.

    Args:
        client: the client whose request it is.
        url: the request's address, as the SDK's options hold it.
        own: the path below the base URL, or what the client's address for such paths is.
        table: the listed operations.
        verb: the request's verb.

    Raises:
        ContentRefused: the SDK would send it to another path.
        UnguardedPath: with the base URL the path is that of another listed operation.
    """
    raw = _raw_path(client, url).partition("?")[0]
    tail = "/" + unquote(own.partition("?")[0]).lstrip("/")
    whole = unquote(raw)
    if not whole.endswith(tail):
        raise ContentRefused("the SDK would send the request to another path than its own")
    before = whole.removesuffix(tail)
    parts = before.split("/")[1:]
    for start in range(len(parts)):
        if table.find(verb, "/" + "/".join(parts[start:]) + tail) is not None:
            raise UnguardedPath(
                "base_url makes the request one for another listed endpoint, so it is refused",
                remedy="let base_url end before the API's own paths",
            )
    return Destination(before=before, own=tail)


def _raw_path(client: Any, url: str) -> str:
    """Return path and query as the SDK puts them together.

    The SDK's own step depends on the base URL and the address alone, and takes longer than a
    decision, so what it says is remembered. Anybody else's is asked each time.
    """
    step = client._prepare_url  # noqa: SLF001 - the SDK's own step
    function = getattr(step, "__func__", None)
    if getattr(function, "__module__", "").rpartition(".")[2] != "_base_client":
        return _asked(step, url)
    key = (function, str(client._base_url), url)  # noqa: SLF001 - as above
    raw = _PATHS.get(key)
    if raw is None:
        raw = _asked(step, url)
        if len(url) <= LONGEST_REMEMBERED:
            if len(_PATHS) >= MOST_REMEMBERED:
                _PATHS.clear()
            _PATHS[key] = raw
    return raw


def _asked(step: Callable[[str], Any], url: str) -> str:
    raw: str = step(url).raw_path.decode("ascii")
    return raw


_PATHS: dict[tuple[object, str, str], str] = {}
