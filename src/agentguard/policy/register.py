# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How far has a provider shown, on a day, that it can be relied on?

Tiers are computed from the pieces of evidence that count on the day, and are never written down.
What data needs of them is said elsewhere.

INVARIANT: more evidence never shows less (tests/policy/test_register.py).
INVARIANT: evidence counts through the last day of it in UTC, and without a time not at all
(same file).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from agentguard.canonical import canonical_bytes, digest
from agentguard.policy.document import (
    EvidenceSpec,
    Needed,
    ProviderSpec,
    TermsSpec,
    Tier,
)
from agentguard.policy.document.forms import provider_form

_RANK = {tier: rank for rank, tier in enumerate(Tier)}
# What a provider only publishes binds it to nothing.
BINDING = frozenset({Tier.CONTRACTED, Tier.ASSURED})


def day_of(now: datetime | None) -> date | None:
    """Return the day by the calendar of UTC; None for no time, or one of no known zone."""
    return None if now is None or now.utcoffset() is None else now.astimezone(UTC).date()


def rank_of(tier: Tier) -> int:
    """Return a number that is larger for a tier that says more."""
    return _RANK[tier]


def in_words(tiers: Iterable[Tier]) -> str:
    """Return tiers as the policy file writes them, the highest first."""
    return (
        "+".join(each.value for each in sorted(tiers, key=rank_of, reverse=True)) or Tier.NONE.value
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a provider has shown on a day.

    Attributes:
        provider: the provider.
        day: the day, None where it is not known.
        counting: the evidence that counts.
        ended: the evidence that does not, the latest first.
    """

    provider: ProviderSpec
    day: date | None
    counting: tuple[EvidenceSpec, ...]
    ended: tuple[EvidenceSpec, ...]

    @property
    def tiers(self) -> frozenset[Tier]:
        """The tiers for which there is evidence of its own."""
        return frozenset(each.tier for each in self.counting) - {Tier.NONE}

    @property
    def tier(self) -> Tier:
        """The highest of them."""
        return max(self.tiers, key=rank_of, default=Tier.NONE)

    def meets(self, needed: Needed) -> bool:
        """Say whether that is enough: one tier or a higher one, of several each by itself."""
        wanted = needed - {Tier.NONE}
        if len(wanted) > 1:
            return wanted <= self.tiers
        return all(rank_of(self.tier) >= rank_of(each) for each in wanted)

    def is_in(self, regions: Iterable[str]) -> bool:
        """Say whether the provider is in one of these regions, ``*`` for any."""
        listed = frozenset(regions)
        return "*" in listed or (self.provider.region != "" and self.provider.region in listed)

    def lacks(self, terms: TermsSpec) -> str | None:
        """Return the first of these terms that no binding evidence promises, None if all are."""
        binding = [each for each in self.counting if each.tier in BINDING]
        for name in ("retention_days", "training", "sub_processors", "breach_notice"):
            wanted = getattr(terms, name)
            if wanted is not None and not any(
                _promises(getattr(each, name), wanted) for each in binding
            ):
                return name
        return None


def _promises(said: object, wanted: object) -> bool:
    """Say whether what a piece of evidence says is as good as what is wanted, or better."""
    if said is None:
        return False
    if isinstance(wanted, tuple) and isinstance(said, tuple):
        return frozenset(said) <= frozenset(wanted)
    if isinstance(wanted, bool):
        return said is wanted
    return bool(said <= wanted)  # type: ignore[operator]  # two numbers, or two lengths of time


def shown_by(provider: ProviderSpec, day: date | None) -> Shown:
    """Return what a provider has shown on a day; on one that is not known it is nothing."""
    counting = tuple(each for each in provider.evidence if day is not None and day <= each.expires)
    ended = (each for each in provider.evidence if each not in counting)
    return Shown(
        provider=provider,
        day=day,
        counting=counting,
        ended=tuple(sorted(ended, key=lambda each: each.expires, reverse=True)),
    )


def due(provider: ProviderSpec, day: date, ahead: timedelta) -> tuple[EvidenceSpec, ...]:
    """Return the evidence that has ended on a day, or ends soon after, and was not renewed.

    Evidence is renewed by other evidence of the same tier that goes on for longer.
    """
    last: dict[Tier, EvidenceSpec] = {}
    for each in sorted(provider.evidence, key=lambda each: each.expires):
        last[each.tier] = each
    return tuple(each for each in last.values() if each.expires - day <= ahead)


def days_left(evidence: EvidenceSpec, day: date) -> str:
    """Say in words how much longer a piece of evidence counts."""
    days = (evidence.expires - day).days
    if days < 0:
        return f"ended {evidence.expires}"
    left = "today is its last day" if days == 0 else f"{days} days left"
    return f"ends {evidence.expires}, {'1 day left' if days == 1 else left}"


def register_digest(providers: Iterable[ProviderSpec]) -> str:
    """Return what names the register: its hosts, regions, evidence and keys."""
    return digest(canonical_bytes({each.id: provider_form(each) for each in providers}))
