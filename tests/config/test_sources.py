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
        ({"values_file": "few.txt"}, "class[0].values_file line 2 of 'few.txt' is shorter"),
        ({"values_file": "empty.txt"}, "class[0].values_file file 'empty.txt' holds no value"),
        ({"values_file": "."}, "class[0].values_file file '.' cannot be read"),
        ({"values_file": "binary"}, "class[0].values_file file 'binary' is not UTF-8"),
        ({"values_from_env": ["SHORT"]}, "the value of environment variable 'SHORT' is shorter"),
        ({"values_from_env": ["NONE"]}, "environment variable 'NONE' is not set"),
        ({}, "class[0] 'vip' is not a built-in class: it needs"),
        ({"values": ["value"], "values_column": "a"}, "values_column belongs to 'values_file'"),
        ({"values_file": "list.csv"}, "file 'list.csv' needs 'values_column'"),
        ({"values_file": "list.csv", "values_column": "b"}, "line 2 of 'list.csv' is shorter"),
        ({"values_from_files": ["none/*"]}, "values_from_files[0] no file is called 'none/*'"),
        ({"values_from_files": ["short*"]}, "file 'short.key' holds a value that is shorter"),
        ({"values_from_files": ["binary"]}, "file 'binary' is not UTF-8"),
        ({"values_file": "no\0name"}, "cannot be read"),
        ({"values_from_files": ["link*"]}, "file 'link' is no file"),
        ({"values_from_dotenv": [".env"]}, "file '.env' holds nothing like a secret"),
        ({"values_from_dotenv": ["no.env"]}, "file 'no.env' does not exist"),
    ],
)
def test_a_value_that_cannot_be_used_is_told_by_place(
    tmp_path: pathlib.Path, table: dict[str, Any], place: str
) -> None:
    """A short, missing or unreadable value is told with where it stands, never what it is."""
    (tmp_path / "few.txt").write_text(f"long enough\n{CANARY}\n")
    (tmp_path / "empty.txt").write_text("\n \n")
    (tmp_path / "short.key").write_text(CANARY)
    (tmp_path / "list.csv").write_text(f"a,b\n{CANARY},{CANARY}\n")
    (tmp_path / ".env").write_text(f"PASSWORD={CANARY}\n")
    (tmp_path / "link").symlink_to(tmp_path / "nothing")
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


def test_secrets_are_taken_from_files_and_dotenv_files(tmp_path: pathlib.Path) -> None:
    """Each file that a pattern names is a value, and so is each secret of a dotenv file."""
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "one").write_text("first value\n")
    (tmp_path / "secrets" / "two").write_text("second\nvalue\n")
    (tmp_path / ".env").write_text("API_KEY=third-value\n")
    own, known, told = fetched(
        tmp_path,
        {},
        name="vip",
        values_from_files=[str(tmp_path / "secrets" / "o*"), "secrets/t*"],
        values_from_dotenv=[".env"],
    )
    assert (own, told) == ((OwnClass(name="vip"),), [])
    assert [each.value for each in known] == ["first value", "second\nvalue", "third-value"]


def test_a_long_list_is_taken_whole_and_its_mistakes_are_told_in_short(
    tmp_path: pathlib.Path,
) -> None:
    """Twenty thousand values are a class, and a thousand short ones are few messages."""
    values = [f"customer-{number:05}" for number in range(20_000)]
    (tmp_path / "list.txt").write_text("\n".join(values))
    own, _, told = fetched(tmp_path, {}, name="vip", values_file="list.txt")
    assert (own[0].values, told) == (tuple(values), [])
    (tmp_path / "list.txt").write_text("abc\n" * 1000)
    _, _, told = fetched(tmp_path, {}, name="vip", values_file="list.txt")
    assert len(told) == 6
    assert "995 more values" in told[-1]


def test_a_folder_may_have_any_name(tmp_path: pathlib.Path) -> None:
    """Only what the policy writes is a pattern, not the folder that the policy lies in."""
    folder = tmp_path / "[live] *"
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "one").write_text("first value")
    _, known, told = fetched(folder, {}, name="credential", values_from_files=["keys/*"])
    assert told == []
    assert known == (KnownValue(value="first value", data_class="credential"),)
