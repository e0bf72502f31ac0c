# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a machine that lacks something get told what it lacks?"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.skipif(shutil.which("make") is None, reason="make is what is tested")
@pytest.mark.parametrize("target", ["demo", "test", "test-nightly", "demo-model"])
@pytest.mark.parametrize(
    ("lacking", "told"),
    [("ensurepip", "apt-get install python3-venv"), ("version_info", "Python 3.11 or later")],
)
def test_a_missing_part_is_named(tmp_path: Path, target: str, lacking: str, told: str) -> None:
    """Each target says which package or version is missing, and makes nothing."""
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *{lacking}*) exit 1 ;; esac\nexec {sys.executable} "$@"\n',
        encoding="utf-8",
    )
    environment = {name: value for name, value in os.environ.items() if name != "MAKEFLAGS"}
    done = subprocess.run(
        ["make", target, f"PYTHON=/bin/sh {python}"],  # noqa: S607 - whichever make the machine has
        cwd=tmp_path,
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert told in done.stdout + done.stderr
    assert not (tmp_path / ".venvs").exists()
