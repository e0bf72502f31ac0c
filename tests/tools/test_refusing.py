# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a call written down that is refused before there is anything to decide?"""

import asyncio

import pytest

from agentguard import Guard, UnguardedPath
from agentguard.tools import refuse, refuse_async
from agentguard.vocabulary import AuditEntry, Boundary, EntryType

AGENT = "agent:support"


def refuse_in(mode: str, guard: Guard, boundary: Boundary) -> UnguardedPath:
    """Refuse a call and return what was raised."""
    error = UnguardedPath("there is a way round the guard")

    def refused() -> None:
        if mode == "sync":
            refuse(guard.enforcer, error, surface="test", boundary=boundary, target="lookup")
        asyncio.run(
            refuse_async(guard.enforcer, error, surface="test", boundary=boundary, target="lookup")
        )

    with pytest.raises(UnguardedPath) as raised:
        refused()
    assert raised.value is error
    return error


@pytest.mark.parametrize("mode", ["sync", "async"])
@pytest.mark.parametrize("boundary", Boundary)
def test_a_refusal_is_written_down_and_raised(
    guard: Guard, entries: list[AuditEntry], mode: str, boundary: Boundary
) -> None:
    """The log holds a refusal and no intent, and the error carries the id of the call."""
    with guard.identity(AGENT):
        error = refuse_in(mode, guard, boundary)
    told = [each for each in entries if each.boundary is boundary]
    assert [each.type for each in told] == [EntryType.REFUSED]
    assert error.call_id == told[0].call_id


@pytest.mark.parametrize("boundary", Boundary)
def test_why_is_told_where_nobody_acts(guard: Guard, boundary: Boundary) -> None:
    """Without an identity the refusal is raised all the same."""
    refuse_in("sync", guard, boundary)
