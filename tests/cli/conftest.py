# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do the tests of the command line call it, and what do they call it on?"""

import json
import os
import pty
import select
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from agentguard import ApprovalPending, Guard
from agentguard.cli import main
from agentguard.signing import new_key

ORDER = "ORD-00012345"
CUSTOMER = "jane.doe@customers.example"

# Makes the terminal the process's own, then runs the command line as a shell would.
AT_TERMINAL = """
import os, runpy, sys
os.close(os.open(sys.argv[1], os.O_RDWR))
sys.argv = ["agentguard", *sys.argv[2:]]
runpy.run_module("agentguard.cli", run_name="__main__")
"""


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command said."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


class Shell:
    """Runs commands on one policy file."""

    def __init__(self, policy: Path, capture: pytest.CaptureFixture[str]) -> None:
        self.policy = policy
        self.capture = capture

    def __call__(self, *arguments: str) -> Ran:
        """Run one command in this process."""
        self.capture.readouterr()
        try:
            code = main([*arguments, "--config", str(self.policy)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = self.capture.readouterr()
        return Ran(code, said.out, said.err)

    def process(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        """Run one command in a process of its own, with nothing on its standard input."""
        command = [sys.executable, "-m", "agentguard.cli", *arguments]
        done = subprocess.run(
            [*command, "--config", str(self.policy)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env=None if env is None else {**os.environ, **env},
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def at_terminal(
        self, *arguments: str, secrets: tuple[str, ...] = (), line: str | None = None
    ) -> Ran:
        """Run one command at a terminal where somebody types.

        Args:
            arguments: the command.
            secrets: typed one by one, each after the prompt for it has come.
            line: typed ahead; a prompt for a secret would throw it away.
        """
        ours, theirs = pty.openpty()
        command = [sys.executable, "-c", AT_TERMINAL, os.ttyname(theirs), *arguments]
        try:
            if line is not None:
                os.write(ours, f"{line}\n".encode())
            with subprocess.Popen(
                [*command, "--config", str(self.policy)],
                stdin=theirs,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                start_new_session=True,
            ) as running:
                for secret in secrets:
                    await_prompt(ours)
                    os.write(ours, f"{secret}\n".encode())
                out, err = running.communicate(timeout=30)
        finally:
            os.close(ours)
            os.close(theirs)
        return Ran(running.returncode, out, err)


def await_prompt(terminal: int) -> None:
    """Read from a terminal until it asks for something."""
    shown = b""
    while not shown.endswith(b": "):
        readable, _, _ = select.select([terminal], [], [], 30)
        if not readable:
            raise TimeoutError("no prompt came")
        shown += os.read(terminal, 1024)


@pytest.fixture
def shell(policy_file: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    """The command line, on the starter policy."""
    return Shell(policy_file, capsys)


@pytest.fixture
def carol(tmp_path: Path, approver_key: tuple[bytes, str]) -> Path:
    """The file that holds user:carol's private key."""
    path = tmp_path / "carol.pem"
    path.write_bytes(approver_key[0])
    return path


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """The file of a key that no profile lists."""
    path = tmp_path / "stranger.pem"
    path.write_bytes(new_key()[0])
    return path


Ask = Callable[..., str]


@pytest.fixture
def ask(policy_file: Path) -> Ask:
    """Asks for a refund that needs an approval, and returns the id of the request."""

    def asking(amount: int = 400, *, order: str = ORDER, session: str = "s") -> str:
        with closing(Guard.from_file(policy_file)) as guard:

            @guard.tool
            def refund(order: str, amount: int, to: str) -> str:
                return f"refunded {amount}"

            with (
                guard.identity("agent:support", on_behalf_of="user:alice", session=session),
                pytest.raises(ApprovalPending) as pending,
            ):
                refund(order, amount, CUSTOMER)
        return pending.value.request_id

    return asking


@pytest.fixture
def look_up(policy_file: Path) -> Callable[[], None]:
    """Makes one allowed call of a read-only tool, and closes the guard."""

    def looking_up() -> None:
        with closing(Guard.from_file(policy_file)) as guard:

            @guard.tool
            def lookup_order(order: str) -> str:
                return f"{order} is delivered"

            with guard.identity("agent:support", on_behalf_of="user:alice"):
                lookup_order(ORDER)

    return looking_up
