# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be found out before a call can be decided, and who else is asked about it?

Read off a policy once, so that a call whose rules need nothing costs nothing. It errs towards
finding out too much: what is known and not needed changes no decision.

INVARIANT: nothing that a rule needs is left out (tests/pipeline/test_needs.py).
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agentguard.canonical import texts_in
from agentguard.policy import DeciderSpec, Policy, PolicyDocument, RuleSpec
from agentguard.policy.budgets import Budgets, budgets_of
from agentguard.policy.constraints import roots_in
from agentguard.policy.limits import key_of_limit
from agentguard.policy.secret_stores import as_opened
from agentguard.policy.targets import finding_tools, tools_named
from agentguard.vocabulary import Call, ToolCall

LONGEST_PATH = 4096
"""No system opens a longer one."""


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
        hosted: by the provider's type the tools that run at a provider and have a decider.
        budgets: the budgets, rates and prices of the policy.
        named: of each tool the arguments that the policy names.
    """

    limits: Mapping[str, tuple[str, ...]]
    model_limits: tuple[str, ...]
    roots: Mapping[str, tuple[str, ...]]
    secret_paths: tuple[str, ...]
    deciders: Mapping[str, tuple[DeciderSpec, ...]]
    model_deciders: tuple[DeciderSpec, ...]
    hosted: Mapping[str, str]
    budgets: Budgets
    named: Mapping[str, frozenset[str]]

    def limits_of(self, call: Call) -> tuple[str, ...]:
        """Return the keys of the limits that a call may be counted under."""
        tool = isinstance(call, ToolCall)
        names = self.limits.get(call.target, ()) if tool else self.model_limits
        return tuple(map(key_of_limit, names))

    def paths_of(
        self, call: ToolCall, resources: Iterable[str] = (), roots: Collection[str] = ()
    ) -> frozenset[str]:
        """Return the texts of which it must be known where they lead, if anywhere.

        Args:
            call: the call.
            resources: the ids of what it is about.
            roots: folders that its arguments are compared with beside those that rules name.
        """
        folders = frozenset({*self.roots.get(call.tool, ()), *roots, *self.secret_paths})
        if not folders:
            return folders
        texts = (*texts_in(call.resolved), *resources)
        if not self.secret_paths:
            return folders.union(
                text for text in texts if text.startswith("/") and _may_be_path(text)
            )
        return folders.union(
            path for text in texts for path in as_opened(text) if _may_be_path(path)
        )


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
    deciders = _deciders(document)
    return Needs(
        limits=_sorted(limits),
        model_limits=tuple(sorted(model_limits)),
        roots=_sorted(roots),
        secret_paths=tuple(sorted({p for each in document.secret_stores for p in each.paths})),
        deciders=deciders,
        model_deciders=tuple(each for each in document.deciders if each.models),
        hosted=MappingProxyType(
            {
                name: tool.name
                for tool in document.tools
                for name in tool.hosted
                if tool.name in deciders
            }
        ),
        named=_named(document),
        budgets=budgets_of(document),
    )


def _roots_of(rule: RuleSpec) -> Iterator[str]:
    for each in rule.arguments:
        yield from roots_in(each.constraint)
    if rule.resource is not None:
        yield from roots_in(rule.resource)


def _named(document: PolicyDocument) -> Mapping[str, frozenset[str]]:
    named = {tool.name: set(tool.targets) for tool in document.tools if tool.targets}
    tools_of = finding_tools(document)
    for rule in document.rules:
        if rule.arguments:
            for tool in tools_of(rule):
                named.setdefault(tool, set()).update(each.name for each in rule.arguments)
    return MappingProxyType({name: frozenset(each) for name, each in named.items()})


def _may_be_path(text: str) -> bool:
    return 0 < len(text) <= LONGEST_PATH and "\0" not in text


def _deciders(document: PolicyDocument) -> Mapping[str, tuple[DeciderSpec, ...]]:
    asked: dict[str, tuple[DeciderSpec, ...]] = {}
    for each in document.deciders:
        for tool in tools_named(each.tools, document):
            asked[tool] = (*asked.get(tool, ()), each)
    return MappingProxyType(asked)


def _sorted(found: Mapping[str, set[str]]) -> Mapping[str, tuple[str, ...]]:
    return MappingProxyType({name: tuple(sorted(each)) for name, each in found.items()})
