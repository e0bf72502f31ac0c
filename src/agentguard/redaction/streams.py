# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which texts does an event of a streamed answer hold, and what may be released of them?

The words in which a client's form of streaming is described, and the check that holds back what
is not yet known to be harmless. Texts for the user go on word by word; the arguments of a tool
call are held until they are complete. Events keep their number and, in each text, their order.
It reads no bytes and knows no client.

INVARIANT: for every way of cutting a text into events, what is released is what
``checked_answer`` says of the whole text (tests/redaction/test_stream_check.py).
INVARIANT: after an error nothing more is released (same file).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from agentguard.redaction.answer_text import (
    AnswerText,
    AnswerUncheckable,
    AnswerWithheld,
    Echoing,
    paired,
)
from agentguard.redaction.answers import AnswerWalk, Treat, steps_of
from agentguard.redaction.growing import NOTHING, GrowingText
from agentguard.redaction.holding import Holding, Opening
from agentguard.redaction.replacing import Find
from agentguard.redaction.vault import Vault
from agentguard.vocabulary import DataClass

ALL = "*"
LONGEST_ARGUMENTS = 8 * 1024 * 1024
# Random characters by which a provider hides the sizes of events from those who listen in. They
# look like a secret every few thousand events, and say nothing to who reads the event.
PADDING = "obfuscation"


class Event(NamedTuple):
    """One event of a stream, its JSON content already parsed.

    Attributes:
        name: what stands in the event's own ``event`` line, if it has one.
        content: the JSON object.
    """

    name: str | None
    content: dict[str, Any]

    def __repr__(self) -> str:
        return f"Event({len(self.content)} members)"


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


@dataclass(slots=True)
class _Channel:
    """One growing text for the user: what it releases, and what no event has carried yet."""

    text: GrowingText = field(repr=False)
    last: "_Pending" = field(repr=False)
    ready: tuple[str, str] = field(default=NOTHING, repr=False)
    ended: bool = False

    def add(self, piece: str) -> None:
        if self.ended and piece:
            raise AnswerUncheckable("a text of the answer goes on behind its end")
        self._keep(self.text.add(piece))

    def end(self) -> None:
        self.ended = True
        self._keep(self.text.end())

    def take(self) -> tuple[str, str]:
        taken, self.ready = self.ready, NOTHING
        return taken

    def _keep(self, released: tuple[str, str]) -> None:
        self.ready = (self.ready[0] + released[0], self.ready[1] + released[1])


@dataclass(slots=True)
class _Arguments:
    """The arguments of one tool call, complete only when they have ended."""

    parts: list[str] = field(default_factory=list, repr=False)
    size: int = 0
    ended: bool = False

    def add(self, piece: str) -> None:
        if self.ended and piece:
            raise AnswerUncheckable("the arguments of a tool call go on behind their end")
        self.parts.append(piece)
        self.size += len(piece)
        if self.size > LONGEST_ARGUMENTS:
            raise AnswerUncheckable("the arguments of a tool call are too long to be held")

    def take(self, check: AnswerText) -> str:
        whole = paired("".join(self.parts))
        self.parts.clear()
        return check.data_text(whole) if whole else ""


class _Pending(NamedTuple):
    """An event that is not released, and its texts."""

    event: Event
    slots: Sequence[Slot]

    @property
    def arguments(self) -> Iterable[str]:
        """The channels of the arguments that grow in it."""
        return (slot.channel for slot in self.slots if slot.growing and not slot.answer)


class StreamCheck:
    """Checks one streamed answer, event by event; ``counts`` says what was found so far."""

    def __init__(
        self,
        form: StreamForm,
        *,
        find: Find,
        classes: Mapping[str, DataClass],
        vault: Vault,
        ahead: int = 0,
        openings: Sequence[Opening] = (),
        echoes: Echoing | None = None,
    ) -> None:
        """Prepare.

        Args:
            form: how this stream carries its texts.
            find: returns sorted findings that do not overlap.
            classes: the class of each finding by name.
            vault: the session's.
            ahead: how many characters are always held back, for patterns of an organisation's
                own that hold blanks.
            openings: each says where, from a place of a text on, something is open that holds
                blanks; the end of the text if nothing is.
            echoes: what texts for the user are searched for beside what *find* finds.
        """
        self._form = form
        self._check = AnswerText(find=find, classes=classes, vault=vault, echoes=echoes)
        if echoes is not None:
            openings = (*openings, self._check.open_echo)
        self._walk = AnswerWalk(self._check)
        self._holding = Holding(vault, ahead, openings)
        self._channels: dict[str, _Channel] = {}
        self._arguments: dict[str, _Arguments] = {}
        self._queue: list[_Pending] = []
        self._counted: set[str] = set()
        self._failed = False

    @property
    def counts(self) -> Counter[str]:
        """How many findings of each class there were; a text that is repeated counts once."""
        return self._check.counts

    def feed(self, event: Event) -> list[Released]:
        """Take an event and return those that may be released now, in order.

        Raises:
            AnswerBlocked: a text holds a class that is blocked in answers.
            AnswerUncheckable: too much would have to be held, or a text goes on behind its end.
            AnswerWithheld: the stream failed before.
            ValueError: as ``checked_answer``.
        """
        self._begin()
        released = self._fed(event)
        self._failed = False
        return released

    def finish(self) -> list[Released]:
        """Return what is still held, checked; the stream is over, at its end or broken off.

        Arguments that have no end are checked as far as they came.

        Raises:
            AnswerWithheld: as ``feed``.
        """
        self._begin()
        released = self._ended(frozenset((ALL,)), frozenset())
        self._failed = False
        return [*released, *self._drained()]

    def _begin(self) -> None:
        if self._failed:
            raise AnswerWithheld("the answer was withheld before its end")
        # Whatever raises from here on, nothing follows it.
        self._failed = True

    def _fed(self, event: Event) -> list[Released]:
        event = _unpadded(event)
        pending = _Pending(event, tuple(self._form.slots(event)))
        for slot in pending.slots:
            text = _at(event.content, slot.pointer)
            if slot.growing:
                self._grow(slot, text if isinstance(text, str) else "", pending)
        ended = frozenset(self._form.ended(event))
        here = frozenset(slot.channel for slot in pending.slots if slot.growing)
        released = self._ended(ended, here)
        if any(pending.arguments):
            self._queue.append(pending)
            return [*released, *self._drained()]
        released += self._drained()
        if self._waits(pending, ended):
            self._queue.append(pending)
            return released
        return [*released, self._released(pending)]

    def _grow(self, slot: Slot, text: str, pending: _Pending) -> None:
        self._counted.add(slot.channel)
        if slot.answer:
            channel = self._channels.get(slot.channel)
            if channel is None:
                growing = GrowingText(self._check, self._holding)
                channel = self._channels[slot.channel] = _Channel(growing, pending)
            channel.last = pending
            channel.add(text)
        else:
            self._arguments.setdefault(slot.channel, _Arguments()).add(text)

    def _ended(self, ended: frozenset[str], here: frozenset[str]) -> list[Released]:
        """End channels, and return events that carry what no event to come will carry."""
        released: list[Released] = []
        for name, arguments in self._arguments.items():
            arguments.ended = arguments.ended or name in ended or ALL in ended
        for name, channel in self._channels.items():
            if channel.ended or not (name in ended or ALL in ended):
                continue
            channel.end()
            if name not in here and channel.ready != NOTHING:
                released.append(self._carried(name, channel))
        return released

    def _carried(self, name: str, channel: _Channel) -> Released:
        crossed, shown = channel.take()
        empty = {slot.pointer: _emptied for slot in channel.last.slots if slot.growing}
        last, _ = self._walk.both(channel.last.event.content, empty)
        template = Event(channel.last.event.name, last)
        observed = self._form.carrying(name, crossed, template)
        same = crossed == shown
        return Released(observed, observed if same else self._form.carrying(name, shown, template))

    def _drained(self) -> list[Released]:
        released: list[Released] = []
        while self._queue and all(
            self._arguments[channel].ended for channel in self._queue[0].arguments
        ):
            released.append(self._released(self._queue.pop(0)))
        return released

    def _waits(self, pending: _Pending, ended: frozenset[str]) -> bool:
        """Say whether an event speaks of arguments that are still held behind others."""
        held = {channel for queued in self._queue for channel in queued.arguments}
        return any(slot.channel in held for slot in pending.slots) or not held.isdisjoint(ended)

    def _released(self, pending: _Pending) -> Released:
        name, content = pending.event
        texts = {slot.pointer: self._treatment(slot) for slot in pending.slots}
        crossed, shown = self._walk.both(content, texts)
        observed = Event(name, crossed)
        return Released(observed, observed if shown is crossed else Event(name, shown))

    def _treatment(self, slot: Slot) -> Treat:
        if not slot.growing:
            return lambda text: self._whole(slot, text)
        if slot.answer:
            return lambda _: self._channels[slot.channel].take()
        return lambda _: (self._arguments[slot.channel].take(self._check),) * 2

    def _whole(self, slot: Slot, text: str) -> tuple[str, str]:
        counts = Counter(self._check.counts)
        if slot.answer:
            both = self._check.whole(text, answer=True)
        else:
            both = (self._check.data_text(paired(text)),) * 2
        if slot.channel in self._counted:
            self._check.counts = counts
        self._counted.add(slot.channel)
        return both


def _unpadded(event: Event) -> Event:
    if not isinstance(event.content.get(PADDING), str):
        return event
    return Event(event.name, {**event.content, PADDING: ""})


def _emptied(_: str) -> tuple[str, str]:
    return NOTHING


def _at(content: Any, pointer: str) -> Any:
    """Return what stands at a JSON pointer, None when nothing does."""
    for step in steps_of(pointer):
        if isinstance(content, dict):
            content = content.get(step)
        elif isinstance(content, list) and step.isdigit() and int(step) < len(content):
            content = content[int(step)]
        else:
            return None
    return content
