# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a rule say, and who else is asked?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from agentguard.canonical import Frozen
from agentguard.policy.constraints import Constraint
from agentguard.policy.document.words import DEFAULT_OPERATIONS
from agentguard.vocabulary import Assurance, Effect, Impact, Reference


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentSpec:
    """What one argument of a call may be, where it may come from, and whether it may be missing.

    Attributes:
        name: the argument's name.
        constraint: what it may be.
        optional: whether it may be missing.
        origins: where every value in it must come from, in the words of rules; None for anywhere.
        otherwise: what becomes of a call whose argument comes from elsewhere: it is denied, or
            people are asked.
    """

    name: str
    constraint: Constraint
    optional: bool = False
    origins: frozenset[str] | None = None
    otherwise: Effect = Effect.DENY


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSpec:
    """One rule, as written; it is about either tools or providers.

    Attributes:
        id: unique in a policy.
        who: ids, groups and globs of those who make the call.
        persons: ids and groups of those it is made for, or ``user:*``; empty for a rule that
            matches autonomous calls only.
        effect: what the rule says.
        tools: the tools it is about: names, groups and globs.
        impacts: the impacts of the tools it is about; with ``tools`` it is about those of them
            that have one of these, without about every declared tool that has.
        arguments: what their arguments may be, in the order of the file.
        providers: the providers it is about.
        models: names and globs of models; empty in a rule that allows for calls that name no
            model, in a rule that denies for every call.
        operations: names of the semantic conventions, kinds, and pairs of verb and path; None
            where the file names none.
        references: what an allowed call may make the provider use or keep.
        approval: the approval profile, for a rule that asks.
        environments: those in which it applies; empty for every one.
        assurance: how surely everybody in the chain must be known, None for any way.
        limits: the limits that what it lets happen is counted under.
        resource: what the objects that a call is about must be; None for no condition.
        classes: the classes and families of text that arguments may hold, of those that the tool
            may receive; None for all of these.
        shadow_until: the last day, UTC, on which it is recorded instead of carried out.
        shadow_irreversible: whether that may be so for a tool that is irreversible.
    """

    id: str
    who: tuple[str, ...]
    persons: tuple[str, ...] = ()
    effect: Effect
    tools: tuple[str, ...] = ()
    impacts: tuple[Impact, ...] = ()
    arguments: tuple[ArgumentSpec, ...] = ()
    providers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    operations: tuple[str, ...] | None = None
    references: tuple[Reference, ...] = ()
    approval: str | None = None
    environments: frozenset[str] = frozenset()
    assurance: Assurance | None = None
    limits: tuple[str, ...] = ()
    resource: Constraint | None = None
    classes: frozenset[str] | None = None
    shadow_until: date | None = None
    shadow_irreversible: bool = False

    @property
    def effective_operations(self) -> tuple[str, ...] | None:
        """The operations that the rule is about; None is every operation."""
        if self.operations is None and self.effect is not Effect.DENY:
            return DEFAULT_OPERATIONS
        return self.operations


@dataclass(frozen=True, slots=True, kw_only=True)
class DeciderSpec:
    """An extra decider, which can only tighten.

    Attributes:
        name: the entry point of the group ``agentguard.deciders``.
        options: what it is made with, as its package documents it.
        tools: the tools whose calls it is asked about: names, groups and globs.
        models: whether it is asked about model calls.
        within: how long it may take to answer; later means no.
        approval: the approval profile of those who are asked where it says that a person must
            agree to what the rules allow; None where it then denies.
    """

    name: str
    options: Mapping[str, Frozen] = field(default_factory=dict)
    tools: tuple[str, ...] = ("*",)
    models: bool = False
    within: timedelta = timedelta(seconds=2)
    approval: str | None = None
