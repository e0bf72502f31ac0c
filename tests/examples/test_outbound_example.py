# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the example of a tool that speaks HTTP show what is sent and what is not?"""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "outbound.py"


def test_the_example_runs_as_it_stands(tmp_path: Path) -> None:
    """One request is answered, three are refused, and no refused one arrives."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    read, moved, other, written, arrived = done.stdout.splitlines()
    assert read == 'GET /customers/7: {"name": "Jane Doe"}'
    assert moved.startswith("GET /customers/13: AddressRefused: ")
    assert other.startswith("GET /invoices/7: DeniedByPolicy: ")
    assert written.startswith("POST /customers/7: UnguardedPath: ")
    assert arrived == "arrived: ['/customers/7', '/customers/13']"
