# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does blocking work run beside an event loop?

INVARIANT: work that began is finished before a cancellation is delivered
(tests/enforcement/test_threads.py).
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread, finish it even when cancelled, then deliver that."""
    task = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as cancellation:
            if task.cancelled():
                raise
            cancelled = cancellation
        except Exception:  # noqa: BLE001 - the task's own result is read below
            break
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result
