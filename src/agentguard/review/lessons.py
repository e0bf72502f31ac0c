# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What was learned from recorded calls, and what stands behind it?

Values that learning gives; nothing is learned here.

INVARIANT: no argument of a call stands in a repr (tests/review/test_learning.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentguard.canonical import Frozen
from agentguard.policy import RuleSpec
from agentguard.review.facts import DecidedCall
from agentguard.vocabulary import Effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of a tool or a model by one agent, in a call that was let happen."""

    decided: DecidedCall
    arguments: Mapping[str, Frozen] = field(repr=False)
    marked: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Subject:
    """What one proposed rule is about.

    Attributes:
        agent: the id of who makes the calls.
        tool: the tool, empty for calls of a model.
        provider: the provider, empty for calls of a tool.
        environment: the environment, empty where there is none.
        for_somebody: whether a person stands behind the calls.
        effect: whether they were allowed or approved.
        profile: the approval profile, empty where none was asked.
        names_model: whether calls of a model name one.
    """

    agent: str
    tool: str = ""
    provider: str = ""
    environment: str = ""
    for_somebody: bool = False
    effect: str = Effect.ALLOW.value
    profile: str = ""
    names_model: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Support:
    """What stands behind a constraint.

    Attributes:
        name: the argument, or the key of the rule.
        how: how it was come to, in a word or two.
        calls, values, persons, days: how many of each were seen.
        caution: what somebody must look at, None for nothing.
    """

    name: str
    how: str
    calls: int
    values: int
    persons: int
    days: int
    caution: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A rule, and what stands behind each part of it.

    Attributes:
        rule: the rule.
        calls, persons, sessions, days: how many of each it was learned from.
        support: of each of its constraints.
        cautions: what somebody must look at in the rule as a whole.
        learned_from: the calls.
    """

    rule: RuleSpec
    calls: int
    persons: int
    sessions: int
    days: int
    support: tuple[Support, ...]
    cautions: tuple[str, ...]
    learned_from: tuple[DecidedCall, ...] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessons:
    """What was learned, and from what it was not.

    Attributes:
        proposals: the rules.
        too_few: for what the calls were too few, and how many they were.
        left_out: how many calls nothing was learned from, by why.
    """

    proposals: tuple[Proposal, ...]
    too_few: Mapping[Subject, int]
    left_out: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What the proposed rules make of the calls that they were learned from.

    Those of several agents need a rule for each of them: one of whose calls there are too few
    has none.

    Attributes:
        calls: how many calls there are.
        let_happen: how many of them would be allowed, or asked about.
    """

    calls: int
    let_happen: int
