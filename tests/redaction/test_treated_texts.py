# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is found in texts of tools is counted, taken out, or refuses the whole value."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.redaction import ToolTextWithheld, Treating, texts_in_order
from agentguard.vocabulary import Action, Finding

WORDS = {"bad": "bad", "worse": "worse", "orders": "instructions"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def said(text: str, _: Sequence[Finding] = ()) -> list[Finding]:
    """Find three words."""
    found = []
    for word, name in WORDS.items():
        start = text.replace("\n", " ").find(word)
        while start >= 0:
            end = start + len(word)
            found.append(Finding(start=start, end=end, data_class=name, detector="test"))
            start = text.find(word, end)
    return sorted(found, key=lambda each: each.start)


def widened(_: str, found: Sequence[Finding]) -> Iterator[tuple[int, int, str]]:
    """Leave what was found as it is."""
    return ((each.start, each.end, each.data_class) for each in found)


def treating(**actions: Action) -> Treating:
    """Treat what is found."""
    return Treating(
        said=said, actions=actions, widened=widened, instead=lambda name, _: f"<{name[0]}>"
    )


@given(JSON)
def test_a_value_without_findings_is_returned_itself(value: Any) -> None:
    """What holds nothing to take out stays as it is, the very object."""
    shown, counts = treating(bad=Action.BLOCK).treated(value)
    assert shown is value
    assert not counts["bad"]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a bad day", "a <b> day"),
        (["bad", {"bad": ("bad", 5)}], ["<b>", {"<b>": ("<b>", 5)}]),
        (json.dumps({"a": "so bad\n", "n": 1.50}), json.dumps({"a": "so <b>\n", "n": 1.50})),
        ({"deep": json.dumps([json.dumps("bad")])}, {"deep": json.dumps([json.dumps("<b>")])}),
    ],
)
def test_what_is_to_be_taken_out_is_gone(value: Any, shown: Any) -> None:
    """In every string, key and JSON inside a string it is replaced, and the rest stays."""
    found, counts = treating(bad=Action.REDACT).treated(value)
    assert found == shown or json.loads(found) == json.loads(shown)
    assert counts["bad"] >= 1


def test_what_is_labelled_passes_counted() -> None:
    """A label changes nothing, and counts each place."""
    value = ["bad bad", "bad"]
    shown, counts = treating().treated(value)
    assert shown is value
    assert counts == {"bad": 3}


def test_what_is_blocked_has_no_result() -> None:
    """One place is enough, also among others that may stay."""
    with pytest.raises(ToolTextWithheld) as refused:
        treating(worse=Action.BLOCK).treated({"a": "bad", "b": ["worse"]})
    assert refused.value.data_class == "worse"
    assert "bad" not in str(refused.value)


def test_what_cannot_be_rewritten_is_withheld() -> None:
    """Where nothing can be taken out, what is to be taken out withholds the whole."""
    with pytest.raises(ToolTextWithheld):
        replace(treating(bad=Action.REDACT), rewritable=False).treated(["bad"])


def test_texts_are_read_together() -> None:
    """What stands in several parts of a content is found, and cannot be taken out of any."""

    def spread(text: str, _: Sequence[Finding] = ()) -> list[Finding]:
        start = text.find("or\nders")
        if start < 0:
            return []
        return [Finding(start=start, end=start + 7, data_class="instructions", detector="test")]

    value = [{"type": "text", "text": "or"}, {"type": "text", "text": "ders"}]
    one = Treating(said=spread, actions={}, widened=widened, instead=lambda *_: "")
    assert one.treated(value) == (value, {"instructions": 1})
    other = Treating(
        said=spread,
        actions={"instructions": Action.REDACT},
        widened=widened,
        instead=lambda *_: "",
    )
    with pytest.raises(ToolTextWithheld):
        other.treated(value)


@given(JSON)
def test_every_string_is_read(value: Any) -> None:
    """The texts of a value are all its strings, keys included."""
    strings: list[str] = []

    def gather(node: Any) -> None:
        if isinstance(node, str):
            strings.append(node)
        elif isinstance(node, dict):
            strings.extend(node)
            list(map(gather, node.values()))
        elif isinstance(node, list):
            list(map(gather, node))

    gather(value)
    assert sorted(texts_in_order(value)) == sorted(strings)
