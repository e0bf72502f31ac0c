# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the quickstart show what a guard is for, as a reader runs it?"""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from agentguard.testing import LoopbackProvider, echo

QUICKSTART = Path(__file__).resolve().parents[2] / "examples" / "quickstart.py"
VALUES = (
    "jane.doe@customers.example",
    "4111 1111 1111 1111",
    "sk-proj-" + "Q7mZ2xK9vT4bN8cL1wR5yH3j" * 2,
)


def run(*arguments: str, folder: Path, **environment: str) -> str:
    """Run the quickstart as a reader does, and return what stands on the screen."""
    done = subprocess.run(
        [sys.executable, str(QUICKSTART), *arguments],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


class Ran(NamedTuple):
    """What a run without arguments showed, whom it connected to, and what it left behind."""

    screen: str
    connections: int
    left: list[Path]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    """A run without arguments, where the environment has a key of the paid provider."""
    folder = tmp_path_factory.mktemp("reader")
    with LoopbackProvider(echo) as paid:
        environment = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": paid.base_url}
        screen = run(folder=folder, TMPDIR=str(folder), **environment)
        return Ran(screen, paid.connections, list(folder.iterdir()))


@pytest.fixture
def screen(ran: Ran) -> str:
    """What a run without arguments shows."""
    return ran.screen


def part(screen: str, title: str) -> str:
    """Return what stands below one heading."""
    return screen.split(f"=== {title} ===\n", 1)[1].split("\n===", 1)[0]


def test_no_value_arrives_at_the_provider(screen: str) -> None:
    """E-mail address, card number and API key never arrive, and placeholders stand instead."""
    received = part(screen, "What the provider received")
    assert "LEAKED" not in received
    told = [line for line in received.splitlines() if "never arrived: " in line]
    assert tuple(line.partition("never arrived: ")[2] for line in told) == VALUES
    placeholders = received.splitlines()[-1]
    for label in ("EMAIL", "PAYMENT_CARD", "API_KEY"):
        assert re.search(rf"\[\[{label}:[A-Z0-9]+\]\]", placeholders)


def test_both_refunds_to_the_customer_run(screen: str) -> None:
    """The refund under the limit and the approved one run, each exactly once."""
    for amount in (40, 400):
        ran = f"RAN      refund: refunded {amount} for ORD-00012345 to {VALUES[0]}\n"
        assert screen.count(ran) == 1


def test_both_attacks_of_the_planted_instruction_are_refused(screen: str) -> None:
    """The refund to an outsider and the deletion are refused, each with its reason."""
    refused = [line for line in screen.splitlines() if line.startswith("REFUSED")]
    assert len(refused) == 2
    assert "nearest rule 'refund-large': args.to must match" in refused[0]
    assert "no rule allows tool 'delete_account' for 'agent:support'" in refused[1]
    assert "mallory" not in "".join(refused)
    assert "RAN      delete_account" not in screen
    assert "refunded 900" not in screen


def test_another_process_approves_the_larger_refund(screen: str) -> None:
    """The approver is shown the exact call, and the log has the vote in a stream of its own."""
    shown = part(screen, "What user:carol saw and approved, in another process")
    assert "  amount = 400\n" in shown
    assert f'  to = "{VALUES[0]}"\n' in shown
    assert "answered: approve; the request is approved now\n" in shown
    log = part(screen, "The audit log, verified by another process")
    assert log.count("stream.opened") == 2
    assert re.search(r"approval\.voted .* approver=user:carol", log)


def test_the_answer_carries_the_real_address(screen: str) -> None:
    """The user reads the address, not its placeholder."""
    answer = part(screen, "The answer, as user:alice sees it")
    assert VALUES[0] in answer
    assert "[[" not in answer


def test_every_crossing_has_a_span(screen: str) -> None:
    """The tree shows a guard span for each model and tool call, the refused ones included."""
    spans = part(screen, "The spans").splitlines()
    guards = [line for line in spans if line.startswith("guard ")]
    assert len([line for line in guards if "guard chat " in line]) == 4
    assert len([line for line in guards if "execute_tool" in line]) == 6
    assert len([line for line in guards if "outcome=deny" in line]) == 2
    assert "  approval refund outcome=approved" in spans


def test_the_log_is_verified_with_four_verdicts(screen: str) -> None:
    """The log holds together, nothing is missing, and what is not yet signed is said."""
    log = part(screen, "The audit log, verified by another process")
    verdicts = dict(line.split()[:2] for line in log.rstrip().splitlines()[-4:])
    assert verdicts == {
        "integrity": "holds",
        "completeness": "holds",
        "authenticity": "none",
        "anchoring": "none",
    }


def test_spans_and_log_hold_no_value(screen: str) -> None:
    """None of the planted values stands in the span tree or in the audit log."""
    written = part(screen, "The spans") + part(screen, "The audit log, verified by another process")
    assert [value for value in VALUES if value in written] == []


def test_a_key_in_the_environment_chooses_nothing(ran: Ran) -> None:
    """With a key and an address of the paid provider set, a plain run never connects to it."""
    assert ran.connections == 0


def test_the_paid_provider_is_called_when_it_is_asked_for(tmp_path: Path) -> None:
    """Only --provider openai calls the paid provider, and it receives placeholders as well."""
    with LoopbackProvider(echo) as paid:
        environment = {"OPENAI_API_KEY": "sk-test", "OPENAI_BASE_URL": paid.base_url}
        run("--provider", "openai", folder=tmp_path, **environment)
        assert len(paid.journal) == 1
    received = paid.received_bytes().decode()
    assert [value for value in VALUES if value in received] == []


def test_a_run_leaves_nothing_behind(ran: Ran) -> None:
    """Policy, key and store of a run lie in a folder of their own that is removed."""
    assert ran.left == []
