# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a tool end: with a result that is there, and in the time that the policy gives it?"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Iterator
from datetime import timedelta
from typing import Any

from agentguard.errors import GuardFailure, TookTooLong
from agentguard.pipeline import Response


async def in_time(work: Awaitable[Any], within: timedelta | None, tool: str, call_id: str) -> Any:
    """Await the work of a tool, and cancel it after the time that the policy gives it.

    Args:
        work: what the tool does.
        within: its time, None for any.
        tool: the tool's name.
        call_id: the call's id.

    Raises:
        TookTooLong: the time is over.
    """
    if within is None:
        return await work
    limit = asyncio.timeout(within.total_seconds())
    try:
        async with limit:
            return await work
    except TimeoutError:
        if not limit.expired():
            raise
    raise TookTooLong(
        f"tool {tool!r} took longer than the policy gives it, and was cancelled",
        call_id=call_id,
        dispatched=True,
        remedy="see 'within' of its [[tool]] table; look up what it did before trying again",
    )


def finished(tool: str, result: Any) -> Response:
    """Return the result of a tool that has done its work.

    Raises:
        GuardFailure: the result is work that would run later, outside the guard.
    """
    if not inspect.isawaitable(result) and not isinstance(result, Iterator | AsyncIterator):
        return Response(content=result)
    if inspect.iscoroutine(result) or inspect.isgenerator(result):
        result.close()
    raise GuardFailure(
        f"tool {tool!r} returned an iterator or work that runs later, which is not guarded;"
        " return a list",
        part="dispatch",
        dispatched=True,
    )
