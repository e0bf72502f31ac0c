# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the example of an MCP client show what is listed, called and refused?"""

import subprocess
import sys
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "mcp_session.py"


def test_the_mcp_example_runs_as_it_stands(tmp_path: Path) -> None:
    """One call is answered and redacted, two are refused, and a changed server is hidden."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLE)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0
    listed, read, far, gone, changed, *refused = done.stdout.splitlines()
    assert listed == "listed: ['crm_customer']"
    assert read.startswith("crm_customer 7: 7: [[EMAIL:")
    assert far.startswith("crm_customer 700: DeniedByPolicy: ")
    assert gone.startswith("crm_delete 7: DeniedByPolicy: ")
    assert changed == "listed: []"
    assert len(refused) == 3
    assert "agentguard definitions show crm_customer" in refused[0]
    assert "example" not in done.stdout
