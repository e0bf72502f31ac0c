# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in the result of a tool?"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from pydantic import BaseModel

from agentguard.canonical import NotCanonical, thaw
from agentguard.pipeline.results import readable


class Colour(Enum):
    """A choice."""

    RED = "red"


class Level(IntEnum):
    """A choice that is a number."""

    HIGH = 3


@dataclass
class Mail:
    """What a tool may return."""

    sender: str
    sent: datetime
    tags: frozenset[str] = frozenset()
    parts: list[Any] = field(default_factory=list)


class Contact(BaseModel):
    """What a tool with a model may return."""

    name: str
    mail: Mail | None = None


class Loose(BaseModel, extra="allow"):
    """A model that takes anything."""

    name: str


class Point(NamedTuple):
    """A tuple with names."""

    x: int
    y: int


AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ID = UUID("00000000-0000-0000-0000-00000000000a")
MAIL = Mail("bob@corp.example", AT, frozenset({"new"}), [Colour.RED, {Colour.RED: Level.HIGH}])
READ = {
    "sender": "bob@corp.example",
    "sent": "2026-11-22T09:30:00+00:00",
    "tags": ["new"],
    "parts": ["red", {"red": 3}],
}


@pytest.mark.parametrize(
    ("result", "read"),
    [
        ({"a": [1, 2.5, None, True, "x"]}, {"a": [1, 2.5, None, True, "x"]}),
        (MAIL, READ),
        ([Contact(name="Bob", mail=MAIL)], [{"name": "Bob", "mail": READ}]),
        (Loose.model_validate({"name": "x", "more": {"y": 1}}), {"name": "x", "more": {"y": 1}}),
        ({1: date(2026, 1, 2), ID: time(1, 2)}, {"1": "2026-01-02", str(ID): "01:02:00"}),
        ({"p": PurePosixPath("/srv/a"), "d": Decimal("1.50"), "i": ID}, {
            "p": "/srv/a", "d": "1.50", "i": str(ID),
        }),
        ((Point(1, 2), {3}), [[1, 2], [3]]),
    ],
)  # fmt: skip
def test_what_frameworks_show_of_a_result_is_read(result: object, read: object) -> None:
    """Fields of dataclasses and models, choices, times, sets and numbers are read by their form."""
    assert thaw(readable(result)) == read


class Loop:
    """An object that holds nothing that can be read."""


def deep() -> list[Any]:
    """Return a set in more lists than are opened."""
    value: list[Any] = [{1}]
    for _ in range(500):
        value = [value]
    return value


def around() -> list[Any]:
    """Return a list that holds itself and a set."""
    value: list[Any] = [{1}]
    value.append(value)
    return value


@pytest.mark.parametrize(
    "result",
    [
        Loop(),
        [Loop()],
        {"a": Loop()},
        b"bytes",
        {b"a": {1}},
        {(1, 2): {1}},
        {True: {1}},
        [float("nan"), {1}],
        ["\ud800", {1}],
        Mail,
        Contact,
        deep(),
        around(),
        iter(()),
    ],
)
def test_what_cannot_be_read_whole_is_not_read(result: object) -> None:
    """One part that has no form makes the whole result unreadable, and is told nowhere."""
    with pytest.raises(NotCanonical):
        readable(result)
