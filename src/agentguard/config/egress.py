# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does the file say about evidence, keys, and what data needs of a provider?"""

from datetime import date, timedelta

from agentguard.config.document import Tell, read_table
from agentguard.config.flow_document import EgressTable, EvidenceTable, KeyTable, TermsTable
from agentguard.config.identities import span_of
from agentguard.policy import EgressSpec, EvidenceSpec, KeySpec, Needed, Path, TermsSpec, Tier

_BOTH = "+"


def evidence_of(table: EvidenceTable, path: Path, tell: Tell) -> EvidenceSpec:
    """Return the evidence that a table describes."""
    return EvidenceSpec(
        tier=table.tier or Tier.NONE,
        kind=table.kind or "",
        scope=table.scope,
        sha256=table.sha256 or "",
        reviewed_by=table.reviewed_by or "",
        period_end=table.period_end,
        expires=table.expires or date.min,
        retention_days=table.retention_days,
        training=table.training,
        sub_processors=None if table.sub_processors is None else tuple(table.sub_processors),
        breach_notice=_span(table.breach_notice, (*path, "breach_notice"), tell),
    )


def key_of_provider(table: KeyTable) -> KeySpec:
    """Return the API key that a table names."""
    return KeySpec(fingerprint=table.fingerprint or "", who=tuple(table.who or ()))


def egress_of(table: EgressTable, path: Path, tell: Tell) -> EgressSpec:
    """Return what data needs of the provider that it goes to."""
    return EgressSpec(
        needs={
            name: _needed(text, (*path, "needs", name), tell)
            for name, text in (table.needs or {}).items()
        },
        unlabelled=None
        if table.unlabelled is None
        else _needed(table.unlabelled, (*path, "unlabelled"), tell),
        regions={name: tuple(regions) for name, regions in (table.regions or {}).items()},
        terms={
            name: _terms(
                read_table(TermsTable, each, (*path, "terms", name), tell),
                (*path, "terms", name),
                tell,
            )
            for name, each in (table.terms or {}).items()
        },
    )


def _terms(table: TermsTable, path: Path, tell: Tell) -> TermsSpec:
    return TermsSpec(
        retention_days=table.retention_days,
        training=table.training,
        sub_processors=None if table.sub_processors is None else tuple(table.sub_processors),
        breach_notice=_span(table.breach_notice, (*path, "breach_notice"), tell),
    )


def _span(text: str | None, path: Path, tell: Tell) -> timedelta | None:
    return None if text is None else span_of(text, timedelta(), path, tell)


def _needed(text: str, path: Path, tell: Tell) -> Needed:
    """Return the tiers that a text such as ``assured+contracted`` means."""
    try:
        return frozenset(Tier(each) for each in text.split(_BOTH))
    except ValueError:
        known = ", ".join(repr(each.value) for each in Tier)
        tell(path, f"must be one of {known}, or several joined by '+'")
        return frozenset({Tier.ASSURED})
