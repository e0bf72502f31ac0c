# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""When did the time of a budget begin, and when does it begin anew?

Times lie one behind another since the beginning of 1970, UTC, so that everybody who counts agrees
on them without asking (tests/budgets/test_budget_windows.py).
"""

from datetime import timedelta


def window_of(at: int, per: timedelta | None) -> tuple[int, int]:
    """Return the beginning and the end of the time that a moment lies in.

    Args:
        at: the moment, in seconds since 1970.
        per: how long each time is; None for one that never ends, which is told as 0 and 0.
    """
    if per is None:
        return 0, 0
    length = max(1, int(per.total_seconds()))
    starts = at // length * length
    return starts, starts + length
