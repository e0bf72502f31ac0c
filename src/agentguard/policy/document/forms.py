# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does each part of a policy enter its digest?

INVARIANT: every field of a part enters (tests/policy/test_document.py).
"""

from collections.abc import Iterable

from agentguard.canonical import Frozen, canonical_bytes, digest, tagged
from agentguard.policy.document.classes import (
    ClassSource,
    DestinationSpec,
    DetectionSpec,
    LabelsSpec,
)
from agentguard.policy.document.flow_forms import evidence_form, key_form
from agentguard.policy.document.providers import ProviderSpec
from agentguard.policy.document.rules import ArgumentSpec, DeciderSpec, RuleSpec
from agentguard.policy.document.tools import LimitSpec, SecretStoreSpec, ToolSpec
from agentguard.policy.document.who import IdentitySpec, IssuerSpec
from agentguard.vocabulary import ApprovalProfile, DataClass


def names_form(names: Iterable[str]) -> Frozen:
    """Return names as they enter the digest: in one order."""
    return tuple(sorted(names))


def tool_form(tool: ToolSpec) -> Frozen:
    """Return a tool as it enters the digest."""
    return {
        "impact": tool.impact.value,
        "receives": names_form(tool.receives),
        "definition": tool.definition,
        "idempotency": tool.idempotency.value,
        "hosted": names_form(tool.hosted),
        "environments": names_form(tool.environments),
        "schema": tagged(tool.schema),
        "resource": tool.resource,
        "targets": names_form(tool.targets),
        "outward": tool.outward,
        "trusted": names_form(tool.trusted),
        "returns": names_form(tool.returns),
        "verbs": names_form(tool.verbs),
        "http": names_form(tool.http),
        "http_headers": names_form(tool.http_headers),
        "private_hosts": names_form(tool.private_hosts),
        "polls": tool.polls,
        "within": None if tool.within is None else tool.within.total_seconds(),
        "plan": tool.plan,
    }


def rule_form(rule: RuleSpec) -> Frozen:
    """Return a rule as it enters the digest."""
    operations = rule.effective_operations
    return {
        "who": names_form(rule.who),
        "for": names_form(rule.persons),
        "then": rule.effect.value,
        "tools": names_form(rule.tools),
        "args": {each.name: _argument_form(each) for each in rule.arguments},
        "providers": names_form(rule.providers),
        "models": names_form(rule.models),
        "operations": None if operations is None else names_form(operations),
        "references": names_form(each.value for each in rule.references),
        "approval": rule.approval,
        "impacts": names_form(each.value for each in rule.impacts),
        "environments": names_form(rule.environments),
        "assurance": None if rule.assurance is None else rule.assurance.value,
        "limits": names_form(rule.limits),
        "resource": None if rule.resource is None else rule.resource.form(),
        "classes": None if rule.classes is None else names_form(rule.classes),
        "shadow_until": None if rule.shadow_until is None else rule.shadow_until.isoformat(),
        "shadow_irreversible": rule.shadow_irreversible,
    }


def _argument_form(argument: ArgumentSpec) -> dict[str, Frozen]:
    origins = argument.origins
    return {
        **argument.constraint.form(),
        "optional": argument.optional,
        "from": None if origins is None else names_form(origins),
        "else": argument.otherwise.value,
    }


def profile_form(profile: ApprovalProfile) -> Frozen:
    """Return an approval profile as it enters the digest."""
    return {
        "approvers": {each.id: each.key for each in profile.approvers},
        "need": profile.need,
        "decide_within": profile.decide_within.total_seconds(),
        "execute_within": profile.execute_within.total_seconds(),
        "wait": profile.wait.total_seconds(),
    }


def class_form(data_class: DataClass) -> Frozen:
    """Return a data class as it enters the digest."""
    return {
        "family": data_class.family,
        "action": data_class.action.value,
        "in_answers": data_class.in_answers.value,
        "in_results": data_class.in_results.value,
        "in_definitions": data_class.in_definitions.value,
        "approvers_see": data_class.approvers_see,
        "environments": names_form(data_class.environments),
    }


def destinations_form(destinations: Iterable[DestinationSpec]) -> Frozen:
    """Return what happens to classes at single providers, as it enters the digest."""
    return {f"{each.data_class} {each.provider}": each.action.value for each in destinations}


def detection_form(detection: DetectionSpec) -> Frozen:
    """Return how data is looked for, as it enters the digest."""
    return {
        "profile": detection.profile.value,
        "explain_placeholders": detection.explain_placeholders,
        "detectors": names_form(detection.detectors),
        "rule_files": {
            each.file: {
                "format": each.format.value,
                "class": each.data_class,
                "without": names_form(each.without),
                "content": each.content,
            }
            for each in detection.rule_files
        },
        "names_model": detection.names_model,
    }


def labels_form(labels: LabelsSpec) -> Frozen:
    """Return what labels mean, as it enters the digest."""
    return {
        "classes": dict(labels.classes),
        "unknown": labels.unknown,
        "headers": names_form(labels.headers),
    }


def source_form(source: ClassSource) -> Frozen:
    """Return how a class is recognised, as it enters the digest."""
    return {
        "patterns": names_form(source.patterns),
        "values": names_form(source.value_digests),
        "values_file": source.values_file,
        "values_column": source.values_column,
        "environment": names_form(source.environment),
        "files": names_form(source.files),
        "dotenv": names_form(source.dotenv),
        "keys": names_form(source.keys),
        "paths": names_form(source.paths),
    }


def provider_form(provider: ProviderSpec) -> Frozen:
    """Return a provider as it enters the digest."""
    evidence = [evidence_form(each) for each in provider.evidence]
    return {
        "hosts": names_form(provider.hosts),
        "extra_fields": names_form(provider.extra_fields),
        "headers": names_form(provider.headers),
        "environments": names_form(provider.environments),
        "region": provider.region,
        "evidence": {digest(canonical_bytes(each)): each for each in evidence},
        "keys": {each.fingerprint: key_form(each) for each in provider.keys},
    }


def identity_form(identity: IdentitySpec) -> Frozen:
    """Return a declared identity as it enters the digest."""
    return {
        "owner": identity.owner,
        "environments": names_form(identity.environments),
        "claims": tagged(identity.claims),
        "keys": names_form(identity.keys),
        "spiffe": identity.spiffe,
    }


def issuer_form(issuer: IssuerSpec) -> Frozen:
    """Return an issuer of tokens as it enters the digest."""
    return {
        "kind": issuer.kind.value,
        "issuer": issuer.issuer,
        "audiences": names_form(issuer.audiences),
        "algorithms": names_form(issuer.algorithms),
        "keys_url": issuer.keys_url,
        "keys_file": issuer.keys_file,
        "keys_max_age": issuer.keys_max_age.total_seconds(),
        "token_max_age": issuer.token_max_age.total_seconds(),
        "leeway": issuer.leeway.total_seconds(),
        "subject": issuer.subject,
        "subject_kind": issuer.subject_kind.value,
        "actor": issuer.actor,
        "claims": names_form(issuer.claims),
    }


def limit_form(limit: LimitSpec) -> Frozen:
    """Return a limit as it enters the digest."""
    most = limit.most
    return {
        "calls": limit.calls,
        "sum": limit.sum,
        "most": None if most is None else str(most),
    }


def secret_store_form(store: SecretStoreSpec) -> Frozen:
    """Return a place of secrets as it enters the digest."""
    return {
        "hosts": names_form(store.hosts),
        "paths": names_form(store.paths),
        "addresses": names_form(store.addresses),
    }


def decider_form(decider: DeciderSpec) -> Frozen:
    """Return an extra decider as it enters the digest."""
    return {
        "options": tagged(decider.options),
        "tools": names_form(decider.tools),
        "models": decider.models,
        "within": decider.within.total_seconds(),
        "approval": decider.approval,
    }
