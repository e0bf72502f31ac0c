# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What the model wrote is known by JSON pointer, and nothing beside it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import escape
from agentguard.redaction.authored import marked

STEP = st.text("ab/~0", max_size=2)
PATH = st.lists(STEP, max_size=4)


def at(pointers: list[str], path: list[str]) -> bool:
    """Whether the place at *path* is authored."""
    marks = marked(pointers)
    for step in path:
        marks = marks.below(step)
    return marks.authored


@given(st.lists(PATH, max_size=4), PATH)
@settings(deadline=None)
def test_a_place_is_authored_when_a_pointer_leads_to_it_or_around_it(
    marked_paths: list[list[str]], path: list[str]
) -> None:
    """Exactly the places at and below a pointer are authored, whatever the names."""
    pointers = ["".join(f"/{escape(step)}" for step in one) for one in marked_paths]
    expected = any(path[: len(one)] == one for one in marked_paths)
    assert at(pointers, path) == expected


@pytest.mark.parametrize("pointers", [["/a/b"], ["/a/b/0"]])
def test_no_pointer_leads_into_a_json_text(pointers: list[str]) -> None:
    """What a JSON text holds is authored when the whole text is, and not by its own names."""
    marks = marked(pointers).below("a")
    assert not marks.inside_text().below("b").authored
    assert marked(["/a"]).below("a").inside_text().below("b").authored
