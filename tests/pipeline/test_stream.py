# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a streamed answer checked event by event, and is its ending written down as what it was?

Stepped by hand: the test plays the driver, sends the events in and keeps what is released.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from agentguard.classification import build_classifier
from agentguard.config import load, starter
from agentguard.errors import ContentRefused, GuardFailure
from agentguard.identity import Identities
from agentguard.integrations.openai import SURFACE
from agentguard.pipeline import (
    Attempt,
    Conclude,
    Core,
    Dispatch,
    Emit,
    FindStop,
    Flow,
    OpenSession,
    Pull,
    Record,
    Response,
    Step,
    StreamClosed,
    Trace,
    guarded_call,
)
from agentguard.redaction import Event
from agentguard.session import Session
from agentguard.vocabulary import AuditEntry, Boundary, ModelCall, Outcome, Reason

CARD = "4111 1111 1111 1111"
TOKEN = "gh" + "p_" + "0aB" * 12
TRACE = Trace(trace_id="0" * 32, span_id="0" * 16, stream="s")
ALICE = Identities(lambda: "session").narrowed("agent:support", on_behalf_of="user:alice")
CALL = ModelCall(
    id="c",
    operation="chat",
    verb="POST",
    path="/chat/completions",
    origin="http://127.0.0.1:80",
    model="m",
    payload={"model": "m", "messages": ({"role": "user", "content": "hello"},)},
    streams=True,
)
BLOCKED = '[[class]]\nname = "payment_card"\nin_answers = "block"\n'


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Core:
    """The parts that decide, of the starter policy with cards blocked in answers."""
    path = tmp_path_factory.mktemp("policy") / "agentguard.toml"
    text = starter("ed25519:" + "A" * 43 + "=")
    path.write_text(text.replace('[[class]]\nname = "payment_card"\n', BLOCKED))
    settings = load(path)
    return Core(
        policy=settings.policy,
        classifier=build_classifier(own=settings.own, known=settings.known),
        now=lambda: datetime(2026, 1, 1, tzinfo=UTC),
        random=lambda count: b"r" * count,
        lease=timedelta(minutes=1),
    )


@dataclass
class Walk:
    """What comes, and what a driver sees of one call."""

    left: Iterator[Event | BaseException | None]
    asked: list[str] = field(default_factory=list)
    entries: list[AuditEntry] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    concluded: list[Any] = field(default_factory=list)
    ending: Any = None

    @property
    def text(self) -> str:
        """All text that was released."""
        return "".join(self.texts)

    @property
    def outcome(self) -> AuditEntry:
        """The one entry about the outcome."""
        (entry,) = (each for each in self.entries if each.outcome is not None)
        return entry

    def answer(self, step: Step[Any]) -> Any:
        """Give a step what it asks for."""
        if not isinstance(step, FindStop):  # where it stands is tested with the order
            self.asked.append(type(step).__name__)
        if isinstance(step, Pull):
            return next(self.left)
        if isinstance(step, OpenSession):
            return Session(b"k" * 32)
        if isinstance(step, Dispatch):
            return Response(content=None, form=SURFACE.form(CALL))
        if isinstance(step, Record):
            self.entries.append(step.entry)
        elif isinstance(step, Conclude):
            self.concluded.append(step.report)
        elif isinstance(step, Emit):
            choices = [each.shown.content["choices"] for each in step.released]
            self.texts += [choice["delta"].get("content") or "" for (choice,) in choices]
        return None


def delta(text: str) -> Event:
    """Return an event with a piece of the answer."""
    return Event(None, {"choices": [{"index": 0, "delta": {"content": text}}]})


def flow(core: Core) -> Flow[Any]:
    """Return the flow of a streamed chat."""
    attempt = Attempt(
        id="c",
        boundary=Boundary.MODEL,
        surface="openai",
        operation="chat",
        target="m",
        caller=ALICE,
        objection=None,
        describe=lambda: CALL,
    )
    return guarded_call(attempt, core, TRACE)


def walked(
    core: Core,
    coming: Sequence[Event | BaseException | None],
    breaking: Callable[[Step[Any]], BaseException | None] = lambda _: None,
) -> Walk:
    """Step a flow to its end; each pull gets the next of what is coming, sent or thrown."""
    walk, going = Walk(iter(coming)), flow(core)
    try:
        step = next(going)
        while True:
            result = breaking(step) or walk.answer(step)
            failed = isinstance(result, BaseException)
            step = going.throw(result) if failed else going.send(result)
    except StopIteration as done:
        walk.ending = done.value
    except BaseException as error:  # noqa: BLE001 - the ending is what is looked at
        walk.ending = error
    return walk


def test_a_stream_takes_these_steps(core: Core) -> None:
    """What was checked is released between two pulls; the outcome is written at the end."""
    walk = walked(core, [delta("one "), delta("two "), delta("three"), None])
    assert walk.asked[:4] == ["OpenSession", "Record", "Dispatch", "Pull"]
    assert walk.asked[-2:] == ["Record", "Conclude"]
    assert set(walk.asked[4:-2]) == {"Pull", "Emit"}
    assert walk.text == "one two three"
    assert walk.ending is None
    assert walk.outcome.outcome is Outcome.COMPLETED


@pytest.mark.parametrize("size", [1, 3, 100])
def test_of_a_blocked_class_nothing_is_released(core: Core, size: int) -> None:
    """What stood before may be out; of the card not one digit is, and nothing comes after."""
    said = f"the number is {CARD} and more"
    pieces = [delta(said[at : at + size]) for at in range(0, len(said), size)]
    walk = walked(core, [*pieces, None])
    assert isinstance(walk.ending, ContentRefused)
    assert "the number is ".startswith(walk.text)
    assert walk.ending.dispatched
    assert walk.ending.call_id == "c"
    assert walk.outcome.outcome is Outcome.WITHHELD
    assert walk.outcome.reason is Reason.CLASS_BLOCKED
    assert walk.outcome.classes == {"payment_card": 1}
    assert CARD not in repr(walk.ending)
    assert walk.ending.__context__ is None


@pytest.mark.parametrize("size", [1, 5, 100])
def test_a_hidden_class_is_counted_and_hidden(core: Core, size: int) -> None:
    """A secret in the answer comes out as a placeholder, and the outcome counts it once."""
    said = f"it is {TOKEN} ."
    pieces = [delta(said[at : at + size]) for at in range(0, len(said), size)]
    walk = walked(core, [*pieces, None])
    assert TOKEN not in walk.text
    assert walk.text.startswith("it is [[")
    assert walk.outcome.outcome is Outcome.COMPLETED
    assert sum(walk.outcome.classes.values()) == 1


class Broken(Exception):
    """What a provider's stream breaks off with."""


ENDINGS: dict[str, tuple[BaseException, Outcome, type[BaseException]]] = {
    "the provider breaks off": (Broken("text"), Outcome.FAILED, Broken),
    "the reader closes": (StreamClosed(), Outcome.CANCELLED, StreamClosed),
    "an interruption": (KeyboardInterrupt(), Outcome.CANCELLED, KeyboardInterrupt),
    "no event that can be read": (
        GuardFailure("unreadable", part="result", dispatched=True),
        Outcome.WITHHELD,
        GuardFailure,
    ),
}


@pytest.mark.parametrize(("thrown", "outcome", "told"), ENDINGS.values(), ids=ENDINGS)
@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_bad_ending_is_written_down_as_what_it_was(
    core: Core, thrown: BaseException, outcome: Outcome, told: type[BaseException], after: int
) -> None:
    """However the stream breaks off, there is one outcome, the right one, and the span's end."""
    walk = walked(core, [*[delta("word ")] * after, thrown])
    assert isinstance(walk.ending, told)
    assert walk.outcome.outcome is outcome
    assert walk.outcome.error == told.__name__
    assert len(walk.concluded) == 1
    if isinstance(walk.ending, GuardFailure):
        assert (walk.ending.call_id, walk.ending.dispatched) == ("c", True)


def test_what_is_held_is_not_released_when_the_stream_breaks_off(core: Core) -> None:
    """A broken stream gives up what was not known to be harmless."""
    walk = walked(core, [delta(f"it is {TOKEN[:20]}"), Broken()])
    assert TOKEN[:12] not in walk.text


def test_a_failing_detector_withholds_the_rest(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the check ends the stream, and the error's own text goes nowhere."""

    def fail(self: Session, _: object) -> Any:
        def find(text: str) -> Any:
            raise LookupError(text)

        return find

    monkeypatch.setattr(Session, "answer_finder", fail)
    walk = walked(core, [delta(f"{TOKEN} "), delta("more "), None])
    assert isinstance(walk.ending, GuardFailure)
    assert walk.ending.part == "result"
    assert walk.ending.__context__ is None
    assert walk.text == ""
    assert walk.outcome.outcome is Outcome.WITHHELD


def test_an_outcome_that_cannot_be_written_fails_the_end(core: Core) -> None:
    """The reader is not told that all went well when the log could not be written."""

    def full(step: Step[Any]) -> BaseException | None:
        if isinstance(step, Record) and step.entry.outcome is not None:
            return GuardFailure("disk full", part="audit")
        return None

    walk = walked(core, [delta("word "), None], full)
    assert isinstance(walk.ending, GuardFailure)
    assert walk.ending.dispatched


def test_an_answer_is_in_no_entry_and_no_report(core: Core) -> None:
    """What the model says stays out of what is written down."""
    walk = walked(core, [delta("jane.doe@customers.example says hello "), None])
    written = json.dumps([repr(walk.entries), repr(walk.concluded)])
    assert "jane.doe" not in written
    assert walk.outcome.classes == {"email": 1}
