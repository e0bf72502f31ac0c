# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do guarded functions under a loop of one's own pass what every integration must pass?"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from agentguard.testing.contract import Ground
from agentguard.testing.contract.chat_loop import AsyncTools, ChatLoopContract, Tools


class TestGuardedFunctions(ChatLoopContract):
    """The contract, for functions that are called by a loop of the program's own."""

    @contextmanager
    def tools(self, ground: Ground) -> Iterator[Tools]:
        """Guard the functions."""
        plain = ground.functions(asynchronous=False)
        yield {name: ground.guard.tool(function) for name, function in plain.items()}

    @asynccontextmanager
    async def async_tools(self, ground: Ground) -> AsyncIterator[AsyncTools]:
        """Guard the coroutine functions."""
        plain = ground.functions(asynchronous=True)
        yield {name: ground.guard.tool(function) for name, function in plain.items()}
