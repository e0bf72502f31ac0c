# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""One session in which answers are checked, whole and as a stream of the plainest form."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from agentguard.classification import (
    BUILT_IN_CLASSES,
    KnownValues,
    build_classifier,
    with_answer_findings,
)
from agentguard.redaction import Event, Released, Slot, StreamCheck, Vault, checked_answer
from agentguard.vocabulary import Action, DataClass, Finding

ENGINE = build_classifier()
CLASSES = {known.name: known for known in BUILT_IN_CLASSES if known.family != "media"}
MAIL = DataClass(name="email", family="pii", action=Action.TOKENISE)


class PlainForm:
    """Each event has channels with a piece of text, whole texts, and channels that end."""

    def slots(self, event: Event) -> Sequence[Slot]:
        """``grow`` for the user, ``call`` for arguments, ``done`` for whole texts."""
        kinds = (("grow", True, True), ("call", True, False), ("done", False, True))
        return [
            Slot(channel, f"/{kind}/{channel}", growing, answer)
            for kind, growing, answer in kinds
            for channel in event.content.get(kind, ())
        ]

    def ended(self, event: Event) -> Sequence[str]:
        """What the event says."""
        ended: Sequence[str] = event.content.get("end", ())
        return ended

    def carrying(self, channel: str, text: str, last: Event) -> Event:
        """An event with one piece."""
        return Event(last.name, {"grow": {channel: text}})


class Session:
    """A vault, what is found in it, and what each class says of answers."""

    def __init__(self, known: Iterable[str] = (), **in_answers: Action) -> None:
        self.vault = Vault(b"k" * 32)
        self.classes: Mapping[str, DataClass] = {
            **CLASSES,
            **{
                name: replace(CLASSES[name], in_answers=action)
                for name, action in in_answers.items()
            },
        }
        self.placeholders = [self.issue(value) for value in known]
        self._known = KnownValues(self.vault.known_values())

    def issue(self, value: str, data_class: DataClass = MAIL) -> str:
        """Hide a value by its class, as a request did."""
        return self.vault.issue(
            data_class=data_class,
            value=value,
            reversible=data_class.action is Action.TOKENISE,
            source="test",
        )

    def find(self, text: str) -> tuple[Finding, ...]:
        """Find what a session finds in answers."""
        found = ENGINE.findings(text, self._known, over_blanks=False)
        return with_answer_findings(text, found)

    def checked(self, content: Any, *answers: str) -> tuple[Any, Any, Mapping[str, int]]:
        """Check a whole answer."""
        return checked_answer(
            content, answers=answers, find=self.find, classes=self.classes, vault=self.vault
        )

    def whole(self, text: str) -> tuple[str, str]:
        """Check one whole text for the user."""
        crossed, shown, _ = self.checked({"text": text}, "/text")
        return crossed["text"], shown["text"]

    def stream(self, ahead: int = 0) -> StreamCheck:
        """Begin to check a stream."""
        return StreamCheck(
            PlainForm(),
            find=self.find,
            classes=self.classes,
            vault=self.vault,
            ahead=ahead,
            openings=ENGINE.openings(self._handled()),
        )

    def _handled(self) -> set[str]:
        """The classes to which something happens in answers."""
        return {name for name, each in self.classes.items() if each.in_answers is not Action.LABEL}

    def streamed(self, pieces: Iterable[str], ahead: int = 0) -> tuple[str, str]:
        """Check a text for the user that comes in pieces."""
        check = self.stream(ahead)
        released: list[Released] = []
        for piece in pieces:
            released += check.feed(Event(None, {"grow": {"c": piece}}))
        released += check.finish()
        crossed = [each.crossed.content["grow"]["c"] for each in released]
        return "".join(crossed), "".join(each.shown.content["grow"]["c"] for each in released)


@pytest.fixture(scope="session")
def session() -> Callable[..., Session]:
    """Begin a session in which answers are checked."""
    return Session
