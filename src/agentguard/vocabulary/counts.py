# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How many calls ended in which way?"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentguard.vocabulary.decisions import Reason
from agentguard.vocabulary.entries import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class CallCount:
    """How the calls of one operation ended.

    Attributes:
        surface: what they were made with, such as ``openai`` or ``functions``; the boundary where
            no more is known of them.
        operation: its name, which never comes from the caller.
        outcomes: for calls that were dispatched, how often each outcome was met.
        refused: for those that were not, how often for which reason; a call that waits for a
            person is among them, with its reason, and None stands for one that was interrupted.
    """

    surface: str
    operation: str
    outcomes: Mapping[Outcome, int] = field(default_factory=dict)
    refused: Mapping[Reason | None, int] = field(default_factory=dict)

    @property
    def dispatched(self) -> int:
        """How many calls were dispatched."""
        return sum(self.outcomes.values())

    @property
    def stopped(self) -> int:
        """How many calls were not dispatched."""
        return sum(self.refused.values())
