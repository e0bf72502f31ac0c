# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a shape knows is read, what it does not know is refused without a caller's word."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import freeze
from agentguard.clients.shapes import (
    TOP,
    Reading,
    Shape,
    anything,
    asks_for_stream,
    by_type,
    each,
    each_value,
    fetched,
    frozen_object,
    members,
    model_name,
    plain,
    refers,
    switch,
    text_or,
)
from agentguard.errors import ContentRefused
from agentguard.vocabulary import HostedTool, Reference

CANARY = "jane.doe@customers.example"
NONE: frozenset[str] = frozenset()


def read(shape: Shape, value: Any, *, extra_fields: frozenset[str] = NONE) -> Reading:
    """Read a value at the top of a request."""
    reading = Reading(extra_fields)
    shape(reading, freeze(value), TOP)
    return reading


INNER = members({"text": plain, "free": anything})
OUTER = members(
    {
        "item": INNER,
        "items": each(INNER),
        "named": each_value(INNER),
        "words": text_or(each(INNER)),
        "kinds": by_type({"a": members({"type": plain})}),
    },
    refused={"never": "is never sent"},
)

REFUSED: dict[str, tuple[Any, str]] = {
    "no object": ([], "the request is no object"),
    "an unknown member": ({CANARY: 1}, "the request has a field"),
    "an unknown member below": ({"item": {CANARY: 1}}, "field 'item' has a field"),
    "an unknown member of an item": ({"items": [{}, {CANARY: 1}]}, "field 'items/1' has"),
    "an unknown member below a key": ({"named": {CANARY: {"x": 1}}}, "field 'named/*' has"),
    "no list": ({"items": {}}, "field 'items' is no list"),
    "neither text nor list": ({"words": 4}, "field 'words' is no list"),
    "an object for a text": ({"item": {"text": {CANARY: 1}}}, "field 'item/text' is an object"),
    "a list in a list": ({"item": {"text": [[CANARY]]}}, "field 'item/text' is nested"),
    "an unknown type": ({"kinds": {"type": CANARY}}, "field 'kinds' is of a type"),
    "a type that is a list": ({"kinds": {"type": ["a"]}}, "field 'kinds' is of a type"),
    "a refused member": ({"never": CANARY}, "field 'never' is never sent"),
}


@pytest.mark.parametrize(("value", "message"), REFUSED.values(), ids=REFUSED)
def test_what_no_shape_knows_is_refused_by_its_place(value: Any, message: str) -> None:
    """A refusal names the place by members of the table, never by what the caller wrote."""
    with pytest.raises(ContentRefused) as caught:
        read(OUTER, value)
    assert str(caught.value).startswith(message)
    assert CANARY not in str(caught.value)


def test_a_listed_member_passes_and_a_refused_one_does_not() -> None:
    """An extra field passes at every depth; what is refused by name stays refused."""
    extra = frozenset({"more", "never"})
    read(OUTER, {"more": 1, "item": {"more": {"x": 1}}}, extra_fields=extra)
    with pytest.raises(ContentRefused):
        read(OUTER, {"never": 1}, extra_fields=extra)


def test_null_is_left_to_the_provider() -> None:
    """A member that is null says nothing, whatever its shape."""
    reading = read(OUTER, dict.fromkeys(["item", "items", "named", "words", "never"]))
    assert (reading.references, reading.authored) == (set(), [])


def test_what_the_model_wrote_is_noted_by_place() -> None:
    """A whole object or some members of it are the model's, with exact pointers."""
    whole = members({"a": plain}, authored="*")
    part = members({"b": plain, "c": plain}, authored=("b",))
    shape = members({"x": each_value(whole), "y": each(part)})
    reading = read(shape, {"x": {"k/~": {"a": 1}}, "y": [{"c": 1}, {"b": 1, "c": 1}]})
    assert reading.authored == ["/x/k~1~0", "/y/1/b"]


def test_a_reference_is_noted_when_it_is_there() -> None:
    """Something named is a reference; an empty list names nothing."""
    shape = members({"ids": refers(Reference.FILE), "keep": switch(Reference.STORE)})
    assert read(shape, {"ids": ["f"], "keep": True}).references == {
        Reference.FILE,
        Reference.STORE,
    }
    assert read(shape, {"ids": [], "keep": False}).references == set()
    for value in ({"keep": 1}, {"keep": "true"}, {"ids": {"id": "f"}}):
        with pytest.raises(ContentRefused):
            read(shape, value)


@pytest.mark.parametrize(
    ("address", "is_fetched"),
    [
        ("https://x.example/a", True),
        ("file:///etc/passwd", True),
        ("//x.example/a", True),
        (" data:image/png;base64,AA==", True),
        ("data:image/png;base64,AA==", False),
        ("DATA:,x", False),
    ],
)
def test_an_address_is_fetched_unless_it_carries_its_content(
    address: str,
    is_fetched: bool,  # noqa: FBT001 - expected
) -> None:
    """Whatever does not begin as a data URI counts as fetched."""
    assert (read(fetched, address).references == {Reference.URL}) is is_fetched


def test_a_tool_that_is_named_must_be_offered() -> None:
    """What a request names at the provider is decided, and is not taken out."""
    reading = Reading(NONE)
    reading.expected.append(frozenset({"a", "b"}))
    with pytest.raises(ContentRefused):
        reading.settle_named()
    for kind in ("b", "c"):
        tool = HostedTool(type=kind, arguments={}, pointer="/tools/0", removable=True)
        reading.hosted.append(tool)
    reading.settle_named()
    assert [tool.removable for tool in reading.hosted] == [False, True]


def test_a_body_is_an_object_with_a_model_and_may_ask_for_a_stream() -> None:
    """A body that is none, a model that is no name and a stream that is no switch are refused."""
    assert frozen_object({"a": 1}, NONE) == {"a": 1}
    assert model_name({"model": "gpt-5.6-sol"}) == "gpt-5.6-sol"
    assert [asks_for_stream(body) for body in ({}, {"stream": False}, {"stream": True})] == [
        False,
        False,
        True,
    ]
    for refused in (
        lambda: frozen_object([CANARY], NONE),
        lambda: frozen_object({CANARY: object()}, NONE),
        lambda: model_name({"model": f"to {CANARY}"}),
        lambda: model_name({}),
        lambda: asks_for_stream({"stream": CANARY}),
    ):
        with pytest.raises(ContentRefused) as caught:
            refused()
        assert CANARY not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "free", "item", "items", "x"]), inner)
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(JSON)
def test_every_value_is_read_or_refused(value: Any) -> None:
    """No value makes a shape fail in another way than by a refusal."""
    try:
        read(OUTER, value)
    except ContentRefused:
        return
    assert isinstance(value, dict)
