# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a rule demand of the caller and the circumstances, beside what it names?

Only rules that demand such a thing pay for it. What an argument itself must be, whoever calls,
is asked in ``rules``.

INVARIANT: what circumstances leave out satisfies nothing, and keeps no rule from denying
(tests/policy/test_specification.py).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from agentguard.canonical import Frozen
from agentguard.policy.constraints import Constraint
from agentguard.policy.document import ArgumentSpec, RuleSpec
from agentguard.policy.sourcing import Demand, comes_from, demands_of, is_elsewhere
from agentguard.vocabulary import Assurance, Chain, Circumstances, Effect, Principal

Check: TypeAlias = tuple[str, Callable[[Frozen], str | None], Callable[[Frozen], bool], bool]


class Context(NamedTuple):
    """Who calls, for whom, and in what circumstances; made once for each decision.

    Attributes:
        chain: who calls.
        agents: those of the chain that must each be permitted.
        person: the id of the person that the call is made for, None for an autonomous call.
        circumstances: what else the decision depends on.
    """

    chain: Chain
    agents: tuple[Principal, ...]
    person: str | None
    circumstances: Circumstances


def context_of(chain: Chain, circumstances: Circumstances) -> Context:
    """Return the context of a chain in its circumstances."""
    person = chain.person
    if person is None:
        return Context(chain, chain.principals, None, circumstances)
    return Context(chain, chain.principals[1:], person.id, circumstances)


def checks_of(arguments: tuple[ArgumentSpec, ...]) -> tuple[Check, ...]:
    """Return for each argument its name, its two questions, and whether it may be missing."""
    return tuple(
        (each.name, each.constraint.problem_with, each.constraint.rules_out, each.optional)
        for each in arguments
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Conditions:
    """What a rule demands of the caller and the circumstances.

    Attributes:
        assurance: how surely everybody in the chain must be known, None for any way.
        arguments: what the arguments may be, where that depends on the context; else None.
        resource: what the objects that the call is about must be, None for no condition.
        demands: where arguments must come from.
        asked_about: where arguments should come from, or else people are asked.
        in_doubt: whether the rule is only about calls that people are asked about for that.
    """

    assurance: Assurance | None
    arguments: tuple[ArgumentSpec, ...] | None
    resource: Constraint | None
    demands: tuple[Demand, ...] = ()
    asked_about: tuple[Demand, ...] = ()
    in_doubt: bool = False

    def checks(self, context: Context) -> tuple[Check, ...] | None:
        """Return the checks of the arguments in a context, None if they are as always."""
        if self.arguments is None:
            return None
        chain, circumstances = context.chain, context.circumstances
        return tuple(
            (each.name, bound.problem_with, bound.rules_out, each.optional)
            for each in self.arguments
            for bound in (each.constraint.in_context(chain, circumstances),)
        )

    def is_sure_of(self, chain: Chain) -> bool:
        """Say whether everybody in the chain is known as surely as is demanded."""
        wanted = self.assurance
        return wanted is None or all(
            each.assurance.is_at_least(wanted) for each in chain.principals
        )

    def admits_resources(self, context: Context) -> bool:
        """Say whether every object that the call is about is known and as it must be."""
        if self.resource is None:
            return True
        resource = self.resource.in_context(context.chain, context.circumstances)
        ids = context.circumstances.resources
        return bool(ids) and all(resource.problem_with(each) is None for each in ids or ())

    def admits_origins(self, arguments: Mapping[str, Frozen], context: Context) -> bool:
        """Say whether arguments come from where they must, or are in doubt if they must be."""
        if self.unmet(self.demands, arguments, context):
            return False
        return not self.in_doubt or bool(self.unmet(self.asked_about, arguments, context))

    def unmet(
        self, demands: tuple[Demand, ...], arguments: Mapping[str, Frozen], context: Context
    ) -> list[Demand]:
        """Return which demands the arguments do not meet."""
        origins = context.circumstances.origins
        return [
            each
            for each in demands
            if not comes_from(each.accepted, each.argument, arguments, origins)
        ]

    def rules_out_origins(self, arguments: Mapping[str, Frozen], context: Context) -> bool:
        """Say whether an argument certainly comes from elsewhere."""
        origins = context.circumstances.origins
        answers = [
            is_elsewhere(each.accepted, each.argument, arguments, origins) for each in self.demands
        ]
        return any(answers)

    def rules_out_resources(self, context: Context) -> bool:
        """Say whether certainly no object that the call is about is one that is meant."""
        ids = context.circumstances.resources
        if self.resource is None or not ids:
            return False
        resource = self.resource.in_context(context.chain, context.circumstances)
        answers = [resource.rules_out(each) for each in ids]
        return all(answers)


def conditions_of(spec: RuleSpec, *, in_doubt: bool = False) -> Conditions | None:
    """Return what a rule demands of caller and circumstances, None if that is nothing.

    Args:
        spec: the rule.
        in_doubt: whether it is only about calls that people are asked about for their origins.
    """
    contextual = any(each.constraint.contextual for each in spec.arguments)
    demands = demands_of(spec.arguments)
    if spec.assurance is None and spec.resource is None and not contextual and not demands:
        return None
    asks = spec.effect is Effect.APPROVE
    asked_about = tuple(each for each in demands if asks and each.otherwise is Effect.APPROVE)
    demanded = [each for each in demands if each not in asked_about]
    return Conditions(
        assurance=spec.assurance,
        arguments=spec.arguments if contextual else None,
        resource=spec.resource,
        # What is denied is told before what is asked about elsewhere.
        demands=tuple(sorted(demanded, key=lambda each: each.otherwise is not Effect.DENY)),
        asked_about=asked_about,
        in_doubt=in_doubt,
    )
