# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of every method of a client when it is called?

What a method returns is driven to its beginning: awaited, entered, its first item taken, so
that requests happen that an SDK puts off.
"""

import asyncio
import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from agentguard.errors import CallRefused
from agentguard.testing.sdk_surface import Method, arguments, methods

# A poller waits for a state that no dummy answer has.
_SECONDS_A_METHOD = 30.0


@dataclass(slots=True)
class Sweep:
    """What became of each method that was called, by its dotted name.

    Attributes:
        called: how many were called.
        refused: what the guard refused, with the refusal.
        raised: what ended with another error.
        returned: what came back.
    """

    called: int = 0
    refused: dict[str, CallRefused] = field(default_factory=dict)
    raised: dict[str, Exception] = field(default_factory=dict)
    returned: set[str] = field(default_factory=set)

    @contextmanager
    def one(self, name: str) -> Iterator[None]:
        """Note how the call of one method ended."""
        self.called += 1
        try:
            yield
        except CallRefused as refusal:
            self.refused[name] = refusal
        except Exception as error:  # noqa: BLE001 - dummy arguments may fail anywhere
            self.raised[name] = error
        else:
            self.returned.add(name)


def sweep(
    client: Any,
    wrapper: str = "",
    *,
    given: Callable[[Method], Mapping[str, Any]] = arguments,
    only: Callable[[Method], bool] = lambda _: True,
) -> Sweep:
    """Call every method of a client and close it.

    An async client is driven in an event loop of its own, so not from within one.

    Args:
        client: sync or async, guarded or not.
        wrapper: one of ``WRAPPERS``.
        given: makes the arguments of a method.
        only: says which methods are called.
    """
    calls = [
        (method.name, partial(method.call, **given(method)))
        for method in methods(client, wrapper)
        if only(method)
    ]
    swept = Sweep()
    with warnings.catch_warnings():
        # Half of the SDK's assistants warn that they are deprecated; they are driven all the same.
        warnings.simplefilter("ignore", DeprecationWarning)
        if hasattr(client, "__aenter__"):
            asyncio.run(_swept_async(client, calls, swept))
        else:
            with client:
                for name, call in calls:
                    with swept.one(name):
                        drive(call())
    return swept


async def _swept_async(
    client: Any, calls: Iterable[tuple[str, Callable[[], Any]]], swept: Sweep
) -> None:
    async with client:
        for name, call in calls:
            with swept.one(name):
                await asyncio.wait_for(drive_async(call()), _SECONDS_A_METHOD)


def drive(result: Any) -> None:
    """Drive what a sync method returned: enter it, or take its first item."""
    if hasattr(result, "__enter__") and not hasattr(result, "read"):
        with result as entered:
            if hasattr(entered, "__next__"):
                next(entered, None)
    elif hasattr(result, "__next__"):
        next(result, None)


async def drive_async(result: Any) -> None:
    """Drive what an async method returned: await it, enter it, or take its first item."""
    if inspect.isawaitable(result):
        result = await result
    if hasattr(result, "__aenter__"):
        async with result as entered:
            if hasattr(entered, "__anext__"):
                await anext(entered, None)
    elif hasattr(result, "__anext__"):
        await anext(result, None)
