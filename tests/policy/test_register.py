# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What counts as shown on a day: which evidence, which tiers, which promises."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policy import EvidenceSpec, Needed, ProviderSpec, TermsSpec, Tier
from agentguard.policy.register import (
    day_of,
    days_left,
    due,
    in_words,
    register_digest,
    shown_by,
)

LAST = date(2026, 6, 30)
TIERS = st.sampled_from(list(Tier))
NEEDED = st.frozensets(TIERS, min_size=1)


def evidence(tier: Tier = Tier.CONTRACTED, expires: date = LAST, **terms: Any) -> EvidenceSpec:
    """A piece of evidence."""
    made = EvidenceSpec(
        tier=tier, kind="dpa", sha256="a" * 64, reviewed_by="user:cso", expires=expires
    )
    return replace(made, **terms)


def provider(*pieces: EvidenceSpec, region: str = "eu") -> ProviderSpec:
    """A provider with evidence."""
    return ProviderSpec(id="p", hosts=("p.example",), region=region, evidence=pieces)


PIECES = st.builds(
    evidence,
    tier=TIERS,
    expires=st.dates(LAST - timedelta(days=3), LAST + timedelta(days=3)),
    retention_days=st.none() | st.integers(0, 3),
    training=st.none() | st.booleans(),
)
DAYS = st.none() | st.dates(LAST - timedelta(days=4), LAST + timedelta(days=4))


def test_evidence_counts_through_its_last_day() -> None:
    """A piece of evidence counts on the day that it names and not on the next."""
    held = provider(evidence())
    assert shown_by(held, LAST).tier is Tier.CONTRACTED
    assert shown_by(held, LAST + timedelta(days=1)).tier is Tier.NONE


def test_days_are_those_of_utc() -> None:
    """The day of a time is the one in UTC, whatever zone the time is told in."""
    late = datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC)
    assert day_of(late) == LAST
    assert day_of(late + timedelta(seconds=1)) == date(2026, 7, 1)
    assert day_of(datetime(2026, 7, 1, 1, tzinfo=timezone(timedelta(hours=2)))) == LAST


def test_without_a_time_nothing_counts() -> None:
    """Neither no time nor one of no known zone makes evidence count."""
    assert day_of(None) is None
    assert day_of(datetime(2026, 6, 30)) is None  # noqa: DTZ001 - a time of no known zone
    shown = shown_by(provider(evidence()), None)
    assert (shown.tier, shown.counting) == (Tier.NONE, ())


@pytest.mark.parametrize(
    ("has", "needs", "met"),
    [
        ("", "none", True),
        ("", "planned", False),
        ("planned", "planned", True),
        ("planned", "contracted", False),
        ("contracted", "planned", True),
        ("assured", "contracted", True),
        ("assured", "assured+contracted", False),
        ("contracted", "assured+contracted", False),
        ("assured+contracted", "assured+contracted", True),
        ("planned+contracted", "assured", False),
    ],
)
def test_one_tier_is_met_by_a_higher_one_and_several_each_by_itself(
    has: str, needs: str, *, met: bool
) -> None:
    """A single tier is met by that or a higher one; of several each needs evidence of its own."""
    pieces = [evidence(Tier(each)) for each in has.split("+") if each]
    needed = frozenset(map(Tier, needs.split("+")))
    assert shown_by(provider(*pieces), LAST).meets(needed) is met


@settings(deadline=None)
@given(st.lists(PIECES, max_size=4), PIECES, NEEDED, DAYS)
def test_more_evidence_never_shows_less(
    pieces: list[EvidenceSpec], further: EvidenceSpec, needed: Needed, day: date | None
) -> None:
    """Whatever a provider meets it still meets with one more piece of evidence."""
    terms = TermsSpec(retention_days=1, training=False)
    before, after = shown_by(provider(*pieces), day), shown_by(provider(*pieces, further), day)
    assert after.tiers >= before.tiers
    assert after.meets(needed) or not before.meets(needed)
    assert before.lacks(terms) is not None or after.lacks(terms) is None


@settings(deadline=None)
@given(st.lists(PIECES, max_size=4), NEEDED, NEEDED, DAYS)
def test_whoever_needs_more_is_never_met_alone(
    pieces: list[EvidenceSpec], needed: Needed, further: Needed, day: date | None
) -> None:
    """What meets several tiers meets each one of them."""
    shown = shown_by(provider(*pieces), day)
    assert shown.meets(needed) or not shown.meets(needed | further) or len(needed) > 1
    if shown.meets(needed | further):
        assert all(shown.meets(frozenset({each})) for each in needed)


def test_a_published_plan_promises_nothing() -> None:
    """Terms count where a contract or an assurance says so, and where it says so itself."""
    terms = TermsSpec(retention_days=30, training=False)
    says: dict[str, Any] = {"retention_days": 0, "training": False}
    assert shown_by(provider(evidence(Tier.PLANNED, **says)), LAST).lacks(terms) == "retention_days"
    assert shown_by(provider(evidence(**says)), LAST).lacks(terms) is None
    silent = provider(evidence(retention_days=0), evidence(Tier.PLANNED, training=False))
    assert shown_by(silent, LAST).lacks(terms) == "training"


@pytest.mark.parametrize(
    ("said", "wanted", "promised"),
    [
        ({"retention_days": 30}, TermsSpec(retention_days=30), True),
        ({"retention_days": 31}, TermsSpec(retention_days=30), False),
        ({"training": True}, TermsSpec(training=False), False),
        ({"sub_processors": ()}, TermsSpec(sub_processors=("a",)), True),
        ({"sub_processors": ("a", "b")}, TermsSpec(sub_processors=("a",)), False),
        ({"breach_notice": timedelta(days=3)}, TermsSpec(breach_notice=timedelta(days=3)), True),
        ({"breach_notice": timedelta(days=4)}, TermsSpec(breach_notice=timedelta(days=3)), False),
        ({}, TermsSpec(breach_notice=timedelta(days=3)), False),
    ],
)
def test_each_term_is_held_against_what_is_said(
    said: dict[str, Any], wanted: TermsSpec, *, promised: bool
) -> None:
    """A term is met by the same promise or a better one, and by no silence."""
    assert (shown_by(provider(evidence(**said)), LAST).lacks(wanted) is None) is promised


@pytest.mark.parametrize(
    ("region", "listed", "there"),
    [
        ("eu", ("eu", "ch"), True),
        ("us", ("eu",), False),
        ("", ("eu",), False),
        ("", ("*",), True),
        ("", ("",), False),
    ],
)
def test_a_region_that_is_not_named_is_in_no_list(
    region: str, listed: tuple[str, ...], *, there: bool
) -> None:
    """A provider is in a list of regions that holds its own, and otherwise only in any."""
    assert shown_by(provider(region=region), LAST).is_in(listed) is there


def test_what_was_renewed_is_not_due() -> None:
    """Evidence is due where no other of its tier goes on beyond the time looked ahead."""
    month = timedelta(days=30)
    old, new = evidence(expires=LAST), evidence(expires=LAST + timedelta(days=365))
    other = evidence(Tier.ASSURED, expires=LAST + month)
    assert due(provider(old), LAST, month) == (old,)
    assert due(provider(old, new), LAST, month) == ()
    assert due(provider(old, new, other), LAST, month) == (other,)
    assert due(provider(old, new, other), LAST - timedelta(days=1), month) == ()


def test_what_is_left_is_told_in_days() -> None:
    """The last day, one day and a day that is over are each told as what they are."""
    assert days_left(evidence(), LAST) == "ends 2026-06-30, today is its last day"
    assert days_left(evidence(), LAST - timedelta(days=1)) == "ends 2026-06-30, 1 day left"
    assert days_left(evidence(), LAST - timedelta(days=9)) == "ends 2026-06-30, 9 days left"
    assert days_left(evidence(), LAST + timedelta(days=1)) == "ended 2026-06-30"


def test_tiers_are_told_as_the_file_writes_them() -> None:
    """Several tiers are joined highest first, and no tier is told as none."""
    assert in_words({Tier.CONTRACTED, Tier.ASSURED}) == "assured+contracted"
    assert in_words(()) == "none"


def test_the_register_has_one_digest_whatever_its_order() -> None:
    """The digest names what the register says, not in which order."""
    one, other = provider(evidence()), replace(provider(), id="q", hosts=("q.example",))
    assert register_digest((one, other)) == register_digest((other, one))
    assert register_digest((one,)) != register_digest((provider(evidence(retention_days=1)),))
