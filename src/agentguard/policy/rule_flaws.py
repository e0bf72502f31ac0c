# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a rule name what is not declared, or say what a rule cannot say?

What is said of tools has a module of its own.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping

from agentguard.policy.document import ANYBODY, GROUP, PolicyDocument, RuleSpec
from agentguard.policy.flaws import (
    NAME,
    Flaw,
    Path,
    declared_identities,
    duplicates,
    is_person,
    undeclared,
)
from agentguard.policy.globs import Glob, is_glob
from agentguard.vocabulary import Effect, Kind

_KINDS = frozenset(kind.value for kind in Kind)
_PAIR_ONLY = frozenset({Kind.SOCKET.value, Kind.CREDENTIAL.value, Kind.ADMIN.value})


def rule_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of a document's rules."""
    yield from duplicates("rule", "id", (each.id for each in document.rules))
    declared = declared_identities(document)
    providers = frozenset(each.id for each in document.providers)
    profiles = frozenset(each.name for each in document.profiles)
    for index, rule in enumerate(document.rules):
        path: Path = ("rule", index)
        if not NAME.fullmatch(rule.id):
            yield Flaw((*path, "id"), f"must be a name, not {rule.id!r}")
        yield from who_flaws((*path, "who"), rule.who, document.groups, declared)
        yield from _persons(path, rule, document.groups)
        yield from _target(path, rule, providers)
        yield from _model_call(path, rule)
        yield from _approval(path, rule, profiles)
        yield from _duplicates_of_arguments(path, rule)


def who_flaws(
    path: Path,
    who: tuple[str, ...],
    groups: Mapping[str, tuple[str, ...]],
    declared: Collection[str],
) -> Iterator[Flaw]:
    """Find names, groups and globs that stand for no declared identity.

    Args:
        path: the key that holds them.
        who: the names.
        groups: the groups of identities.
        declared: the ids of the declared identities.
    """
    if not who:
        yield Flaw(path, "must name somebody")
    for name in who:
        if name.startswith(GROUP):
            yield from _group(path, name, groups, "declared", declared.__contains__)
        elif is_glob(name):
            if not any(map(Glob(name).matches, declared)):
                yield Flaw(path, f"no declared identity fits {name!r}", name)
        elif name not in declared:
            yield Flaw(path, f"identity {name!r} is not declared: add an [[identity]]", name)


def _persons(path: Path, rule: RuleSpec, groups: Mapping[str, tuple[str, ...]]) -> Iterator[Flaw]:
    path = (*path, "for")
    for name in rule.persons:
        if name.startswith(GROUP):
            yield from _group(path, name, groups, "a person", is_person)
        elif name != ANYBODY and not is_person(name):
            message = f"{name!r} is not a person: expected 'user:...', a group or 'user:*'"
            yield Flaw(path, message, name)


def _group(
    path: Path,
    name: str,
    groups: Mapping[str, tuple[str, ...]],
    wanted: str,
    fits: Callable[[str], bool],
) -> Iterator[Flaw]:
    members = groups.get(name.removeprefix(GROUP))
    if members is None:
        yield Flaw(path, f"group {name!r} is not declared: add it to [groups]", name)
        return
    for member in members:
        if not fits(member):
            yield Flaw(path, f"member {member!r} of {name!r} is not {wanted}", name)


def _target(path: Path, rule: RuleSpec, providers: frozenset[str]) -> Iterator[Flaw]:
    names_tools = bool(rule.tools or rule.impacts)
    if names_tools == bool(rule.providers):
        problem = "both" if names_tools else "neither"
        yield Flaw(path, f"must name either 'tool' or 'provider', but names {problem}")
    for name in rule.providers:
        if name not in providers:
            message = f"provider {name!r} is not declared: add a [[provider]]"
            yield Flaw((*path, "provider"), message, name)


def _model_call(path: Path, rule: RuleSpec) -> Iterator[Flaw]:
    """Find flaws in what a rule says about model calls."""
    given = {
        "model": bool(rule.models),
        "operation": rule.operations is not None,
        "references": bool(rule.references),
    }
    if not rule.providers:
        for key, is_given in given.items():
            if is_given:
                yield Flaw((*path, key), "belongs to a rule that names a provider")
        return
    if rule.operations == ():
        yield Flaw((*path, "operation"), "must name an operation")
    if rule.effect is Effect.DENY:
        if rule.references:
            yield Flaw((*path, "references"), "belongs to then = 'allow' only")
        return
    for name in rule.operations or ():
        if name in _PAIR_ONLY:
            message = f"{name!r} is allowed by pair only: name each, such as 'POST /path'"
            yield Flaw((*path, "operation"), message, name)
    if not rule.models and any(map(_takes_a_model, rule.effective_operations or ())):
        message = "must name a model, since the rule names an operation that takes one"
        yield Flaw((*path, "model"), message)


def _takes_a_model(operation: str) -> bool:
    """Say so of a name of the semantic conventions; what a pair takes is not known here."""
    return operation == Kind.INFERENCE or (operation not in _KINDS and " " not in operation)


def _approval(path: Path, rule: RuleSpec, profiles: frozenset[str]) -> Iterator[Flaw]:
    asks = rule.effect is Effect.APPROVE
    may_ask = rule.effect is Effect.ALLOW and any(
        each.origins is not None and each.otherwise is Effect.APPROVE for each in rule.arguments
    )
    if asks and rule.providers:
        yield Flaw((*path, "then"), "must be 'allow' or 'deny' in a rule for model calls")
    if asks and rule.approval is None:
        yield Flaw((*path, "approval"), "is needed with then = 'approve'")
    if may_ask and rule.approval is None:
        message = "is needed with else = 'approve': the profile of those who are asked"
        yield Flaw((*path, "approval"), message)
    if not (asks or may_ask) and rule.approval is not None:
        message = "belongs to then = 'approve', or to else = 'approve' of an argument"
        yield Flaw((*path, "approval"), message)
    if rule.approval is not None and rule.approval not in profiles:
        message = undeclared("approval profile", rule.approval, "approval")
        yield Flaw((*path, "approval"), message)


def _duplicates_of_arguments(path: Path, rule: RuleSpec) -> Iterator[Flaw]:
    often = Counter(each.name for each in rule.arguments)
    for name in sorted(name for name, count in often.items() if count > 1):
        yield Flaw((*path, "args", name), "is declared twice")
