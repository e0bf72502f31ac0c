# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the example of a gateway show what a host gets of a server and what it does not?"""

import re
import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "mcp_gateway.py"


def test_the_example_of_a_gateway_runs_as_it_stands(tmp_path: Path) -> None:
    """One tool is listed, one call is answered with an address hidden, and two are refused."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0
    listed, read, diary, deleted = done.stdout.splitlines()
    assert listed == "listed: ['read_note']"
    assert re.fullmatch(r"read_note\(todo\): todo: write to \[\[EMAIL:[A-Z2-7]{8}\]\]", read)
    assert diary == "read_note(diary): this call is not permitted"
    assert deleted == "delete_note(todo): this call is not permitted"
    assert "does not declare 1 of the 2 tools" in done.stderr
