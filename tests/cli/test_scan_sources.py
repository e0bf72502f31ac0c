# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which files does a scan look at, and what does it say of the others?"""

import os
from pathlib import Path

import pytest

from agentguard.cli.scanning.sources import Passed, PassedOver, Source, Walk


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder with files, folders, a link to a file and a link that leads back up."""
    for name in ("b.txt", "a.txt", "sub/c.txt", "sub/deep/d.log", ".git/config", ".env"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, encoding="utf-8")
    (tmp_path / "sub" / "up").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "link").symlink_to(tmp_path / "a.txt")
    (tmp_path / "broken").symlink_to(tmp_path / "nothing")
    return tmp_path


def looked_at(tree: Path, walk: Walk) -> list[str]:
    """Return the sources of a walk over the tree, relative to it."""
    return [
        Path(found.name).relative_to(tree).as_posix()
        for found in walk.over([str(tree)])
        if isinstance(found, Source)
    ]


def passed_over(tree: Path, walk: Walk) -> dict[str, Passed]:
    """Return what a walk over the tree passed over, relative to it."""
    return {
        Path(found.name).relative_to(tree).as_posix(): found.why
        for found in walk.over([str(tree)])
        if isinstance(found, PassedOver)
    }


def test_a_folder_is_walked_in_a_fixed_order(tree: Path) -> None:
    """Files come before folders, each by name, hidden ones too and those below .git not."""
    assert looked_at(tree, Walk()) == [".env", "a.txt", "b.txt", "sub/c.txt", "sub/deep/d.log"]


def test_links_are_told_and_end_nowhere(tree: Path) -> None:
    """A link inside a folder is not followed, so that a loop ends, and it is told."""
    assert passed_over(tree, Walk()) == {
        "broken": Passed.LINK,
        "link": Passed.LINK,
        "sub/up": Passed.LINK,
    }


def test_a_link_that_was_named_is_followed(tree: Path) -> None:
    """What was named by hand is looked at, also where it is a link."""
    [source] = Walk().over([str(tree / "link")])
    assert source == Source(str(tree / "link"), tree / "link")
    assert any(isinstance(found, Source) for found in Walk().over([str(tree / "sub" / "up")]))


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.txt", [".env", "sub/deep/d.log"]),
        ("deep", [".env", "a.txt", "b.txt", "sub/c.txt"]),
        ("sub/", [".env", "a.txt", "b.txt"]),
        ("sub/*.log", [".env", "a.txt", "b.txt", "sub/c.txt"]),
    ],
)
def test_what_is_excluded_is_told(tree: Path, pattern: str, left: list[str]) -> None:
    """A pattern is compared with the name and with the path inside the folder."""
    walk = Walk(exclude=[pattern])
    assert looked_at(tree, walk) == left
    assert Passed.EXCLUDED in passed_over(tree, walk).values()


def test_a_file_over_the_limit_is_told(tree: Path) -> None:
    """A file with more bytes than the limit is passed over, in a folder and named by hand."""
    (tree / "large").write_bytes(b"x" * 101)
    walk = Walk(largest=100)
    assert passed_over(tree, walk)["large"] is Passed.TOO_LARGE
    assert list(walk.over([str(tree / "large")])) == [
        PassedOver(str(tree / "large"), Passed.TOO_LARGE)
    ]


def test_a_pipe_in_a_folder_is_told_and_not_opened(tree: Path) -> None:
    """What is no regular file is passed over, since opening a pipe would wait."""
    os.mkfifo(tree / "pipe")
    assert passed_over(tree, Walk())["pipe"] is Passed.SPECIAL


def test_a_folder_that_cannot_be_listed_is_told(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that the system refuses to list is told as unreadable, and the walk goes on."""
    real = os.scandir

    def refusing(path: Path) -> object:
        if path.name == "deep":
            raise PermissionError
        return real(path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", refusing)
        assert passed_over(tree, Walk())["sub/deep"] is Passed.UNREADABLE
        assert "sub/c.txt" in looked_at(tree, Walk())


def test_a_path_that_the_system_gives_no_answer_about_is_told() -> None:
    """A name that is too long, or lies where nobody may look, is unreadable and ends no walk."""
    name = "long" * 100
    assert list(Walk().over([name])) == [PassedOver(name, Passed.UNREADABLE)]
