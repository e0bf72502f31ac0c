# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is something tied to an environment that is not declared, or out of reach there?"""

from collections.abc import Iterable, Iterator

from agentguard.policy.document import PolicyDocument, RuleSpec
from agentguard.policy.flaws import NAME, Flaw, Path
from agentguard.policy.targets import finding_tools
from agentguard.vocabulary import Effect


def environment_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of environments, and of what is tied to them."""
    seen: set[str] = set()
    for index, name in enumerate(document.environments):
        if not NAME.fullmatch(name):
            yield Flaw(("environments", index), f"must be a name, not {name!r}")
        if name in seen:
            yield Flaw(("environments", index), f"{name!r} is declared twice")
        seen.add(name)
    for path, names in _ties(document):
        yield from _undeclared((*path, "environments"), names, document)
    yield from _out_of_reach(document)


def _ties(document: PolicyDocument) -> Iterator[tuple[Path, frozenset[str]]]:
    """Yield where environments are named, and which."""
    for index, identity in enumerate(document.identities):
        yield ("identity", index), identity.environments
    for index, tool in enumerate(document.tools):
        yield ("tool", index), tool.environments
    for index, rule in enumerate(document.rules):
        yield ("rule", index), rule.environments
    places = {source.name: index for index, source in enumerate(document.class_sources)}
    for data_class in document.classes:
        yield ("class", places.get(data_class.name, 0)), data_class.environments
    for index, provider in enumerate(document.providers):
        yield ("provider", index), provider.environments


def _undeclared(path: Path, names: Iterable[str], document: PolicyDocument) -> Iterator[Flaw]:
    for name in sorted(set(names).difference(document.environments)):
        message = f"environment {name!r} is not declared: list it in 'environments' at the top"
        yield Flaw(path, message, name)


def _out_of_reach(document: PolicyDocument) -> Iterator[Flaw]:
    """Find tools that rules let run, but never where the tools may run."""
    letting: dict[str, list[RuleSpec]] = {}
    find = finding_tools(document)
    for rule in document.rules:
        if rule.effect is not Effect.DENY:
            for name in find(rule):
                letting.setdefault(name, []).append(rule)
    for index, tool in enumerate(document.tools):
        rules = letting.get(tool.name, ())
        if not tool.environments or not rules:
            continue
        if not any(_reaches(rule, tool.environments) for rule in rules):
            ids = ", ".join(repr(rule.id) for rule in rules[:3])
            message = f"no rule lets it run there: the environments of {ids} are others"
            yield Flaw(("tool", index, "environments"), message)


def _reaches(rule: RuleSpec, environments: frozenset[str]) -> bool:
    return not rule.environments or not rule.environments.isdisjoint(environments)
