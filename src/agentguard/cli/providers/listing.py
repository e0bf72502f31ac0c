# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is the register of providers told on a day, in lines and in JSON?"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from textwrap import wrap
from typing import Any

from agentguard.policy import EvidenceSpec
from agentguard.policy.decision import Policy
from agentguard.policy.egress_needs import Unmet
from agentguard.policy.register import Shown, days_left, due, in_words, register_digest, shown_by
from agentguard.review.destinations import clear_data

_WIDTH = 100
_NAME = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A provider on a day.

    Attributes:
        shown: what it has shown.
        due: the evidence that has ended or ends soon.
        clear: for data that is not hidden the need that it does not meet, if any.
    """

    shown: Shown
    due: tuple[EvidenceSpec, ...]
    clear: Mapping[str, Unmet | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """The providers of a policy on a day.

    Attributes:
        digest: names the register, as entries of the audit log do.
        day: the day.
        ahead: how far ahead is looked for what ends.
        has_needs: whether the policy says what data needs.
        providers: in the order of the file.
    """

    digest: str
    day: date
    ahead: timedelta
    has_needs: bool
    providers: tuple[Listed, ...]

    @property
    def due(self) -> bool:
        """Whether any evidence has ended or ends soon."""
        return any(each.due for each in self.providers)


def register_of(policy: Policy, day: date, ahead: timedelta) -> Register:
    """Return the register of a policy on a day."""
    document = policy.document
    return Register(
        digest=register_digest(document.providers),
        day=day,
        ahead=ahead,
        has_needs=document.egress is not None,
        providers=tuple(
            Listed(
                shown=shown_by(each, day),
                due=due(each, day, ahead),
                clear=clear_data(document, each.id, policy.classes_at(each.id), day),
            )
            for each in document.providers
        ),
    )


def lines_of(register: Register) -> Iterator[str]:
    """Tell a register to a reader."""
    yield f"register {register.digest} on {register.day}"
    if not register.has_needs:
        yield "the policy has no [egress]: data goes to every provider that a rule allows"
    for each in register.providers:
        yield ""
        yield from _provider(register, each)
    soon = [(each.shown.provider.id, one) for each in register.providers for one in each.due]
    yield ""
    if not soon:
        yield f"nothing ends within {register.ahead.days} days"
    for provider, evidence in sorted(soon, key=lambda each: each[1].expires):
        told = days_left(evidence, register.day)
        yield f"renew: {evidence.tier.value} evidence of {provider}, {evidence.kind}: {told}"


def _provider(register: Register, listed: Listed) -> Iterator[str]:
    provider = listed.shown.provider
    yield f"{provider.id}: {in_words(listed.shown.tiers)}"
    yield from _row("hosts", ", ".join(provider.hosts))
    yield from _row("region", provider.region or "not named")
    if provider.environments:
        yield from _row("only in", ", ".join(sorted(provider.environments)))
    for evidence in (*listed.shown.counting, *listed.shown.ended):
        counts = "" if evidence in listed.shown.counting else " (does not count)"
        yield from _row("evidence", f"{_about(evidence, register.day)}{counts}")
        yield from _row("", _terms(evidence))
        yield from _row("", f"read by {evidence.reviewed_by}, sha256 {evidence.sha256}")
    if not provider.evidence:
        yield from _row("evidence", "none")
    for key in provider.keys:
        yield from _row("key", f"{key.fingerprint} of {', '.join(key.who)}")
    if not provider.keys:
        yield from _row("key", "any that no other provider lists")
    if register.has_needs:
        may = [name for name, unmet in listed.clear.items() if unmet is None]
        yield from _row("in clear", ", ".join(may) or "nothing")
        for name, unmet in listed.clear.items():
            if unmet is not None:
                yield from _row("not", f"{name}: {unmet.constraint} {unmet.problem}")


def _row(name: str, text: str) -> Iterator[str]:
    start = f"  {name:<{_NAME}} "
    yield from wrap(
        text,
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_on_hyphens=False,
    )


def _about(evidence: EvidenceSpec, day: date) -> str:
    scope = f", {evidence.scope}" if evidence.scope else ""
    period = "" if evidence.period_end is None else f", covers until {evidence.period_end}"
    told = f"{evidence.tier.value} by {evidence.kind}{scope}{period}"
    return f"{told}, {days_left(evidence, day)}"


def _terms(evidence: EvidenceSpec) -> str:
    kept, trained = evidence.retention_days, evidence.training
    passed, notice = evidence.sub_processors, evidence.breach_notice
    unsaid = "not said"
    return "; ".join(
        (
            f"retention: {unsaid if kept is None else f'{kept} days'}",
            f"training: {unsaid if trained is None else 'yes' if trained else 'no'}",
            f"sub-processors: {unsaid if passed is None else ', '.join(passed) or 'none'}",
            f"breach notice: {unsaid if notice is None else f'within {_hours(notice)}'}",
        )
    )


def _hours(time: timedelta) -> str:
    days, rest = divmod(time, timedelta(days=1))
    return f"{time / timedelta(hours=1):g} hours" if rest else f"{days} days"


def plain_register(register: Register) -> dict[str, Any]:
    """Return a register as JSON holds it."""
    return {
        "on": register.day.isoformat(),
        "register": register.digest,
        "within_days": register.ahead / timedelta(days=1),
        "egress": register.has_needs,
        "due": register.due,
        "providers": [_plain(register, each) for each in register.providers],
    }


def _plain(register: Register, listed: Listed) -> dict[str, Any]:
    provider = listed.shown.provider
    return {
        "id": provider.id,
        "hosts": list(provider.hosts),
        "region": provider.region or None,
        "environments": sorted(provider.environments),
        "tier": listed.shown.tier.value,
        "tiers": sorted(each.value for each in listed.shown.tiers),
        "evidence": [_plain_evidence(register, listed, each) for each in provider.evidence],
        "keys": [
            {"fingerprint": each.fingerprint, "who": list(each.who)} for each in provider.keys
        ],
        "in_clear": None if not register.has_needs else _plain_clear(listed.clear),
    }


def _plain_evidence(register: Register, listed: Listed, evidence: EvidenceSpec) -> dict[str, Any]:
    notice, period = evidence.breach_notice, evidence.period_end
    passed = evidence.sub_processors
    return {
        "tier": evidence.tier.value,
        "kind": evidence.kind,
        "scope": evidence.scope,
        "sha256": evidence.sha256,
        "reviewed_by": evidence.reviewed_by,
        "period_end": None if period is None else period.isoformat(),
        "expires": evidence.expires.isoformat(),
        "days_left": (evidence.expires - register.day).days,
        "counts": evidence in listed.shown.counting,
        "due": evidence in listed.due,
        "retention_days": evidence.retention_days,
        "training": evidence.training,
        "sub_processors": None if passed is None else list(passed),
        "breach_notice_seconds": None if notice is None else int(notice.total_seconds()),
    }


def _plain_clear(clear: Mapping[str, Unmet | None]) -> dict[str, Any]:
    return {
        name: {
            "may": unmet is None,
            "constraint": None if unmet is None else unmet.constraint,
            "problem": None if unmet is None else unmet.problem,
            "hint": None if unmet is None else unmet.hint,
        }
        for name, unmet in clear.items()
    }
