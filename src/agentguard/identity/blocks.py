# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""For how long is the running code bound to an identity?

It does not say who that is: the caller is worked out when the block is entered.

INVARIANT: a block that is left wrongly leaves the code bound to nobody
(tests/attacks/test_identity_blocks.py).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar, Token

from agentguard.vocabulary import Caller


class IdentityBlock(AbstractContextManager[Caller]):
    """Binds the running code to an identity until it ends; can be entered once.

    The chain is read when the block is entered, so that a block that was made elsewhere narrows
    like any other. It is no decorator: a coroutine or a generator would run outside it.
    """

    def __init__(self, ambient: ContextVar[Caller | None], narrowed: Callable[[], Caller]) -> None:
        self._ambient = ambient
        self._narrowed = narrowed
        self._entered: tuple[Caller, Token[Caller | None]] | None = None

    def __enter__(self) -> Caller:
        """Bind the running code.

        Raises:
            IdentityRequired: the identity contradicts the block around.
            RuntimeError: the block was entered before.
        """
        if self._entered is not None:
            raise RuntimeError("an identity block is entered once; make another")
        caller = self._narrowed()
        self._entered = (caller, self._ambient.set(caller))
        return caller

    def __exit__(self, *_: object) -> None:
        """Give the running code back what it was.

        Raises:
            RuntimeError: blocks are left in another order than they were entered, or in another
                task; the running code is bound to nobody then.
        """
        if self._entered is None:
            raise RuntimeError("an identity block is left that was never entered")
        caller, token = self._entered
        if self._ambient.get() is caller:
            try:
                self._ambient.reset(token)
            except (RuntimeError, ValueError):  # left before, or a task's copy of the context
                pass
            else:
                return
        self._ambient.set(None)
        raise RuntimeError(
            "identity blocks are left innermost first, once, in the task that entered them"
        )
