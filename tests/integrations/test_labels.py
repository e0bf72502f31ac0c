# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The host program says what class a value is of."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from agentguard import ContentRefused, Guard, IdentityRequired
from agentguard.integrations.labels import DEEPEST_VALUE

CANARY = "canary words 17"
POLICY = """\
version = 1
name = "labels"

[[identity]]
id = "agent:a"

[[tool]]
name = "show"
impact = "read_only"

[[rule]]
id = "tools"
who = "agent:a"
tool = "show"
args.text = { any = true }
then = "allow"

[[class]]
name = "customer_data"
labelled = true

[[class]]
name = "confidential"
labelled = true
action = "block"

[labels]
headers = ["sensitivity", "X-Label"]

[[external_label]]
name = "Confidential"
class = "confidential"

[[external_label]]
name = "7d1f2a60-33ab-4a0e-9a33-2f0c6b5d8e11"
class = "customer_data"
"""


@pytest.fixture
def policy_file(tmp_path: Path) -> Path:
    """A policy with classes for labels."""
    path = tmp_path / "agentguard.toml"
    path.write_text(POLICY)
    return path


@pytest.fixture
def in_session(guard: Guard) -> Iterator[None]:
    """Run a test as an agent, in one session."""
    with guard.identity("agent:a"):
        yield


def hides(guard: Guard, text: str) -> bool:
    """Say whether a tool that may receive no class is refused a text."""

    def show(text: str) -> str:
        return text

    try:
        return guard.tool(show)(text=text) != text
    except ContentRefused:
        return True


@dataclass
class Record:
    """What a database gives."""

    name: str
    number: int


class Model(BaseModel):
    """What a service gives."""

    name: str


@pytest.mark.usefixtures("in_session")
@pytest.mark.parametrize(
    ("value", "found"),
    [
        (CANARY, CANARY),
        (f"  {CANARY}\n", CANARY),
        ({"a": [{"b": (CANARY, None, True)}]}, CANARY),
        ({CANARY, "other words"}, CANARY),
        (Record(name=CANARY, number=1), CANARY),
        (Record(name="", number=1234567), "number 1234567."),
        (Model(name=CANARY), CANARY),
        (json.dumps({"a": json.dumps([CANARY, "user"])}), CANARY),
        ({"surname": "Zyx"[:3] + "w", "status": "true"}, "of Mrs Zyxw"),
    ],
)
def test_a_labelled_value_is_found_in_a_later_call(guard: Guard, value: object, found: str) -> None:
    """Texts and long numbers of whatever was labelled are data of the class from then on."""
    assert not hides(guard, found)
    guard.label(value, "customer_data")
    assert hides(guard, found)


@pytest.mark.usefixtures("in_session")
@pytest.mark.parametrize(
    "value", ["", "abc", " a ", "user", "true", 12345, None, [], {"role": "user"}, "cnr", ["cnr"]]
)
def test_a_value_in_which_nothing_can_be_looked_for_is_refused(guard: Guard, value: object) -> None:
    """Short texts and words of requests are told by a plain message."""
    with pytest.raises(ValueError, match="nothing in the value can be looked for") as caught:
        guard.label(value, "customer_data")
    assert "cnr" not in str(caught.value)


@pytest.mark.usefixtures("in_session")
def test_what_is_no_class_is_refused_without_its_name(guard: Guard) -> None:
    """A value in the place of a class, and a class of no text, are not repeated in the error."""
    for name in (CANARY, "image", "hidden_unicode"):
        with pytest.raises(ValueError, match="no class of text") as caught:
            guard.label("customer_data", name)
        assert CANARY not in repr(caught.value)
        with pytest.raises(ValueError, match="no class of text"):
            guard.labels(name)(lambda: None)


@pytest.mark.usefixtures("in_session")
def test_what_cannot_be_labelled_is_refused(guard: Guard) -> None:
    """Objects that hold no texts, generators, and too deep a nesting are errors."""
    deep: object = CANARY
    for _ in range(DEEPEST_VALUE + 1):
        deep = [deep]
    with pytest.raises(ValueError, match="nested deeper"):
        guard.label(deep, "customer_data")
    with pytest.raises(TypeError, match="type object"):
        guard.label([object()], "customer_data")
    with pytest.raises(TypeError, match="either a class or"):
        guard.label(CANARY)
    with pytest.raises(TypeError, match="either a class or"):
        guard.label(CANARY, "customer_data", external="Confidential")
    with pytest.raises(TypeError, match="type Record"):
        guard.labels("customer_data")(Record(name=CANARY, number=1))  # type: ignore[type-var]  # on purpose

    def several() -> Iterator[str]:
        yield CANARY

    with pytest.raises(TypeError, match="a generator"):
        guard.labels("customer_data")(several)


def test_a_label_needs_a_session_or_everywhere(guard: Guard) -> None:
    """Without an identity there is no session; everywhere is for all of them."""
    with pytest.raises(IdentityRequired):
        guard.label(CANARY, "customer_data")
    with guard.identity("agent:a"):
        assert not hides(guard, CANARY)
        guard.label(CANARY, "customer_data")
    with guard.identity("agent:a"):
        assert not hides(guard, CANARY)
        guard.label(CANARY, "customer_data", everywhere=True)
        assert hides(guard, CANARY)
    with guard.identity("agent:a"):
        assert hides(guard, CANARY)


def test_what_a_function_returns_is_labelled(guard: Guard) -> None:
    """Sync and async functions label what they return, and None needs no label."""

    @guard.labels("customer_data")
    def load(name: str) -> dict[str, str] | None:
        """Load one."""
        return {"name": name} if name else None

    @guard.labels(external="confidential")
    async def load_later(name: str) -> list[str]:
        return [name]

    with guard.identity("agent:a"):
        assert load("") is None
        assert load(CANARY) == {"name": CANARY}
        assert hides(guard, CANARY)
        assert not hides(guard, "other words")
        assert asyncio.run(load_later("other words")) == ["other words"]
        assert hides(guard, "other words")
    assert load.__doc__ == "Load one."


@pytest.mark.usefixtures("in_session")
def test_labels_from_outside_stand_for_classes(guard: Guard) -> None:
    """A name or an id in any case stands for its class, and an unknown one is refused."""
    with pytest.raises(ContentRefused) as caught:
        guard.label(CANARY, external="Public of " + CANARY)
    assert CANARY not in repr(caught.value)
    assert not hides(guard, CANARY)
    guard.label(CANARY, external="7D1F2A60-33AB-4A0E-9A33-2F0C6B5D8E11")
    assert hides(guard, CANARY)


@pytest.mark.usefixtures("in_session")
def test_labels_are_taken_from_headers(guard: Guard) -> None:
    """Configured headers count in any case, all of them, and no other ones."""
    assert guard.label_from_headers(CANARY, {"x-other": "Confidential"}) == ()
    assert not hides(guard, CANARY)
    headers = {
        "Sensitivity": "confidential",
        "x-label": "7d1f2a60-33ab-4a0e-9a33-2f0c6b5d8e11",
    }
    assert guard.label_from_headers(CANARY, headers) == ("confidential", "customer_data")
    assert hides(guard, CANARY)
    with pytest.raises(ContentRefused):
        guard.label_from_headers("other words", {"sensitivity": "unheard of"})


@pytest.mark.usefixtures("in_session")
def test_headers_that_cannot_be_read_are_refused(guard: Guard) -> None:
    """Headers as bytes, which frameworks hand over, are not taken for headers without a label."""
    headers: Any = {b"sensitivity": b"confidential"}
    with pytest.raises(TypeError, match="must be text"):
        guard.label_from_headers(CANARY, headers)
    headers = {"Sensitivity": b"confidential"}
    with pytest.raises(TypeError, match="must be text"):
        guard.label_from_headers(CANARY, headers)


def test_a_policy_without_headers_takes_no_label_from_any(policy_file: Path) -> None:
    """Where the policy names no header nobody is told that there was no label."""
    text = policy_file.read_text(encoding="utf-8")
    policy_file.write_text(text.replace('headers = ["sensitivity", "X-Label"]', ""), "utf-8")
    with Guard.from_file(policy_file) as plain, pytest.raises(ContentRefused, match="headers"):
        plain.label_from_headers(CANARY, {"sensitivity": "confidential"}, everywhere=True)
