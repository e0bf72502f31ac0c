# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a store say that something was not written?

INVARIANT: no message holds the content of a row (tests/stores/test_sqlite.py).
"""

from collections.abc import Mapping


class StoreFailure(Exception):
    """The store could not read or write; what was to be written is not there.

    The guard refuses the call that needed it.
    """


class StillLogged(StoreFailure):
    """What was erased is gone from the store, and not yet from what lies beside it.

    Attributes:
        gone: how many values of each class were erased.
    """

    def __init__(self, problem: str, gone: Mapping[str, int]) -> None:
        super().__init__(problem)
        self.gone = gone


class ChangeLost(Exception):
    """The approval request changed since it was read; neither change nor entry was written."""


class LimitPassed(Exception):
    """A call does not fit into what is left of a limit; neither charge nor entry was written.

    Attributes:
        key: which one it is.
    """

    def __init__(self, key: str) -> None:
        super().__init__("a limit does not hold the call")
        self.key = key
