# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be known of an SDK before its clients can be guarded?

A ``Surface`` is what an integration says about its SDK: the classes, the table of operations,
the headers that the SDK itself sets, and who reads which request. It does nothing itself.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from agentguard.clients.socket_kinds import SocketKind
from agentguard.operations import OperationTable
from agentguard.redaction import StreamForm
from agentguard.vocabulary import ModelCall


class Reader(Protocol):
    """Turns the body of a request into the call that it means."""

    def __call__(
        self, call_id: str, body: object, *, origin: str, extra_fields: frozenset[str], path: str
    ) -> ModelCall:
        """Return the call.

        Raises:
            ContentRefused: the body holds what cannot be inspected.
        """


def _as_it_is(_client: Any) -> None:
    """Leave a client as it is."""


def _as_given(_client: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    """Leave the arguments of ``copy`` as they are."""
    return arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """An SDK as far as the guard must know it.

    Attributes:
        sdk: the SDK's package, which names its table of operations, too.
        provider: the provider's name in the semantic conventions.
        clients: the names of the classes of clients that can be guarded.
        table: every request that the SDK can send.
        readers: who reads the body of a request, by pair; others are read generically.
        form: says where texts stand in the events of a call's stream; None if nobody can say.
        sdk_headers: headers that the SDK puts on requests by itself, in lower case.
        helper_headers: headers that methods of the SDK set on one request, with the values that
            they give them; everything else there comes from the caller.
        client_headers: attributes of a client that whoever makes it chooses, with the headers that
            the SDK puts them on.
        signing_headers: what may change on a request while it is signed.
        sign_in_flags: headers with a list of words, and what is appended to it to sign in.
        query: query parameters that the SDK's clients add to every request.
        make_ready: prepares a client before it is guarded, or refuses it.
        for_copy: completes the arguments of ``copy`` by what the SDK itself would look up by class.
        sockets: what travels over the websockets that can be guarded, by pair.
        socket_clients: the classes of clients that can open them.
    """

    sdk: str
    provider: str
    clients: frozenset[str]
    table: OperationTable
    readers: Mapping[str, Reader]
    form: Callable[[ModelCall], StreamForm | None]
    sdk_headers: frozenset[str]
    helper_headers: Mapping[str, re.Pattern[str] | None]
    client_headers: Mapping[str, str] = field(default_factory=dict)
    signing_headers: frozenset[str] = frozenset()
    sign_in_flags: frozenset[tuple[str, str]] = frozenset()
    query: frozenset[str] = frozenset()
    make_ready: Callable[[Any], None] = _as_it_is
    for_copy: Callable[[Any, dict[str, Any]], dict[str, Any]] = _as_given
    sockets: Mapping[str, SocketKind] = field(default_factory=dict)
    socket_clients: frozenset[str] = frozenset()

    def is_client_class(self, kind: type) -> bool:
        """Say whether a class is one of the SDK's own client classes."""
        return kind.__name__ in self.clients and kind.__module__.partition(".")[0] == self.sdk

    def is_client(self, target: object) -> bool:
        """Say whether *target* is a client of the SDK, guarded or not, or of a subclass."""
        return any(map(self.is_client_class, type(target).__mro__))
