# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""May this data go to this provider, on this day?

Data is what leaves in clear: the classes that pass, and text in which nothing was found. Without a
table ``[egress]`` nothing is needed, and data goes to every declared provider that rules allow.

INVARIANT: who needs more is never let through where who needs less is not
(tests/policy/test_egress_needs.py).
INVARIANT: what ``[egress]`` names nowhere needs all that anything needs (same file).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from types import MappingProxyType

from agentguard.policy.document import (
    EgressSpec,
    Needed,
    PolicyDocument,
    ProviderSpec,
    TermsSpec,
    Tier,
)
from agentguard.policy.flaws import key_of
from agentguard.policy.register import Shown, in_words, rank_of, shown_by
from agentguard.vocabulary import DataClass, Nearest

UNLABELLED = "unlabelled"
_DAYS_REMEMBERED = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What some data needs of a provider.

    Attributes:
        name: the class, or ``unlabelled``.
        needs: evidence, all of it.
        regions: lists of regions; the provider must be in one of each.
        terms: what must have been promised, all of it.
    """

    name: str
    needs: tuple[Needed, ...] = ()
    regions: tuple[tuple[str, ...], ...] = ()
    terms: tuple[TermsSpec, ...] = ()

    @property
    def about(self) -> str:
        """The data, in words."""
        if self.name == UNLABELLED:
            return "text in which nothing was found"
        return f"data of class {self.name!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmet:
    """A need that a provider does not meet.

    Attributes:
        provider: its id.
        constraint: what is missing: ``evidence``, ``region`` or a term.
        problem: what is demanded, and what there is.
        hint: the line of the policy that would allow it.
    """

    provider: str
    constraint: str
    problem: str
    hint: str

    @property
    def nearest(self) -> Nearest:
        """The same, as decisions tell it."""
        return Nearest(rule=self.provider, constraint=self.constraint, problem=self.problem)


def demands_of(document: PolicyDocument) -> Mapping[str, Demand]:
    """Return what each class, and ``unlabelled``, needs; nothing without ``[egress]``."""
    egress = document.egress
    if egress is None:
        return MappingProxyType({})
    found = {each.name: _demand(egress, each) for each in document.classes}
    found[UNLABELLED] = _unlabelled(egress)
    return MappingProxyType(found)


def _demand(egress: EgressSpec, data_class: DataClass) -> Demand:
    wanted = (data_class.name, data_class.family)
    needs = next((egress.needs[name] for name in wanted if name in egress.needs), None)
    return _named(egress, data_class.name, needs, wanted)


def _unlabelled(egress: EgressSpec) -> Demand:
    return _named(egress, UNLABELLED, egress.unlabelled, (UNLABELLED,))


def _named(egress: EgressSpec, name: str, needs: Needed | None, wanted: tuple[str, ...]) -> Demand:
    """Return a demand by the lines that name it; what no line names is on the strict side."""
    regions = next((egress.regions[each] for each in wanted if each in egress.regions), None)
    terms = next((egress.terms[each] for each in wanted if each in egress.terms), None)
    if needs is None and regions is None and terms is None:
        return Demand(
            name=name,
            needs=_most(egress),
            regions=tuple(egress.regions.values()),
            terms=tuple(egress.terms.values()),
        )
    return Demand(
        name=name,
        needs=_most(egress) if needs is None else (needs,),
        regions=() if regions is None else (regions,),
        terms=() if terms is None else (terms,),
    )


def _most(egress: EgressSpec) -> tuple[Needed, ...]:
    """Return all that anything needs, each once and in one order."""
    every = {each for each in (*egress.needs.values(), egress.unlabelled) if each is not None}
    return tuple(sorted(every, key=lambda each: sorted(map(rank_of, each)), reverse=True))


def unmet_by(demand: Demand, shown: Shown) -> Unmet | None:
    """Return the first need that a provider does not meet, None if it meets all."""
    return next(_unmet(demand, shown), None)


def _unmet(demand: Demand, shown: Shown) -> Iterator[Unmet]:
    provider = shown.provider.id
    for needed in demand.needs:
        if not shown.meets(needed):
            yield Unmet(
                provider=provider,
                constraint="evidence",
                problem=f"must show {in_words(needed)!r} for {demand.about};"
                f" {_what_is_there(shown, needed)}",
                hint=f"add [[provider.evidence]] for {in_words(_missing(needed, shown))!r} to"
                f" provider {provider!r}, or change {_line(demand)} of [egress]",
            )
    for regions in demand.regions:
        if not shown.is_in(regions):
            there = shown.provider.region
            yield Unmet(
                provider=provider,
                constraint="region",
                problem=f"must be one of {', '.join(map(repr, regions))} for {demand.about};"
                f" {f'it is {there!r}' if there else 'the policy names none'}",
                hint=f"add the region of provider {provider!r} to"
                f" {key_of(('regions', demand.name))} of [egress]",
            )
    for terms in demand.terms:
        lacking = shown.lacks(terms)
        if lacking is not None:
            yield Unmet(
                provider=provider,
                constraint=lacking,
                problem=f"must be promised as [egress] demands for {demand.about}; no contract or"
                " assurance that counts says so",
                hint=f"add [[provider.evidence]] with {lacking} to provider {provider!r}, or"
                f" change {key_of(('terms', demand.name))} of [egress]",
            )


def _line(demand: Demand) -> str:
    return UNLABELLED if demand.name == UNLABELLED else key_of(("needs", demand.name))


def _missing(needed: Needed, shown: Shown) -> Iterable[Tier]:
    return needed if len(needed) == 1 else needed - shown.tiers


def _what_is_there(shown: Shown, needed: Needed) -> str:
    if shown.day is None:
        return "without a time no evidence counts"
    told = f"it shows {in_words(shown.tiers)!r} on {shown.day}"
    least = min(map(rank_of, needed))
    enough = (each for each in shown.ended if each.tier in needed or rank_of(each.tier) >= least)
    over = next((each for each in enough if each.tier not in shown.tiers), None)
    return told if over is None else f"{told}, that of {over.tier.value!r} ended {over.expires}"


def finding_unmet(
    document: PolicyDocument,
) -> Callable[[str, Iterable[str], date | None], Unmet | None]:
    """Return what says, of a provider, of data and of a day, which need is not met.

    Data is named by classes and ``unlabelled``; a name that is none of them is not asked about.
    """
    demands = demands_of(document)
    providers: Mapping[str, ProviderSpec] = {each.id: each for each in document.providers}

    @lru_cache(maxsize=_DAYS_REMEMBERED)
    def on_day(provider: str, day: date | None) -> Mapping[str, Unmet]:
        shown = shown_by(providers[provider], day)
        found = ((name, unmet_by(demand, shown)) for name, demand in demands.items())
        return MappingProxyType({name: unmet for name, unmet in found if unmet is not None})

    def find(provider: str, data: Iterable[str], day: date | None) -> Unmet | None:
        unmet = on_day(provider, day)
        return (
            next((unmet[name] for name in sorted(data) if name in unmet), None) if unmet else None
        )

    return find
