# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a tool end?

With a result that is there, in the time that the policy gives it, and, once the result was checked,
in the form that its framework wants.

INVARIANT: a checked result that does not fit its form any more is withheld, and no error tells what
stands in it (tests/tools/test_ending.py).
"""

import asyncio
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

from agentguard.errors import GuardFailure, TookTooLong
from agentguard.pipeline import Response

T = TypeVar("T")


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


def made_of_checked(tool: str, make: Callable[[], T]) -> T:
    """Return a result in the form of its framework.

    Args:
        tool: the tool's name.
        make: makes it of what was checked.

    Raises:
        GuardFailure: what was checked has another shape than what the tool returned.
    """
    try:
        return make()
    except (AttributeError, LookupError, TypeError, ValueError):  # it may hold the text
        pass
    raise GuardFailure(
        f"the result of tool {tool!r} is withheld: what was checked has another shape",
        part="redaction",
        dispatched=True,
    )
