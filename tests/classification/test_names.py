# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Names are found where a model sees them in prose."""

from collections.abc import Iterator

from agentguard.classification.names import Names


def capitals(text: str) -> Iterator[tuple[int, int, str]]:
    """A model for which every word with a capital is a person, and one letter too."""
    at = 0
    for word in text.split(" "):
        if word[:1].isupper():
            yield at, at + len(word), "PERSON" if word != "Turin" else "GPE"
        at += len(word) + 1


def test_names_are_found_in_prose_alone() -> None:
    """The model is not asked about code, and offsets count in the whole text."""
    text = "x = {Anna: 1}; y = [Paul];\n\nyesterday Anna met Paul in Turin and left"
    found = list(Names(capitals, {"person"}).detect(text))
    assert [text[one.start : one.end] for one in found] == ["Anna", "Paul"]
    assert {(one.data_class, one.detector) for one in found} == {("person", "names:person")}


def test_only_the_wanted_classes_are_found() -> None:
    """What no class asks for, one letter, and labels of other things, are not found."""
    text = "yesterday Anna met X in Turin and left"
    found = list(Names(capitals, {"place", "company"}).detect(text))
    assert [(text[one.start : one.end], one.data_class) for one in found] == [("Turin", "place")]
