# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Values of classes are fetched from where the policy names them, or told to be missing."""

import pathlib
from typing import Any

import pytest

from agentguard.classification import BUILT_IN_CLASSES, OwnClass
from agentguard.config.document import ClassTable
from agentguard.config.sources import fetch
from agentguard.policy import Path, key_of
from agentguard.vocabulary import KnownValue

CANARY = "cnr"


def fetched(
    folder: pathlib.Path, env: dict[str, str], **table: Any
) -> tuple[tuple[OwnClass, ...], tuple[KnownValue, ...], list[str]]:
    """What one class table comes to, with the problems."""
    told: list[str] = []

    def tell(path: Path, message: str) -> None:
        told.append(f"{key_of(path)} {message}")

    own, known = fetch((ClassTable(**table),), BUILT_IN_CLASSES, folder, env, tell)
    return own, known, told


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ({"values": ["long enough", CANARY]}, "class[0].values[1] is shorter than 4"),
        ({"values_file": "short.txt"}, "class[0].values_file line 2 of 'short.txt' is shorter"),
        ({"values_file": "empty.txt"}, "class[0].values_file file 'empty.txt' holds no value"),
        ({"values_file": "."}, "class[0].values_file file '.' cannot be read"),
        ({"values_file": "binary"}, "class[0].values_file file 'binary' is not UTF-8"),
        ({"values_from_env": ["SHORT"]}, "the value of environment variable 'SHORT' is shorter"),
        ({"values_from_env": ["NONE"]}, "environment variable 'NONE' is not set"),
        ({}, "class[0] 'vip' is not a built-in class: it needs"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_by_place(
    tmp_path: pathlib.Path, table: dict[str, Any], place: str
) -> None:
    """A short, missing or unreadable value is told with where it stands, never what it is."""
    (tmp_path / "short.txt").write_text(f"long enough\n{CANARY}\n")
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "binary").write_bytes(CANARY.encode() + b"\xff")
    _, _, told = fetched(tmp_path, {"SHORT": CANARY}, name="vip", **table)
    assert len(told) == 1
    assert place in told[0]
    assert CANARY not in told[0]


def test_values_of_a_built_in_class_are_known_values(tmp_path: pathlib.Path) -> None:
    """Values given to a built-in class need no class of their own."""
    (tmp_path / "list.txt").write_text("\ufeffthird value\r\n", encoding="utf-8")
    own, known, told = fetched(
        tmp_path,
        {"KEY": "second value"},
        name="credential",
        values=["first value"],
        values_file="list.txt",
        values_from_env=["KEY"],
    )
    assert (own, told) == ((), [])
    assert [each.value for each in known] == ["first value", "third value", "second value"]
    assert {each.data_class for each in known} == {"credential"}
