# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do the tables about flow, egress and budgets enter the digest?

INVARIANT: every field of a part enters (tests/policy/test_document.py).
"""

from collections.abc import Iterable

from agentguard.canonical import Frozen
from agentguard.policy.document.budgets import BudgetSpec, LoopsSpec, PriceSpec, RateSpec
from agentguard.policy.document.egress import EgressSpec, EvidenceSpec, KeySpec, Needed, TermsSpec
from agentguard.policy.document.flow import FlowSpec, ProvenanceSpec


def _names(names: Iterable[str]) -> Frozen:
    return tuple(sorted(names))


def _maybe(names: Iterable[str] | None) -> Frozen:
    return None if names is None else _names(names)


def _text(value: object) -> Frozen:
    return None if value is None else str(value)


def flow_form(flow: FlowSpec) -> Frozen:
    """Return a flow as it enters the digest."""
    return {
        "who": _names(flow.who),
        "tools": _names(flow.tools),
        "impacts": _names(each.value for each in flow.impacts),
        "outward": flow.outward,
        "after": _names(flow.after),
        "targets_from": _maybe(flow.targets_from),
        "addresses_from": _maybe(flow.addresses_from),
        "arguments_from": _maybe(flow.arguments_from),
        "unless_asked": flow.unless_asked,
        "then": flow.effect.value,
        "approval": flow.approval,
        "remember": flow.remember.value,
    }


def provenance_form(spec: ProvenanceSpec) -> Frozen:
    """Return how origins are found out, as it enters the digest."""
    return {"user_messages": spec.user_messages.value}


def evidence_form(evidence: EvidenceSpec) -> Frozen:
    """Return a piece of evidence as it enters the digest."""
    notice = evidence.breach_notice
    return {
        "tier": evidence.tier.value,
        "kind": evidence.kind,
        "scope": evidence.scope,
        "sha256": evidence.sha256,
        "reviewed_by": evidence.reviewed_by,
        "period_end": _text(evidence.period_end),
        "expires": evidence.expires.isoformat(),
        "retention_days": evidence.retention_days,
        "training": evidence.training,
        "sub_processors": _maybe(evidence.sub_processors),
        "breach_notice": None if notice is None else notice.total_seconds(),
    }


def key_form(key: KeySpec) -> Frozen:
    """Return an API key as it enters the digest."""
    return {"fingerprint": key.fingerprint, "who": _names(key.who)}


def _needed(needed: Needed | None) -> Frozen:
    return None if needed is None else _names(each.value for each in needed)


def egress_form(egress: EgressSpec | None) -> Frozen:
    """Return what data needs as it enters the digest."""
    if egress is None:
        return None
    return {
        "needs": {name: _needed(needed) for name, needed in egress.needs.items()},
        "unlabelled": _needed(egress.unlabelled),
        "regions": {name: _names(regions) for name, regions in egress.regions.items()},
        "terms": {name: _terms(terms) for name, terms in egress.terms.items()},
    }


def _terms(terms: TermsSpec) -> Frozen:
    notice = terms.breach_notice
    return {
        "retention_days": terms.retention_days,
        "training": terms.training,
        "sub_processors": _maybe(terms.sub_processors),
        "breach_notice": None if notice is None else notice.total_seconds(),
    }


def budget_form(budget: BudgetSpec) -> Frozen:
    """Return a budget as it enters the digest."""
    per, wall = budget.per, budget.wall
    return {
        "scope": budget.scope.value,
        "per": None if per is None else per.total_seconds(),
        "who": _names(budget.who),
        "tools": _names(budget.tools),
        "providers": _names(budget.providers),
        "calls": budget.calls,
        "tokens_in": budget.tokens_in,
        "tokens_out": budget.tokens_out,
        "tokens": budget.tokens,
        "money": _text(budget.money),
        "bytes_out": dict(budget.bytes_out),
        "wall": None if wall is None else wall.total_seconds(),
        "depth": budget.depth,
        "fan_out": budget.fan_out,
        "concurrent": budget.concurrent,
        "hold_at_most": _text(budget.hold_at_most),
    }


def price_form(price: PriceSpec) -> Frozen:
    """Return a price as it enters the digest."""
    return {
        "provider": price.provider,
        "models": _names(price.models),
        "tools": _names(price.tools),
        "tokens_in": _text(price.tokens_in),
        "tokens_out": _text(price.tokens_out),
        "call": _text(price.call),
    }


def rate_form(rate: RateSpec) -> Frozen:
    """Return a rate as it enters the digest."""
    return {
        "rate": rate.rate,
        "scope": rate.scope.value,
        "who": _names(rate.who),
        "tools": _names(rate.tools),
        "providers": _names(rate.providers),
    }


def loops_form(loops: LoopsSpec | None) -> Frozen:
    """Return when calls are a loop, as it enters the digest."""
    if loops is None:
        return None
    return {
        "same": loops.same,
        "turns": loops.turns,
        "failures": loops.failures,
        "refusals": loops.refusals,
    }
