# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who acts when a server asks its client something while it is asked itself?

The SDK answers a server in the task that reads its messages, which knows whoever opened the
session, or nobody. A question in the middle of a call belongs to whoever made the call.

INVARIANT: while calls of several callers are under way, a question belongs to none of them
(tests/attacks/frameworks/test_mcp_questions.py).
"""

import contextvars
from collections.abc import Iterator
from contextlib import contextmanager

from agentguard.enforcement import Enforcer
from agentguard.errors import IdentityRequired
from agentguard.vocabulary import Caller


class UnderWay:
    """The calls of one session that are under way, and whose they are."""

    def __init__(self, enforcer: Enforcer, carried: Caller | None) -> None:
        """Know of no call.

        Args:
            enforcer: knows who acts in the running code.
            carried: the caller that the session is bound to, if any.
        """
        self._enforcer = enforcer
        self._carried = carried
        self._calls: dict[object, tuple[Caller | None, contextvars.Context]] = {}

    @contextmanager
    def call(self) -> Iterator[None]:
        """Note that a call is under way in the block."""
        caller = self._enforcer.identities.presented(self._carried)
        mark = object()
        self._calls[mark] = caller, contextvars.copy_context()
        try:
            yield
        finally:
            del self._calls[mark]

    def context(self) -> contextvars.Context:
        """Return the context in which a question of the server is answered.

        Raises:
            IdentityRequired: it could belong to several callers.
        """
        calls = list(self._calls.values())
        if not calls:
            return contextvars.copy_context()
        caller, context = calls[0]
        if any(other != caller for other, _ in calls):
            raise IdentityRequired("a question of an MCP server could belong to several callers")
        return context.copy()
