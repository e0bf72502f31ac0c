# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is it known which versions of an SDK the tables hold for?"""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agentguard.operations import Operation, checked_versions, is_checked, is_sent_by
from agentguard.operations.checked import numbers_of
from agentguard.operations.table import SDKS, read_rows
from agentguard.vocabulary import Kind

PAGE = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("sdk", SDKS)
def test_every_version_in_a_table_was_checked(sdk: str) -> None:
    """The versions in which rows begin and end are checked ones, and the lowest is among them."""
    rows = read_rows(sdk)
    told = {row["since"] for row in rows} | {row["until"] for row in rows} - {""}
    known = checked_versions(sdk)
    assert told <= set(known)
    assert known[0] == min(told, key=lambda version: numbers_of(version) or (0, 0))


@pytest.mark.parametrize("sdk", SDKS)
def test_the_page_names_every_checked_version(sdk: str) -> None:
    """The page about the tables says which versions were checked."""
    line = next(each for each in PAGE.splitlines() if each.startswith("The tables were checked"))
    assert all(f"{version}." in line for version in checked_versions(sdk))


@pytest.mark.parametrize(
    ("version", "checked"),
    [
        ("2.45.0", True),
        ("2.45", True),
        ("3.0.1", True),
        ("3.54.7", True),
        ("3.54.0rc1", True),
        ("2.44.99", False),
        ("3.55.0", False),
        ("30.1", False),
        ("3", False),
        ("", False),
        ("v3.54", False),
        ("3.5_", False),
    ],
)
def test_a_version_between_checked_ones_is_checked(version: str, *, checked: bool) -> None:
    """Major and minor number decide; what is no version is not checked."""
    assert is_checked("openai", version) is checked


@given(st.text(max_size=12))
def test_no_text_is_too_odd_for_a_version(text: str) -> None:
    """Any text is checked or not, and a version that cannot be read hides no operation."""
    assert is_checked("openai", text) in (True, False)
    operation = Operation(verb="GET", path="/a", kind=Kind.READ, since="2.45", until="3.51")
    assert numbers_of(text) is not None or is_sent_by(operation, text)


@pytest.mark.parametrize(
    ("version", "sent"), [("2.44", False), ("2.45.3", True), ("3.50", True), ("3.51.0", False)]
)
def test_an_operation_is_sent_from_its_first_version_to_its_last(
    version: str, *, sent: bool
) -> None:
    """An operation counts from the version that brought it to the one that took it away."""
    operation = Operation(verb="GET", path="/a", kind=Kind.READ, since="2.45", until="3.51")
    assert is_sent_by(operation, version) is sent
