# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which texts of a stream are still growing?

Keeps book of the channels of one stream for the forms beside it. It looks at no text; that a
channel which ended takes no more is seen to by the check of the stream.
"""

from collections.abc import Iterable


class Channels:
    """The growing texts of one stream, by name, and where each stood last."""

    def __init__(self) -> None:
        self._open: dict[str, None] = {}
        self.pointers: dict[str, str] = {}

    def grow(self, channel: str, pointer: str) -> None:
        """Note that a text grows, and at which place of the event."""
        self._open[channel] = None
        self.pointers[channel] = pointer

    def below(self, *prefixes: str) -> list[str]:
        """Return the open channels whose names start with one of these."""
        return [channel for channel in self._open if channel.startswith(prefixes)]

    def end(self, channels: Iterable[str]) -> list[str]:
        """End some channels and return those that were open."""
        ended = [channel for channel in channels if channel in self._open]
        for channel in ended:
            del self._open[channel]
        return ended
