# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which data may go to which provider, on what evidence?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum
from typing import TypeAlias


class Tier(StrEnum):
    """How far a provider's word can be relied on, least first.

    A published plan is ``planned`` and nothing more.
    """

    NONE = "none"
    PLANNED = "planned"
    CONTRACTED = "contracted"
    ASSURED = "assured"


# Evidence that is needed: of each of these tiers at least.
Needed: TypeAlias = frozenset[Tier]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceSpec:
    """One piece of evidence about a provider.

    Attributes:
        tier: what it shows.
        kind: what it is, such as ``soc2-type2`` or ``dpa``.
        scope: what it is about, in the words of whoever reviewed it.
        sha256: the digest of the document.
        reviewed_by: who read it.
        period_end: the last day that an audit looked at, None where it names none.
        expires: the last day on which it counts.
        retention_days: how long the provider keeps content, None where it does not say.
        training: whether the provider trains on content, None where it does not say.
        sub_processors: to whom it passes content on, None where it does not say.
        breach_notice: within what time it tells of a breach, None where it does not say.
    """

    tier: Tier
    kind: str
    scope: str = ""
    sha256: str
    reviewed_by: str
    period_end: date | None = None
    expires: date
    retention_days: int | None = None
    training: bool | None = None
    sub_processors: tuple[str, ...] | None = None
    breach_notice: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeySpec:
    """An API key, by its fingerprint, and who may use it at the provider.

    ``who`` holds ids, groups and globs of those who make calls.
    """

    fingerprint: str
    who: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TermsSpec:
    """What a provider must have promised; evidence that does not say so does not promise it.

    Attributes:
        retention_days: how long it may keep content; None for as long as it does.
        training: False where it must not train on content; None where it may.
        sub_processors: to whom it may pass content on, at most; None for anybody.
        breach_notice: within what time it must tell of a breach; None for any.
    """

    retention_days: int | None = None
    training: bool | None = None
    sub_processors: tuple[str, ...] | None = None
    breach_notice: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EgressSpec:
    """What data that leaves in clear needs of the provider that it goes to.

    A class, and text in which nothing was found, that is named nowhere here falls to the strict
    side: it needs the most that anything needs, all regions and all terms.

    Attributes:
        needs: for a class or a family what evidence is needed.
        unlabelled: what text in which nothing was found needs; None for the most.
        regions: for a class, a family or ``unlabelled`` the regions in which the provider must
            be; ``*`` is any.
        terms: for a class, a family or ``unlabelled`` what the provider must have promised.
    """

    needs: Mapping[str, Needed] = field(default_factory=dict)
    unlabelled: Needed | None = None
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    terms: Mapping[str, TermsSpec] = field(default_factory=dict)
