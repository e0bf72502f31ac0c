# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The times of a budget lie one behind another, the same for everybody."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.budgets import window_of

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("at", "per", "expected"),
    [
        (0, HOUR, (0, 3600)),
        (3599, HOUR, (0, 3600)),
        (3600, HOUR, (3600, 7200)),
        (5, None, (0, 0)),
        (1_795_362_000, timedelta(days=1), (1_795_305_600, 1_795_392_000)),
    ],
)
def test_a_time_begins_with_the_epoch(
    at: int, per: timedelta | None, expected: tuple[int, int]
) -> None:
    """Hours and days begin when they do in UTC, and without a time there is no end."""
    assert window_of(at, per) == expected


@settings(deadline=None)
@given(st.integers(0, 2**40), st.integers(1, 36_500 * 86_400))
def test_a_moment_lies_in_one_time(at: int, seconds: int) -> None:
    """Every moment lies in one time, which is as long as it says, and the next follows it."""
    per = timedelta(seconds=seconds)
    starts, ends = window_of(at, per)
    assert starts <= at < ends == starts + seconds
    assert window_of(ends, per) == (ends, ends + seconds)
