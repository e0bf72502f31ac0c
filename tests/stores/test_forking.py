# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is open while the process forks: nothing."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest

from agentguard.stores import StoreFailure, forking
from agentguard.stores.forking import ForkGate

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="nothing forks on Windows"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


def in_a_child(work: Callable[[], bool]) -> bool:
    """Fork, work in the child, and say whether it was well there."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            code = 0 if work() else 1
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def _enters(gate: ForkGate) -> bool:
    with gate:
        return True


def _is_refused(gate: ForkGate) -> bool:
    try:
        return not _enters(gate)
    except StoreFailure:
        return True


def test_what_stays_open_is_closed_before_a_fork() -> None:
    """The gate closes before the fork, in the parent, and both sides go on."""
    closed: list[int] = []
    gate = ForkGate(lambda: closed.append(os.getpid()))
    assert in_a_child(lambda: closed == [os.getppid()] and _enters(gate))
    assert closed == [os.getpid()]
    assert _enters(gate)


def test_a_fork_waits_until_nobody_is_inside() -> None:
    """A fork while another thread is inside waits for it to leave."""
    inside, leave = threading.Event(), threading.Event()
    order: list[str] = []
    gate = ForkGate(lambda: order.append("closed"))

    def work() -> None:
        with gate:
            inside.set()
            leave.wait()
            time.sleep(0.05)
            order.append("left")

    worker = threading.Thread(target=work)
    worker.start()
    inside.wait()
    leave.set()
    assert in_a_child(lambda: order == ["left", "closed"] and _enters(gate))
    worker.join()


def test_a_child_of_a_parent_that_could_not_close_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When somebody stays inside for too long the child may not use the database."""
    monkeypatch.setattr(forking, "LONGEST_WAIT_SECONDS", 0.05)
    closed: list[int] = []
    gate = ForkGate(lambda: closed.append(1))
    with gate:
        assert in_a_child(lambda: _is_refused(gate))
    assert closed == []
    assert _enters(gate)


# In a process of its own, with one thread: after such a fork a lock of the interpreter that some
# other thread held stays held for ever, which pytest-xdist's threads make likely.
_FORKED_BY_C = """
import ctypes, os, sys
from agentguard.stores import StoreFailure
from agentguard.stores.forking import ForkGate

def is_refused(gate):
    try:
        with gate:
            return False
    except StoreFailure:
        return True

gate = ForkGate(lambda: None)
pid = ctypes.PyDLL(None).fork()
if pid == 0:
    os._exit(0 if is_refused(gate) else 1)
refused = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
sys.exit(0 if refused and not is_refused(gate) else 1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="calls the C library's own fork")
def test_a_fork_past_pythons_hooks_is_refused() -> None:
    """A child made by C code, which tells Python nothing, may not use the database."""
    done = subprocess.run([sys.executable, "-c", _FORKED_BY_C], timeout=60, check=False)
    assert done.returncode == 0


def test_a_gate_that_is_gone_is_not_told() -> None:
    """A fork after the store is gone closes nothing."""
    closed: list[int] = []
    gate = ForkGate(lambda: closed.append(1))
    del gate
    assert in_a_child(lambda: True)
    assert closed == []


def test_an_error_inside_leaves_the_gate_in_order() -> None:
    """Whoever leaves by an exception has left."""
    gate = ForkGate(lambda: None)
    with pytest.raises(ZeroDivisionError), gate:
        raise ZeroDivisionError
    started = time.monotonic()
    assert in_a_child(lambda: _enters(gate))
    assert time.monotonic() - started < forking.LONGEST_WAIT_SECONDS
