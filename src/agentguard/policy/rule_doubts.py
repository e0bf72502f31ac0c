# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a rule wider than it needs to be, or out of force, or out of reach?"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date

from agentguard.policy.constraints import (
    AllOf,
    Constraint,
    EqualsClaim,
    Holder,
    Items,
    Members,
    are_disjoint,
)
from agentguard.policy.document import IdentitySpec, PolicyDocument, RuleSpec, ToolSpec
from agentguard.policy.flaws import Flaw
from agentguard.policy.globs import is_glob
from agentguard.policy.rules import CompiledRule
from agentguard.vocabulary import Effect, Impact

Doubt = tuple[tuple[str | int, ...], str]

_ANY = {"any": True}
# Satisfies only what takes about any text.
_ODD_TEXT = "\u00e4 \u3042; rm -rf / <b>'\"` x\n0 \U0001f600 " * 20
_MOST_SHOWN = 3
_ID = "id"


def rule_doubts(
    document: PolicyDocument, rules: Sequence[CompiledRule], today: date | None
) -> Iterator[Flaw]:
    """Find doubts about each rule by itself; *rules* are in the order of the document."""
    tools = {tool.name: tool for tool in document.tools}
    identities = {each.id: each for each in document.identities}
    claims = {claim for issuer in document.issuers for claim in issuer.claims}
    for index, rule in enumerate(rules):
        here = [tools[name] for name in rule.tools]
        for path, message in (
            *_wide_who(rule.spec, here),
            *_unasked(rule.spec, here),
            *_free_text(rule.spec, here),
            *_deny_for_nobody(rule.spec),
            *_unsatisfiable(rule.spec),
            *_elsewhere(rule, here, identities),
            *_unknown_claims(rule, identities, claims),
            *_shadow(rule.spec, here, today),
        ):
            yield Flaw(("rule", index, *path), message)


def shown(names: Iterable[str]) -> str:
    """Return names as a message shows them: the first few, and how many more."""
    every = list(names)
    more = len(every) - _MOST_SHOWN
    return ", ".join(map(repr, every[:_MOST_SHOWN])) + (f" and {more} more" if more > 0 else "")


def _wide_who(rule: RuleSpec, tools: list[ToolSpec]) -> Iterator[Doubt]:
    if rule.effect is Effect.DENY or not any(map(is_glob, rule.who)):
        return
    writing = [tool.name for tool in tools if tool.impact is not Impact.READ_ONLY]
    if writing:
        message = f"a wildcard lets every identity that fits it run {shown(writing)}, which writes"
        yield ("who",), message


def _unasked(rule: RuleSpec, tools: list[ToolSpec]) -> Iterator[Doubt]:
    if rule.effect is not Effect.ALLOW or rule.resource is not None or rule.limits:
        return
    if any(each.origins or each.constraint.form() != _ANY for each in rule.arguments):
        return
    names = [tool.name for tool in tools if tool.impact is Impact.IRREVERSIBLE]
    if names:
        message = f"allows {shown(names)}, which is irreversible, unconstrained and unapproved"
        yield ("then",), message


def _free_text(rule: RuleSpec, tools: list[ToolSpec]) -> Iterator[Doubt]:
    if rule.effect is not Effect.ALLOW:
        return
    names = [tool.name for tool in tools if tool.receives]
    for each in rule.arguments if names else ():
        if each.origins is not None or each.constraint.contextual:
            continue
        if each.constraint.problem_with(_ODD_TEXT) is None:
            message = (
                f"any text goes to {shown(names)}, for which hidden values are turned back:"
                " constrain it, or let somebody approve"
            )
            yield ("args", each.name), message


def _deny_for_nobody(rule: RuleSpec) -> Iterator[Doubt]:
    if rule.effect is Effect.DENY and not rule.persons:
        message = "denies autonomous calls only; add for = ['user:*'] in a rule for the others"
        yield ("then",), message


def _unsatisfiable(rule: RuleSpec) -> Iterator[Doubt]:
    if rule.effect is Effect.DENY:
        return
    for each in rule.arguments:
        if not each.optional and not _is_satisfiable(each.constraint):
            yield ("args", each.name), "no value can satisfy it: the rule can never apply"
    if rule.resource is not None and are_disjoint(rule.resource, rule.resource):
        yield ("resource",), "no id can satisfy it: the rule can never apply"


def _is_satisfiable(constraint: Constraint) -> bool:
    """Say so unless it is certain that no value satisfies a constraint."""
    match constraint:
        case AllOf():
            parts = constraint.parts
            if any(are_disjoint(a, b) for i, a in enumerate(parts) for b in parts[i + 1 :]):
                return False
            return all(map(_is_satisfiable, parts))
        case Items():
            return not constraint.least or _is_satisfiable(constraint.item)
        case Members():
            return all(
                optional or _is_satisfiable(member) for _, member, optional in constraint.members
            )
    return True


def _elsewhere(
    rule: CompiledRule, tools: list[ToolSpec], identities: Mapping[str, IdentitySpec]
) -> Iterator[Doubt]:
    """Find rules whose environments are not those of what they are about."""
    here = rule.spec.environments
    if not here:
        return
    who = [identities[name] for name in rule.who if name in identities]
    for key, environments in (
        ("tool", [tool.environments for tool in tools]),
        ("who", [identity.environments for identity in who]),
    ):
        if environments and all(each and each.isdisjoint(here) for each in environments):
            message = f"the rule can never apply: all of them are tied to others than {shown(sorted(here))}"
            yield (key,), message


def _unknown_claims(
    rule: CompiledRule, identities: Mapping[str, IdentitySpec], claims: set[str]
) -> Iterator[Doubt]:
    for each in rule.spec.arguments:
        constraint = each.constraint
        if not isinstance(constraint, EqualsClaim) or constraint.claim in {_ID, *claims}:
            continue
        asked = rule.who if constraint.holder is Holder.ACTOR else rule.persons
        if not any(constraint.claim in identities[one].claims for one in asked & identities.keys()):
            message = (
                f"no [issuer] keeps claim {constraint.claim!r}, and no identity has it:"
                " unless the program says it (guard.person), nothing satisfies the rule"
            )
            yield ("args", each.name), message


def _shadow(rule: RuleSpec, tools: list[ToolSpec], today: date | None) -> Iterator[Doubt]:
    until = rule.shadow_until
    if until is None:
        return
    if today is not None and today > until:
        state = "never was and is not" if rule.effect is Effect.ALLOW else "is"
        message = (
            f"{until} is over: the rule {state} in force; take shadow_until out if it should be"
        )
        yield ("shadow_until",), message
    elif rule.effect is Effect.ALLOW:
        message = "the rule allows nothing as long as it has shadow_until; it is recorded only"
        yield ("shadow_until",), message
    names = [tool.name for tool in tools if tool.impact is Impact.IRREVERSIBLE]
    if names and rule.effect is not Effect.ALLOW and (today is None or today <= until):
        message = f"until {until} the rule does not keep {shown(names)} from happening"
        yield ("shadow_irreversible",), message
