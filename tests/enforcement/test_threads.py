# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does blocking work run beside an event loop?"""

import asyncio
import time

import pytest

from agentguard.enforcement.threads import in_thread


def test_work_in_a_thread_ends_before_a_cancellation_is_delivered() -> None:
    """Cancelling a task that waits for a thread waits for the thread first."""
    done: list[int] = []

    def work() -> None:
        time.sleep(0.1)
        done.append(1)

    async def main() -> None:
        task = asyncio.create_task(in_thread(work))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == [1]

    asyncio.run(main())


def test_what_work_in_a_thread_raises_is_raised() -> None:
    """A failure in the thread is the failure of the step, also under a cancellation."""

    def work() -> None:
        time.sleep(0.05)
        raise LookupError

    async def main() -> None:
        with pytest.raises(LookupError):
            await in_thread(work)
        task = asyncio.create_task(in_thread(work))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(LookupError):
            await task

    asyncio.run(main())
