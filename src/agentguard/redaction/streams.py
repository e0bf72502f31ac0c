# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which texts does an event of a streamed answer hold, and what may be released of them?

The words in which a client's form of streaming is described: events, the texts inside them, and
which texts grow together over many events.
It reads no bytes and knows no client.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol


class Event(NamedTuple):
    """One event of a stream, its JSON content already parsed.

    Attributes:
        name: what stands in the event's own ``event`` line, if it has one.
        content: the JSON object.
    """

    name: str | None
    content: dict[str, Any]


class Slot(NamedTuple):
    """A text inside an event.

    Attributes:
        channel: which text of the stream it belongs to, unique in the stream, such as
            ``choice 0 content``. A whole text has the name of the growing text that it repeats,
            so that what was found is counted once.
        pointer: JSON pointer of a string in the event.
        growing: whether it is a piece of the channel's text; if not, it is a whole text.
        answer: whether the text is for the user, so that placeholders are turned back; the
            arguments of a tool call keep theirs and are held until their channel has ended.
    """

    channel: str
    pointer: str
    growing: bool
    answer: bool


class StreamForm(Protocol):
    """How one kind of stream carries its texts; an object may keep state for one stream."""

    def slots(self, event: Event) -> Sequence[Slot]:
        """Return the texts of an event; asked once for each event, in order."""

    def ended(self, event: Event) -> Sequence[str]:
        """Return the channels that end before this event or in it; ``*`` stands for all.

        Asked once for each event, after ``slots``. A channel that ended does not grow again.
        """

    def carrying(self, channel: str, text: str, last: Event) -> Event:
        """Return an event that adds *text* to a channel and says nothing else.

        Args:
            channel: whose text was held back.
            text: what is still to come, checked.
            last: the latest event that belonged to the channel, checked, with every growing text
                in it empty. What a reader would add up again, such as a role, must not stay.
        """


class Released(NamedTuple):
    """An event that was checked; the two may be the same object.

    Attributes:
        crossed: with placeholders, as an observer may see it.
        shown: with placeholders turned back, as the caller gets it.
    """

    crossed: Event
    shown: Event
