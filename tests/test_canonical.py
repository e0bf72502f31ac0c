# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do equal values have equal bytes, and is everything without a canonical form refused?"""

import json
import math
from enum import IntEnum, StrEnum
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from agentguard.canonical import (
    DEEPEST_NESTING,
    LARGEST_INTEGER,
    NotCanonical,
    canonical_bytes,
    commitment,
    digest,
    escape,
    freeze,
    members_once,
    tagged,
    thaw,
)

TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner),
    max_leaves=20,
)


class Colour(StrEnum):
    """A choice that is also a string."""

    RED = "red"


class Number(IntEnum):
    """A choice that is also an integer."""

    ONE = 1


@given(JSON)
def test_the_bytes_are_those_of_rfc_8785(value: Any) -> None:
    """Whichever way the bytes are made, they are the standard's."""
    assert canonical_bytes(freeze(value)) == rfc8785.dumps(value)


@given(JSON)
def test_freezing_and_thawing_changes_nothing(value: Any) -> None:
    """A frozen value thaws to an equal value, made of fresh lists and dicts."""
    thawed = thaw(freeze(value))
    assert thawed == value
    assert thawed is not value or not isinstance(value, list | dict)


@given(JSON)
def test_a_frozen_value_does_not_follow_the_original(value: Any) -> None:
    """Changing the original afterwards does not change what was frozen."""
    original = {"inner": [value]}
    frozen = freeze(original)
    before = canonical_bytes(frozen)
    original["inner"].append("later")
    original["more"] = []
    assert canonical_bytes(frozen) == before


@pytest.mark.parametrize(
    "refused",
    [
        math.nan, math.inf, -math.inf, LARGEST_INTEGER + 1, -LARGEST_INTEGER - 1, 2**70,
        "\ud800", "a\udfffb", b"bytes", {1, 2}, object(), 1j, {1: "x"}, {None: "x"},
        {"\ud800": 1}, iter([1]), range(3), {b"k": 1},
    ],
)  # fmt: skip
def test_a_value_without_canonical_form_is_refused(refused: Any) -> None:
    """What has no canonical form is refused, wherever it stands, without being repeated."""
    for value in (refused, [refused], {"key": refused}, {"a": [{"b": refused}]}):
        with pytest.raises(NotCanonical) as caught:
            freeze(value)
        assert repr(refused) not in str(caught.value)


def test_the_pointer_says_where() -> None:
    """A refusal names the place as a JSON pointer."""
    with pytest.raises(NotCanonical) as caught:
        freeze({"a/b": [1, {"~": math.nan}]})
    assert caught.value.pointer == "/a~1b/1/~0"
    assert escape("a/~") == "a~1~0"


def test_choices_are_frozen_as_what_they_say() -> None:
    """Members of enumerations become plain strings and integers."""
    assert freeze([Colour.RED, Number.ONE]) == ("red", 1)
    assert type(freeze(Colour.RED)) is str


def test_true_is_not_one() -> None:
    """Booleans and integers have different bytes."""
    assert canonical_bytes(freeze([True, 1])) == b"[true,1]"
    assert canonical_bytes(freeze({"a": False})) != canonical_bytes(freeze({"a": 0}))


def test_a_nesting_without_end_is_refused() -> None:
    """A value that holds itself, or nests too deep, is refused."""
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(NotCanonical):
        freeze(loop)
    deep: Any = 1
    for _ in range(DEEPEST_NESTING + 1):
        deep = [deep]
    with pytest.raises(NotCanonical):
        freeze(deep)


def _untagged(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _untagged(item) for key, item in value.items()}
    kind, *rest = value
    if kind == "array":
        return [_untagged(item) for item in rest]
    return float(rest[0]) if kind == "float" else rest[0]


@given(JSON)
def test_a_tagged_value_keeps_apart_what_canonical_json_writes_alike(value: Any) -> None:
    """From the bytes of the tagged form the value can be read back, types and signs included."""
    back = _untagged(json.loads(canonical_bytes(tagged(freeze(value)))))
    assert json.dumps(back, sort_keys=True) == json.dumps(value, sort_keys=True)


@pytest.mark.parametrize(("one", "other"), [(1000, 1000.0), (0.0, -0.0), ([1], [1.0]), ("1", 1)])
def test_two_spellings_of_a_number_are_two_tagged_values(one: Any, other: Any) -> None:
    """An integer, a float and a text of the same digits differ, wherever they stand."""
    forms = [canonical_bytes(tagged(freeze({"a": each}))) for each in (one, other)]
    assert forms[0] != forms[1]


@given(JSON, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_a_commitment_depends_on_its_salt(value: Any, salt: bytes, other: bytes) -> None:
    """The same value and salt give the same commitment; another salt another."""
    frozen = freeze(value)
    assert commitment(frozen, salt) == commitment(freeze(json.loads(json.dumps(value))), salt)
    if salt != other:
        assert commitment(frozen, salt) != commitment(frozen, other)


def test_a_digest_names_its_algorithm() -> None:
    """A digest says how it was made."""
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest(b"") == f"sha256:{empty}"


def test_an_object_that_names_a_key_twice_is_refused() -> None:
    """Members are taken where each key stands once, and no error holds a key."""
    assert json.loads('{"a": {"b": 1}}', object_pairs_hook=members_once) == {"a": {"b": 1}}
    with pytest.raises(ValueError, match=r"^a key stands twice$"):
        json.loads('{"a": {"pa55word": 1, "pa55word": 1}}', object_pairs_hook=members_once)
