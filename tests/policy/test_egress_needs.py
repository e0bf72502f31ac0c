# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What each class needs of a provider, and what falls to the strict side."""

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policy import (
    EgressSpec,
    EvidenceSpec,
    Needed,
    PolicyDocument,
    ProviderSpec,
    TermsSpec,
    Tier,
)
from agentguard.policy.egress_needs import UNLABELLED, demands_of, finding_unmet
from agentguard.vocabulary import Action, DataClass

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY = date(2026, 6, 30)
NONE, PLANNED, CONTRACTED, ASSURED = (frozenset({each}) for each in Tier)
BOTH = CONTRACTED | ASSURED
CLASSES = (
    DataClass(name="email", family="pii", action=Action.LABEL),
    DataClass(name="phone", family="pii", action=Action.LABEL),
    DataClass(name="project", family="organisation", action=Action.LABEL),
    DataClass(name="image", family="media", action=Action.LABEL),
)
DATA = (*(each.name for each in CLASSES), UNLABELLED)
TIER_SETS = st.sampled_from([NONE, PLANNED, CONTRACTED, ASSURED, BOTH])
NAMES = st.sampled_from(["email", "phone", "project", "image", "pii", "organisation", "media"])
REGION_LISTS = st.sampled_from([("eu",), ("us",), ("eu", "us"), ("*",)])
TERMS = st.builds(TermsSpec, retention_days=st.none() | st.integers(0, 2))
EGRESS = st.builds(
    EgressSpec,
    needs=st.dictionaries(NAMES, TIER_SETS, max_size=3),
    unlabelled=st.none() | TIER_SETS,
    regions=st.dictionaries(NAMES | st.just(UNLABELLED), REGION_LISTS, max_size=2),
    terms=st.dictionaries(NAMES | st.just(UNLABELLED), TERMS, max_size=2),
)
PROVIDERS = st.builds(
    lambda tiers, region, days: provider(*tiers, region=region, retention_days=days),
    st.lists(st.sampled_from(list(Tier)), max_size=3),
    st.sampled_from(["eu", "us", ""]),
    st.none() | st.integers(0, 2),
)


def provider(*tiers: Tier, region: str = "eu", retention_days: int | None = 0) -> ProviderSpec:
    """A provider with evidence of these tiers."""
    return ProviderSpec(
        id="p",
        hosts=("p.example",),
        region=region,
        evidence=tuple(
            EvidenceSpec(
                tier=tier,
                kind=f"k{index}",
                sha256="a" * 64,
                reviewed_by="user:cso",
                expires=DAY,
                retention_days=retention_days,
            )
            for index, tier in enumerate(tiers)
        ),
    )


def document(egress: EgressSpec | None, held: ProviderSpec | None = None) -> PolicyDocument:
    """A policy with classes, a provider and what data needs."""
    made = provider() if held is None else held
    return PolicyDocument(name="n", classes=CLASSES, providers=(made,), egress=egress)


def refused(egress: EgressSpec | None, held: ProviderSpec, day: date | None = DAY) -> set[str]:
    """The data that may not go to a provider."""
    find = finding_unmet(document(egress, held))
    return {name for name in DATA if find("p", (name,), day) is not None}


def test_without_a_table_nothing_is_needed() -> None:
    """A policy without [egress] lets everything go to a provider without evidence."""
    assert demands_of(document(None)) == {}
    assert refused(None, provider(), None) == set()


def test_a_class_goes_before_its_family() -> None:
    """What a class needs is said by its own line, else by its family's."""
    egress = EgressSpec(needs={"pii": ASSURED, "email": PLANNED}, unlabelled=NONE)
    assert refused(egress, provider(Tier.PLANNED)) == {"phone", "project", "image"}
    assert refused(egress, provider(Tier.ASSURED)) == set()


def test_what_is_named_nowhere_needs_all_that_anything_needs() -> None:
    """A class and text that no line names need every tier, every region and every term."""
    egress = EgressSpec(
        needs={"email": BOTH, "phone": PLANNED},
        regions={"email": ("eu", "us"), "phone": ("eu",)},
        terms={"phone": TermsSpec(retention_days=0)},
    )
    found = demands_of(document(egress))
    for name in ("project", UNLABELLED):
        assert set(found[name].needs) == {BOTH, PLANNED}
        assert set(found[name].regions) == {("eu", "us"), ("eu",)}
        assert found[name].terms == (TermsSpec(retention_days=0),)
    both = provider(Tier.ASSURED, Tier.CONTRACTED)
    assert refused(egress, both) == set()
    assert refused(egress, provider(Tier.ASSURED)) == {"email", "project", "image", UNLABELLED}
    assert UNLABELLED in refused(egress, replace(both, region="us"))
    kept = provider(Tier.ASSURED, Tier.CONTRACTED, retention_days=1)
    assert refused(egress, kept) == {"phone", "project", "image", UNLABELLED}


def test_naming_a_need_is_naming_the_data() -> None:
    """Text whose evidence is named is bound to a region only where a line says so."""
    egress = EgressSpec(needs={"pii": CONTRACTED}, unlabelled=NONE, regions={"pii": ("eu",)})
    there = provider(Tier.CONTRACTED, region="us")
    assert UNLABELLED not in refused(egress, there)
    bound = replace(egress, regions={"pii": ("eu",), UNLABELLED: ("eu",)})
    assert UNLABELLED in refused(bound, there)


def test_data_that_is_only_bound_to_a_region_needs_the_most() -> None:
    """A class with a region and without a tier needs all the evidence that anything needs."""
    egress = EgressSpec(needs={"phone": ASSURED}, regions={"email": ("eu",)})
    assert "email" in refused(egress, provider(Tier.CONTRACTED))
    assert "email" not in refused(egress, provider(Tier.ASSURED))


@pytest.mark.parametrize(
    ("egress", "held", "constraint", "words"),
    [
        (
            EgressSpec(needs={"email": BOTH}),
            provider(Tier.ASSURED),
            "evidence",
            ("'assured+contracted'", "class 'email'", "it shows 'assured' on 2026-06-30"),
        ),
        (
            EgressSpec(needs={"email": NONE}, regions={"email": ("ch", "eu")}),
            provider(region=""),
            "region",
            ("'ch', 'eu'", "the policy names none"),
        ),
        (
            EgressSpec(needs={"email": NONE}, terms={"email": TermsSpec(retention_days=1)}),
            provider(),
            "retention_days",
            ("class 'email'",),
        ),
    ],
)
def test_what_is_missing_is_told_with_the_line_that_would_allow_it(
    egress: EgressSpec, held: ProviderSpec, constraint: str, words: tuple[str, ...]
) -> None:
    """A need that is not met names the data, the demand, what there is and a line of the policy."""
    unmet = finding_unmet(document(egress, held))("p", ("email",), DAY)
    assert unmet is not None
    assert unmet.constraint == constraint
    assert all(word in unmet.problem for word in words), unmet.problem
    assert "[egress]" in unmet.hint
    assert "'p'" in unmet.hint


def test_evidence_that_has_ended_is_told_with_its_day() -> None:
    """Where evidence that would do has ended, the message says when."""
    find = finding_unmet(document(EgressSpec(needs={"email": PLANNED}), provider(Tier.CONTRACTED)))
    unmet = find("p", ("email",), date(2026, 7, 1))
    assert unmet is not None
    assert "that of 'contracted' ended 2026-06-30" in unmet.problem
    timeless = find("p", ("email",), None)
    assert timeless is not None
    assert "without a time no evidence counts" in timeless.problem


@settings(deadline=None)
@given(EGRESS, PROVIDERS, st.sampled_from(list(Tier)), st.sampled_from([DAY, None]))
def test_more_evidence_never_denies_more(
    egress: EgressSpec, held: ProviderSpec, tier: Tier, day: date | None
) -> None:
    """Whatever may go to a provider still may with one more piece of evidence."""
    further = provider(tier, retention_days=None).evidence
    better = replace(held, evidence=(*held.evidence, *further))
    assert refused(egress, better, day) <= refused(egress, held, day)


@settings(deadline=None)
@given(EGRESS, PROVIDERS, st.data())
def test_stricter_needs_never_allow_more(egress: EgressSpec, held: ProviderSpec, data: Any) -> None:
    """Raising what one line needs lets nothing go that did not go before."""
    lines: Mapping[str, Needed] = egress.needs
    if not lines:
        return
    name = data.draw(st.sampled_from(sorted(lines)))
    order = [NONE, PLANNED, CONTRACTED, ASSURED, BOTH]
    higher = data.draw(st.sampled_from(order[order.index(lines[name]) :]))
    stricter = replace(egress, needs={**lines, name: higher})
    assert refused(stricter, held) >= refused(egress, held)
