# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be found out before a call can be decided, and who else is asked about it?

Read off a policy once, so that a call whose rules need nothing costs nothing. It errs towards
finding out too much: what is known and not needed changes no decision.

INVARIANT: nothing that a rule needs is left out (tests/pipeline/test_needs.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from types import MappingProxyType

from agentguard.policy import DeciderSpec, Policy, PolicyDocument, RuleSpec
from agentguard.policy.constraints import PathBelow
from agentguard.policy.targets import finding_tools, tools_named


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the calls of a policy need.

    Attributes:
        limits: of each tool the limits that a rule about it counts under.
        model_limits: the limits that a rule about providers counts under.
        roots: of each tool whose arguments may be files the folders that rules name; resolved,
            as the arguments are.
        secret_paths: the files and folders of places of secrets; where there are any, every text
            of every tool's arguments is resolved, since it may lead there.
        deciders: of each tool the extra deciders that are asked about it.
        model_deciders: those that are asked about model calls.
    """

    limits: Mapping[str, tuple[str, ...]]
    model_limits: tuple[str, ...]
    roots: Mapping[str, tuple[str, ...]]
    secret_paths: tuple[str, ...]
    deciders: Mapping[str, tuple[DeciderSpec, ...]]
    model_deciders: tuple[DeciderSpec, ...]


def needs_of(policy: Policy) -> Needs:
    """Return what the calls of a policy need."""
    document = policy.document
    limits: dict[str, set[str]] = {}
    model_limits: set[str] = set()
    roots: dict[str, set[str]] = {}
    tools_of = finding_tools(document)
    for rule in document.rules:
        if rule.limits and not rule.tools and not rule.impacts:
            model_limits.update(rule.limits)
        below = set(_roots_of(rule))
        if not rule.limits and not below:
            continue
        for tool in tools_of(rule):
            limits.setdefault(tool, set()).update(rule.limits)
            if below:
                roots.setdefault(tool, set()).update(below)
    return Needs(
        limits=_sorted(limits),
        model_limits=tuple(sorted(model_limits)),
        roots=_sorted(roots),
        secret_paths=tuple(sorted({p for each in document.secret_stores for p in each.paths})),
        deciders=_deciders(document),
        model_deciders=tuple(each for each in document.deciders if each.models),
    )


def _roots_of(rule: RuleSpec) -> Iterator[str]:
    for each in rule.arguments:
        yield from _roots_in(each.constraint)
    if rule.resource is not None:
        yield from _roots_in(rule.resource)


def _roots_in(part: object) -> Iterator[str]:
    """Yield the folders of every constraint on files, however deep it stands in another."""
    if isinstance(part, PathBelow):
        yield from part.roots
    elif isinstance(part, tuple | frozenset):
        for each in part:
            yield from _roots_in(each)
    elif is_dataclass(part):
        for each in fields(part):
            yield from _roots_in(getattr(part, each.name))


def _deciders(document: PolicyDocument) -> Mapping[str, tuple[DeciderSpec, ...]]:
    asked: dict[str, tuple[DeciderSpec, ...]] = {}
    for each in document.deciders:
        for tool in tools_named(each.tools, document):
            asked[tool] = (*asked.get(tool, ()), each)
    return MappingProxyType(asked)


def _sorted(found: Mapping[str, set[str]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({name: tuple(sorted(each)) for name, each in found.items()})
