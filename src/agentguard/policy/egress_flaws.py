# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is wrong, or doubtful, about evidence, API keys, and what data needs?"""

import re
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

from agentguard.policy.document import (
    ANSWER,
    FAMILIES,
    GROUP,
    EgressSpec,
    EvidenceSpec,
    KeySpec,
    PolicyDocument,
    ProviderSpec,
    TermsSpec,
    Tier,
)
from agentguard.policy.egress_needs import UNLABELLED
from agentguard.policy.flaws import (
    IDENTITY,
    Flaw,
    Path,
    declared_identities,
    is_person,
    undeclared,
)
from agentguard.policy.globs import is_glob
from agentguard.policy.register import BINDING, days_left, due, shown_by
from agentguard.policy.rules import expand

WARNED_AHEAD = timedelta(days=30)
LOOKS_BACK = timedelta(days=366)
FINGERPRINT = re.compile(r"sha256:[0-9a-f]{32}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ANY_REGION = "*"


def egress_flaws(document: PolicyDocument) -> Iterator[Flaw]:
    """Find the flaws of a document's evidence, keys and ``[egress]``."""
    for index, provider in enumerate(document.providers):
        path: Path = ("provider", index)
        for place, evidence in enumerate(provider.evidence):
            yield from _evidence((*path, "evidence", place), evidence)
        yield from _keys(path, provider.keys, document)
    if document.egress is not None:
        yield from _egress(document.egress, document)


def _evidence(path: Path, evidence: EvidenceSpec) -> Iterator[Flaw]:
    if not _SHA256.fullmatch(evidence.sha256):
        yield Flaw((*path, "sha256"), "must be 64 hexadecimal digits in lower case")
    if not is_person(evidence.reviewed_by):
        yield Flaw((*path, "reviewed_by"), "must be a person 'user:...'")
    if evidence.tier is Tier.NONE:
        yield Flaw((*path, "tier"), "'none' is what a provider has without evidence: take it out")
    if evidence.period_end is not None and evidence.period_end > evidence.expires:
        yield Flaw((*path, "period_end"), "must not be after 'expires'")
    if evidence.retention_days is not None and evidence.retention_days < 0:
        yield Flaw((*path, "retention_days"), "must not be negative")


def _keys(path: Path, keys: tuple[KeySpec, ...], document: PolicyDocument) -> Iterator[Flaw]:
    seen: set[str] = set()
    for place, key in enumerate(keys):
        here: Path = (*path, "key", place)
        if not FINGERPRINT.fullmatch(key.fingerprint):
            yield Flaw(
                (*here, "fingerprint"),
                "must be 'sha256:' and 32 hexadecimal digits: 'agentguard providers fingerprint'"
                " tells it; never write the key itself into a policy",
            )
        elif key.fingerprint in seen:
            yield Flaw((*here, "fingerprint"), "is listed twice at this provider")
        seen.add(key.fingerprint)
        if not key.who:
            yield Flaw((*here, "who"), "must name somebody")
        for name in key.who:
            yield from _holder((*here, "who"), name, document)


def _holder(path: Path, name: str, document: PolicyDocument) -> Iterator[Flaw]:
    declared = declared_identities(document)
    if name.startswith(GROUP):
        group = name.removeprefix(GROUP)
        if group not in document.groups:
            yield Flaw(path, f"group {group!r} is not declared: add it to [groups]", name)
    elif not is_glob(name) and not IDENTITY.fullmatch(name):
        yield Flaw(path, f"must be 'agent:...', 'service:...' or 'user:...', not {name!r}", name)
    elif not is_glob(name) and name not in declared:
        yield Flaw(path, undeclared("identity", name, "identity"), name)


def _egress(egress: EgressSpec, document: PolicyDocument) -> Iterator[Flaw]:
    yield from _names(egress, document)
    if not egress.needs and egress.unlabelled is None:
        yield Flaw(("egress", "needs"), "must say what a class, a family or 'unlabelled' needs")
    for name, needed in egress.needs.items():
        yield from _needed(("egress", "needs", name), needed)
    if egress.unlabelled is not None:
        yield from _needed(("egress", "unlabelled"), egress.unlabelled)
    for name, regions in egress.regions.items():
        if not regions:
            yield Flaw(("egress", "regions", name), "must name a region, or '*' for any")
    for name, terms in egress.terms.items():
        yield from _terms(("egress", "terms", name), terms)


def _names(egress: EgressSpec, document: PolicyDocument) -> Iterator[Flaw]:
    known = {each.name for each in document.classes if each.family != ANSWER} | FAMILIES - {ANSWER}
    tables = {"needs": egress.needs, "regions": egress.regions, "terms": egress.terms}
    for key, names in tables.items():
        for name in names:
            path: Path = ("egress", key, name)
            if name == UNLABELLED and key == "needs":
                yield Flaw(path, "is a key of [egress] itself: unlabelled = '...'")
            elif name not in known | {UNLABELLED}:
                yield Flaw(path, f"{name!r} is no data class or family that a request can hold")


def _needed(path: Path, needed: frozenset[Tier]) -> Iterator[Flaw]:
    if len(needed) > 1 and not needed <= BINDING:
        yield Flaw(path, "'none' and 'planned' stand alone: what is higher holds them")


def _terms(path: Path, terms: TermsSpec) -> Iterator[Flaw]:
    if terms == TermsSpec():
        yield Flaw(path, "must demand something")
    if terms.training:
        yield Flaw((*path, "training"), "can only be false: leave it out where training is fine")
    if terms.retention_days is not None and terms.retention_days < 0:
        yield Flaw((*path, "retention_days"), "must not be negative")


def egress_doubts(document: PolicyDocument, today: date | None) -> Iterator[Flaw]:
    """Find the doubts about a document's evidence and ``[egress]``.

    Args:
        document: the document.
        today: by the calendar of UTC; without it nothing is taken to be over or old.
    """
    for index, provider in enumerate(document.providers):
        if today is not None:
            yield from _ending(("provider", index), provider, today)
        for place, key in enumerate(provider.keys):
            if not _matches_somebody(key.who, document):
                path: Path = ("provider", index, "key", place, "who")
                yield Flaw(path, "names nobody who is declared: the key can never be used")
    if document.egress is not None:
        yield from _unreachable(document, document.egress, today)


def _matches_somebody(who: Iterable[str], document: PolicyDocument) -> bool:
    return bool(expand(who, document) & declared_identities(document))


def _ending(path: Path, provider: ProviderSpec, today: date) -> Iterator[Flaw]:
    ending = due(provider, today, WARNED_AHEAD)
    for place, evidence in enumerate(provider.evidence):
        here: Path = (*path, "evidence", place)
        if evidence in ending:
            yield Flaw((*here, "expires"), f"{days_left(evidence, today)}: renew it")
        if evidence.period_end is not None and today - evidence.period_end > LOOKS_BACK:
            message = f"covers until {evidence.period_end}, more than a year ago"
            yield Flaw((*here, "period_end"), message)


def _unreachable(
    document: PolicyDocument, egress: EgressSpec, today: date | None
) -> Iterator[Flaw]:
    """Find what no provider of the document can meet."""
    shown = [shown_by(each, today) for each in document.providers]
    if today is not None and shown:
        for name, needed in egress.needs.items():
            if not any(each.meets(needed) for each in shown):
                yield _nobody(("egress", "needs", name))
        unlabelled = egress.unlabelled
        if unlabelled is not None and not any(each.meets(unlabelled) for each in shown):
            yield _nobody(("egress", "unlabelled"))
    there = {each.region for each in document.providers}
    for name, regions in egress.regions.items():
        if there and _ANY_REGION not in regions and there.isdisjoint(regions):
            yield _nobody(("egress", "regions", name))


def _nobody(path: Path) -> Flaw:
    return Flaw(path, "no declared provider meets this: such data goes nowhere")
