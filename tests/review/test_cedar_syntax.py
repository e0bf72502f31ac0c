# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Whatever a name holds, Cedar reads it back as that name and nothing else."""

import json

import cedarpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policy import Glob
from agentguard.review.cedar import syntax

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(
    ['"', "\\", '" || true || "', "\\u{41}", "*", "\\*", "// x", "\n", "\0", "@id", "\U0001f511"]
)


def holds(condition: str, context: dict[str, object]) -> bool:
    """Whether a condition holds in a context, which must not lead to an error."""
    policy = syntax.statement("permit", ("principal", "action", "resource"), [condition], {})
    request = {
        "principal": {"type": "A", "id": "a"},
        "action": {"type": "Action", "id": "a"},
        "resource": {"type": "A", "id": "a"},
        "context": json.dumps(context),
    }
    answer = cedarpy.is_authorized(request, policy, "[]")
    assert answer.diagnostics.errors == []
    return answer.allowed


@settings(deadline=None, max_examples=150)
@given(name=TEXTS, other=TEXTS)
def test_a_text_is_itself(name: str, other: str) -> None:
    """A literal equals the text that it was made from, and no other."""
    condition = f"context.x == {syntax.text(name)}"
    assert holds(condition, {"x": name})
    assert holds(condition, {"x": other}) is (name == other)


@settings(deadline=None, max_examples=150)
@given(name=TEXTS, other=TEXTS)
def test_an_attribute_is_read_under_its_name(name: str, other: str) -> None:
    """An attribute is there, and read, under the very name that was given."""
    condition = f"{syntax.has('context', name)} && {syntax.member('context', name)} == 1"
    if not name.startswith("__"):
        assert holds(condition, {name: 1})
    if name != other and not other.startswith("__"):
        assert not holds(condition, {other: 1})


@settings(deadline=None, max_examples=150)
@given(glob=st.text('a*\\"\n', max_size=6), name=st.text('a*\\"\n', max_size=6))
def test_a_glob_matches_the_same_names(glob: str, name: str) -> None:
    """A pattern of ``like`` matches what the glob matches; a beginning is taken literally."""
    matches = holds(f"context.x like {syntax.pattern(glob)}", {"x": name})
    assert matches is Glob(glob).matches(name)
    begins = holds(f"context.x like {syntax.beginning(glob)}", {"x": name})
    assert begins is name.startswith(glob)


@pytest.mark.parametrize("names", [(), ("a",), ("a", "b")])
@pytest.mark.parametrize("given_names", [(), ("a",), ("a", "c")])
def test_nothing_but_listed_names(names: tuple[str, ...], given_names: tuple[str, ...]) -> None:
    """A set is within listed names exactly if it holds no other, also where none is listed."""
    condition = syntax.within(names, "context.x")
    assert holds(condition, {"x": given_names}) is (set(given_names) <= set(names))


@pytest.mark.parametrize(
    ("condition", "written"),
    [
        ("(a || b)", "!(a || b)"),
        ("(a) || (b)", "!((a) || (b))"),
        ("a", "!(a)"),
        ('(x == ")")', '!((x == ")"))'),
        ("((a) && b)", "!((a) && b)"),
    ],
)
def test_a_negation_is_of_the_whole(condition: str, written: str) -> None:
    """A condition is negated as a whole, whatever parentheses it holds."""
    assert syntax.negated(condition) == written
