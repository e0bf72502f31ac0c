# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a document become a policy that decides?

Checks the document first: what contradicts itself is not compiled.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from types import MappingProxyType

from agentguard.errors import ConfigError, Problem
from agentguard.policy.consistency import flaws_of
from agentguard.policy.decision import Policy
from agentguard.policy.document import PolicyDocument, ProviderSpec
from agentguard.policy.flaws import key_of
from agentguard.policy.flows import compile_flows
from agentguard.policy.inquiries import inquiries_of
from agentguard.policy.provider_gate import ProviderGate
from agentguard.policy.rules import CompiledRule, compile_rules, with_doubtful
from agentguard.policy.secret_stores import SecretStores
from agentguard.policy.standing import finding_standing
from agentguard.policy.table import received_by, rows_of
from agentguard.vocabulary import Effect, HideClasses

_ORIGINS_REMEMBERED = 256


def compile_policy(document: PolicyDocument, *, is_checked: bool = False) -> Policy:
    """Check a document and compile it.

    Args:
        document: what the policy says.
        is_checked: whether ``flaws_of`` has found nothing wrong with this very document.

    Raises:
        ConfigError: the document contradicts itself; every flaw is listed with its key.
    """
    flaws = () if is_checked else flaws_of(document)
    if flaws:
        raise ConfigError(
            Problem(file=document.name, key=key_of(flaw.path), line=None, message=flaw.message)
            for flaw in flaws
        )
    digest = document.digest
    rules = compile_rules(document)
    deciding = with_doubtful(rules, document)
    flows = compile_flows(document, digest)
    return Policy(
        name=document.name,
        digest=digest,
        tools=MappingProxyType({tool.name: tool for tool in document.tools}),
        classes=MappingProxyType({each.name: each for each in document.classes}),
        class_sources=document.class_sources,
        profiles=MappingProxyType({profile.name: profile for profile in document.profiles}),
        providers=MappingProxyType({provider.id: provider for provider in document.providers}),
        owners=MappingProxyType(
            {each.id: each.owner for each in document.identities if each.owner is not None}
        ),
        identities=frozenset(each.id for each in document.identities),
        declared=MappingProxyType({each.id: each for each in document.identities}),
        environments=frozenset(document.environments),
        rules=document.rules,
        required_surfaces=document.coverage.require,
        detection=document.detection,
        labels=document.labels,
        document=document,
        _compiled=rules,
        _standing=finding_standing(document, rows_of(document, deciding, digest), flows),
        _tied={each.id: each.environments for each in document.identities if each.environments},
        _dormant=_dormant(rules),
        _hosted_types={name: tool for tool in document.tools for name in tool.hosted},
        _received=MappingProxyType(
            {tool.name: received_by(tool, document) for tool in document.tools}
        ),
        _hide=_hiding(document),
        _serving=_serving(document.providers),
        _secrets=SecretStores(document.secret_stores),
        gate=ProviderGate(document),
        relied_on=frozenset(
            (tool.name, pointer) for tool in document.tools for pointer in tool.trusted
        ),
        _flows=flows,
        _inquiries=inquiries_of(document),
    )


def _hiding(document: PolicyDocument) -> Mapping[str, HideClasses]:
    """Return for each provider what happens to each class; most share one value."""
    classes = {each.name: each for each in document.classes}
    usual = HideClasses(classes=MappingProxyType(classes))
    hiding = {provider.id: usual for provider in document.providers}
    for provider in {each.provider for each in document.destinations}:
        there = {
            each.data_class: replace(classes[each.data_class], action=each.action)
            for each in document.destinations
            if each.provider == provider
        }
        hiding[provider] = HideClasses(classes=MappingProxyType({**classes, **there}))
    return MappingProxyType(hiding)


def _serving(providers: tuple[ProviderSpec, ...]) -> Callable[[str], ProviderSpec | None]:
    @lru_cache(maxsize=_ORIGINS_REMEMBERED)
    def serving(origin: str) -> ProviderSpec | None:
        return next((provider for provider in providers if provider.serves(origin)), None)

    return serving


def _dormant(rules: Iterable[CompiledRule]) -> Mapping[str, tuple[CompiledRule, ...]]:
    """Return, by tool and provider, the rules that let something happen at some time or place."""
    found: dict[str, list[CompiledRule]] = {}
    for rule in rules:
        spec = rule.spec
        if spec.effect is not Effect.DENY and (spec.environments or spec.shadow_until):
            for name in dict.fromkeys((*rule.tools, *spec.providers)):
                found.setdefault(name, []).append(rule)
    return MappingProxyType({name: tuple(rules) for name, rules in found.items()})
