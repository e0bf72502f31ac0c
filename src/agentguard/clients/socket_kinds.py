# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be known of a websocket before it can be opened through the guard?

It does nothing itself. A socket of which an integration says nothing is refused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from agentguard.canonical import Frozen
from agentguard.redaction import StreamForm
from agentguard.vocabulary import ModelCall


class FrameReader(Protocol):
    """Turns a frame that a client sends into the call that it means."""

    def __call__(
        self, call_id: str, event: Frozen, *, origin: str, extra_fields: frozenset[str]
    ) -> ModelCall:
        """Return the call; its verb, path and kind are set by the caller.

        Raises:
            ContentRefused: the frame is of an unknown type or holds what cannot be inspected.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class SocketKind:
    """What travels over one kind of websocket.

    Attributes:
        read: reads the frames that the client sends.
        form: makes a form of the events that come back on one connection.
        query: query parameters that the provider documents beside the SDK's own.
    """

    read: FrameReader
    form: Callable[[], StreamForm]
    query: frozenset[str] = frozenset()
