# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What spans strings of a payload is found in each of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.redaction.pieces import found_across, names_a_secret
from agentguard.vocabulary import Finding

LINE = "MIIEowIBAAKCAQEApWuSHd5A2cyhC4R8kpzOVTucS7LdKViuzkAIOr8fP8AonGXR"


def between(start: str, end: str, text: str) -> tuple[Finding, ...]:
    """Find from one mark to another."""
    begin, stop = text.find(start), text.find(end)
    if begin < 0 or stop < 0:
        return ()
    return (Finding(start=begin, end=stop + len(end), data_class="private_key", detector="test"),)


def covered(pieces: list[str]) -> list[str]:
    """What is covered, in order, with the marks of a key as limits."""
    spans = found_across(pieces, lambda text: between("BEGIN PRIVATE KEY", "END PRIVATE KEY", text))
    return [pieces[index][a:b] for index in sorted(spans) for a, b, _ in spans[index]]


def test_every_line_of_a_key_is_covered() -> None:
    """Header, long lines, the short last line and the end are covered, each in its own string."""
    pieces = ["a BEGIN PRIVATE KEY", LINE, LINE, "Ab4=", "END PRIVATE KEY z"]
    assert covered(pieces) == ["BEGIN PRIVATE KEY", LINE, LINE, "Ab4=", "END PRIVATE KEY"]


def test_words_between_the_lines_are_not_covered() -> None:
    """Roles, types, identifiers and sentences between two mentions of a key stay."""
    between_them = ["user", "text", "call_17", "gpt-4o", "It begins like this, and it ends so:"]
    pieces = ["BEGIN PRIVATE KEY", *between_them, f"see {LINE}", "END PRIVATE KEY"]
    assert covered(pieces) == ["BEGIN PRIVATE KEY", f"see {LINE}", "END PRIVATE KEY"]


@given(st.lists(st.text("ab \n", max_size=5), min_size=1, max_size=6), st.data())
@settings(deadline=None)
def test_a_finding_in_one_piece_keeps_its_place(pieces: list[str], data: st.DataObject) -> None:
    """What lies in one string is given with its offsets there, whatever stands around it."""
    index = data.draw(st.integers(0, len(pieces) - 1))
    pieces[index] += "x"
    start = len("\n".join(pieces[: index + 1])) - 1
    finding = Finding(start=start, end=start + 1, data_class="email", detector="test")
    size = len(pieces[index])
    assert found_across(pieces, lambda _: (finding,)) == {index: [(size - 1, size, "email")]}


@pytest.mark.parametrize("name", ["AWS_SECRET_ACCESS_KEY", "secretKey", "my account-key"])
def test_names_of_secrets_are_known(name: str) -> None:
    """The name of a secret is known in any case, in any piece."""
    assert names_a_secret(["model", name])
    assert not names_a_secret(["secret", "key", "the primary key"])
