# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text lead, and when can that not be said?"""

import os
import sys
from pathlib import Path

import pytest

from agentguard.enforcement.resolving import resolve_paths

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and paths of POSIX")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Folders, a file, and links of every kind."""
    root = tmp_path.resolve()
    (root / "in").mkdir()
    (root / "out").mkdir()
    (root / "in" / "file").write_text("x")
    (root / "out" / "secret").write_text("x")
    (root / "in" / "away").symlink_to(root / "out" / "secret")
    (root / "in" / "folder").symlink_to(root / "out")
    (root / "in" / "dangling").symlink_to(root / "out" / "not-yet")
    (root / "in" / "loop").symlink_to(root / "in" / "loop")
    return root


@pytest.mark.parametrize(
    ("text", "leads"),
    [
        ("in/file", "in/file"),
        ("in", "in"),
        ("in/away", "out/secret"),
        ("in/folder/secret", "out/secret"),
        ("in/new", "in/new"),
        ("in/folder/new", "out/new"),
        ("in/../out/secret", "out/secret"),
        ("in/dangling", None),
        ("in/loop", None),
        ("in/loop/x", None),
        ("in/file/x", None),
        ("in/no/where", None),
        ("in/no/..", None),
        ("in/new/", None),
        ("in/new/.", None),
    ],
)
def test_a_text_leads_where_its_links_do(tree: Path, text: str, leads: str | None) -> None:
    """Links are followed, a new file lies in its folder, and the rest leads nowhere."""
    asked = f"{tree}/{text}"
    expected = None if leads is None else f"{tree}/{leads}"
    assert resolve_paths([asked]) == {asked: expected}


@pytest.mark.parametrize("text", ["", "\0", "x\0y", "a" * 5000, "\ud800"])
def test_what_no_file_is_called_leads_nowhere(text: str) -> None:
    """Nothing that a system would refuse to open raises here."""
    assert resolve_paths([text]) == {text: None}


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root sees everything")
def test_a_folder_that_cannot_be_looked_into_leads_nowhere(tree: Path) -> None:
    """What may be a link in there is not known."""
    (tree / "out").chmod(0)
    try:
        asked = f"{tree}/out/secret"
        assert resolve_paths([asked]) == {asked: None}
    finally:
        (tree / "out").chmod(0o700)
