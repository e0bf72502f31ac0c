# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What did people agree to in advance, and how often may each part of it happen?"""

from dataclasses import dataclass, field
from datetime import datetime

from agentguard.vocabulary.who import Covers


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanStep:
    """A call that a plan foresees.

    Attributes:
        tool: the tool's name in the policy.
        covers: tells whether the arguments of a call are those that the step foresees.
        fixed: the arguments whose values stand in the plan.
        times: how many calls the step is good for.
        roots: the folders that arguments are compared with.
    """

    tool: str
    covers: Covers = field(repr=False)
    fixed: frozenset[str] = field(repr=False)
    times: int
    roots: frozenset[str] = field(default=frozenset(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """A plan that people approved; it holds in one session of one chain, for a time.

    Attributes:
        id: the id of the call that proposed it.
        steps: what it foresees.
        approval: the id of the request that people approved.
        approvers: those who approved it.
        policy: the digest of the policy under which they did.
        session_key: the session in which it holds.
        expires_at: when it ends.
        widens: the ids of the scopes that it was proposed within, beyond which its calls may go.
    """

    id: str
    steps: tuple[PlanStep, ...]
    approval: str
    approvers: frozenset[str]
    policy: str
    session_key: str
    expires_at: datetime
    widens: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlannedCall:
    """The step of a plan that a call fits.

    Attributes:
        plan: the plan.
        place: which of its steps, counted from 0.
    """

    plan: Plan
    place: int

    @property
    def step(self) -> PlanStep:
        """The step."""
        return self.plan.steps[self.place]
