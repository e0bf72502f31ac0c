# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a policy say as a whole?

It holds no path of a deployment, no environment variable and no known value.

INVARIANT: the digest depends on what the policy says, not on the order of its tables
(tests/policy/test_document.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from agentguard.canonical import canonical_bytes, digest
from agentguard.policy.document.budgets import BudgetSpec, LoopsSpec, PriceSpec, RateSpec
from agentguard.policy.document.classes import (
    ClassSource,
    DestinationSpec,
    DetectionSpec,
    LabelsSpec,
)
from agentguard.policy.document.egress import EgressSpec
from agentguard.policy.document.flow import FlowSpec, ProvenanceSpec
from agentguard.policy.document.flow_forms import (
    budget_form,
    egress_form,
    flow_form,
    loops_form,
    price_form,
    provenance_form,
    rate_form,
)
from agentguard.policy.document.forms import (
    class_form,
    decider_form,
    destinations_form,
    detection_form,
    identity_form,
    issuer_form,
    labels_form,
    limit_form,
    names_form,
    profile_form,
    provider_form,
    rule_form,
    secret_store_form,
    source_form,
    tool_form,
)
from agentguard.policy.document.providers import ProviderSpec
from agentguard.policy.document.rules import DeciderSpec, RuleSpec
from agentguard.policy.document.surrounding import CoverageSpec, coverage_form
from agentguard.policy.document.tools import (
    HostedDenial,
    LimitSpec,
    SecretStoreSpec,
    ToolSpec,
)
from agentguard.policy.document.who import IdentitySpec, IssuerSpec
from agentguard.vocabulary import ApprovalProfile, DataClass


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyDocument:
    """The policy tables of a file; ``classes`` holds the built-in classes as well.

    ``hosted_denial`` says what becomes of hosted tools that are not allowed, ``coverage``
    what must be true of the program around the guard, ``detection`` how data is looked for,
    ``labels`` what labels from outside mean, ``provenance`` how origins are found out, ``egress``
    what data needs of a provider and ``loops`` when calls are a loop, None for no such table.
    """

    name: str
    identities: tuple[IdentitySpec, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    tools: tuple[ToolSpec, ...] = ()
    rules: tuple[RuleSpec, ...] = ()
    profiles: tuple[ApprovalProfile, ...] = ()
    classes: tuple[DataClass, ...] = ()
    class_sources: tuple[ClassSource, ...] = ()
    destinations: tuple[DestinationSpec, ...] = ()
    providers: tuple[ProviderSpec, ...] = ()
    hosted_denial: HostedDenial = HostedDenial.REFUSE
    coverage: CoverageSpec = field(default_factory=CoverageSpec)
    detection: DetectionSpec = field(default_factory=DetectionSpec)
    labels: LabelsSpec = field(default_factory=LabelsSpec)
    environments: tuple[str, ...] = ()
    tool_groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    limits: tuple[LimitSpec, ...] = ()
    secret_stores: tuple[SecretStoreSpec, ...] = ()
    issuers: tuple[IssuerSpec, ...] = ()
    deciders: tuple[DeciderSpec, ...] = ()
    flows: tuple[FlowSpec, ...] = ()
    provenance: ProvenanceSpec = field(default_factory=ProvenanceSpec)
    egress: EgressSpec | None = None
    budgets: tuple[BudgetSpec, ...] = ()
    prices: tuple[PriceSpec, ...] = ()
    rates: tuple[RateSpec, ...] = ()
    loops: LoopsSpec | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over the canonical bytes of what the policy says."""
        return digest(
            canonical_bytes(
                {
                    "version": 1,
                    "name": self.name,
                    "identities": {each.id: identity_form(each) for each in self.identities},
                    "groups": {name: names_form(self.groups[name]) for name in self.groups},
                    "tools": {each.name: tool_form(each) for each in self.tools},
                    "rules": {each.id: rule_form(each) for each in self.rules},
                    "approvals": {each.name: profile_form(each) for each in self.profiles},
                    "classes": {each.name: class_form(each) for each in self.classes},
                    "class_sources": {each.name: source_form(each) for each in self.class_sources},
                    "destinations": destinations_form(self.destinations),
                    "providers": {each.id: provider_form(each) for each in self.providers},
                    "hosted_tools": {"denied": self.hosted_denial.value},
                    "coverage": coverage_form(self.coverage),
                    "detection": detection_form(self.detection),
                    "labels": labels_form(self.labels),
                    "environments": names_form(self.environments),
                    "tool_groups": {
                        name: names_form(names) for name, names in self.tool_groups.items()
                    },
                    "limits": {each.name: limit_form(each) for each in self.limits},
                    "secret_stores": {
                        each.name: secret_store_form(each) for each in self.secret_stores
                    },
                    "issuers": {each.name: issuer_form(each) for each in self.issuers},
                    "deciders": {each.name: decider_form(each) for each in self.deciders},
                    "flows": {each.id: flow_form(each) for each in self.flows},
                    "provenance": provenance_form(self.provenance),
                    "egress": egress_form(self.egress),
                    "budgets": {each.name: budget_form(each) for each in self.budgets},
                    "prices": tuple(map(price_form, self.prices)),
                    "rates": {each.name: rate_form(each) for each in self.rates},
                    "loops": loops_form(self.loops),
                }
            )
        )
