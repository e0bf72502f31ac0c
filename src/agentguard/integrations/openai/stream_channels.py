# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which texts of a stream are still growing?

Keeps book of the channels of one stream for the forms beside it. It looks at no text.

INVARIANT: a channel that ended takes no further text: what was checked as a whole stays whole
(tests/integrations/test_openai_stream_chat.py).
"""

from collections.abc import Iterable


class Channels:
    """The growing texts of one stream, by name."""

    def __init__(self) -> None:
        self._open: dict[str, None] = {}
        self._ended: set[str] = set()

    def grow(self, channel: str, text: str) -> None:
        """Note that a text grows.

        Raises:
            ValueError: it had ended.
        """
        if channel in self._ended:
            if text:
                raise ValueError("a text of the stream goes on after its end")
            return
        self._open[channel] = None

    def below(self, *prefixes: str) -> list[str]:
        """Return the open channels whose names start with one of these."""
        return [channel for channel in self._open if channel.startswith(prefixes)]

    def end(self, channels: Iterable[str]) -> list[str]:
        """End some channels and return those that were open."""
        ended = [channel for channel in channels if channel in self._open]
        for channel in ended:
            del self._open[channel]
        self._ended.update(ended)
        return ended

    def forget(self, prefix: str) -> None:
        """Forget the channels whose names start so, since another answer begins."""
        self._open = {name: None for name in self._open if not name.startswith(prefix)}
        self._ended = {name for name in self._ended if not name.startswith(prefix)}
