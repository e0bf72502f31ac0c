# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a specified decision, and what is it made on?

Shared by ``specification`` and ``flow_specification``, which say what must be decided.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from agentguard.policy.document import GROUP, PolicyDocument, ToolSpec
from agentguard.policy.globs import Glob
from agentguard.vocabulary import Call, Chain, Circumstances, Effect

SCALE = (Effect.ALLOW, Effect.APPROVE, Effect.DENY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Specified:
    """What must be decided.

    Attributes:
        effect: the effect.
        rule: the rule that decided; None where none did, or where something else denies.
        profile: the approval profile, for a call that asks.
        charges: for a call that is not denied, by the name of a limit what is counted under it.
        doubted: for a call that asks, the arguments of which people are told where they come from.
        classes: for a call of a tool that is not denied, what its arguments may hold at most by
            the rules, of what the tool may receive; None for no less than that.
        shadow: what would be decided, had every rule in shadow been in force, and by which rule;
            None where that is the same.
    """

    effect: Effect
    rule: str | None = None
    profile: str | None = None
    charges: Mapping[str, Decimal] = field(default_factory=dict)
    doubted: frozenset[str] = frozenset()
    classes: frozenset[str] | None = None
    shadow: tuple[Effect, str | None] | None = None


DENIED = Specified(effect=Effect.DENY)


class Situation(NamedTuple):
    """Everything that a rule is held against, but the actor."""

    document: PolicyDocument
    call: Call
    chain: Chain
    circumstances: Circumstances


def stands_for(name: str, one: str, document: PolicyDocument) -> bool:
    """Say whether a name, a group or a glob stands for one identity or person."""
    if name.startswith(GROUP):
        return one in document.groups[name.removeprefix(GROUP)]
    return Glob(name).matches(one)


def selects(names: Iterable[str], tool: ToolSpec, document: PolicyDocument) -> bool:
    """Say whether one of the names, groups and globs stands for a tool."""
    return any(
        tool.name in document.tool_groups[name.removeprefix(GROUP)]
        if name.startswith(GROUP)
        else Glob(name).matches(tool.name)
        for name in names
    )
