# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is an explanation told in lines and in JSON?

It repeats nothing of the call beyond what the policy holds.
"""

from collections.abc import Iterator
from textwrap import wrap
from typing import Any

from agentguard.policy import PolicyDocument
from agentguard.policy.document.words import ANSWER
from agentguard.policy.register import day_of
from agentguard.review.destinations import clear_data
from agentguard.review.explaining import Explanation, Standing
from agentguard.vocabulary import (
    Action,
    AskApproval,
    ChargeLimits,
    HideClasses,
    MeetNeeds,
    RecordBeforeDispatch,
    SignWith,
    TellDoubts,
    WithoutTools,
)

_INDENT = " " * 15
_WIDTH = 80


def lines_of(document: PolicyDocument, explanation: Explanation) -> Iterator[str]:
    """Tell an explanation to a reader."""
    decision = explanation.decision
    rule = "no rule" if decision.rule is None else f"rule {decision.rule!r}"
    yield f"{explanation.effect.value:<14} by {rule}"
    if decision.reason is not None:
        yield f"{'reason':<14} {decision.reason.value}"
    if explanation.unlisted:
        yield f"{'reason':<14} reference: no rule lists {', '.join(explanation.unlisted)}"
    if decision.nearest is not None:
        near = decision.nearest
        yield f"{'nearest':<14} {near.rule!r}: {near.constraint} {near.problem}"
    if decision.hint is not None:
        yield f"{'to allow it':<14} {decision.hint}"
    for name, text in _duties(document, explanation):
        yield from wrap(
            text,
            _WIDTH,
            initial_indent=f"{name:<14} ",
            subsequent_indent=_INDENT,
            break_on_hyphens=False,
        )
    if decision.shadow is not None:
        would = "no rule" if decision.shadow.rule is None else f"rule {decision.shadow.rule!r}"
        yield f"{'in shadow':<14} {decision.shadow.effect.value} by {would}"
    yield f"{'policy':<14} {decision.policy}"
    yield from _table(explanation.standings)


def plain_explanation(document: PolicyDocument, explanation: Explanation) -> dict[str, Any]:
    """Return an explanation as JSON holds it."""
    decision = explanation.decision
    near, shadow = decision.nearest, decision.shadow
    return {
        "effect": explanation.effect.value,
        "decision": decision.effect.value,
        "rule": decision.rule,
        "reason": None if decision.reason is None else decision.reason.value,
        "unlisted_references": list(explanation.unlisted),
        "nearest": None
        if near is None
        else {"rule": near.rule, "constraint": near.constraint, "problem": near.problem},
        "hint": decision.hint,
        "obligations": dict(_duties(document, explanation)),
        "shadow": None if shadow is None else {"effect": shadow.effect.value, "rule": shadow.rule},
        "policy": decision.policy,
        "rules": [_plain_standing(each) for each in explanation.standings],
    }


def _plain_standing(standing: Standing) -> dict[str, Any]:
    return {
        "rule": standing.rule,
        "effect": standing.effect.value,
        "agent": standing.agent,
        "target": standing.target,
        "applies": standing.applies,
        "in_shadow": standing.in_shadow,
        "constraint": standing.constraint or None,
        "problem": standing.problem or None,
    }


def _duties(document: PolicyDocument, explanation: Explanation) -> Iterator[tuple[str, str]]:
    profiles = {each.name: each for each in document.profiles}
    for duty in explanation.decision.obligations:
        if isinstance(duty, AskApproval):
            profile = profiles[duty.profile]
            who = ", ".join(sorted(each.id for each in profile.approvers))
            yield "approval", f"{duty.profile}: {profile.need} of {who}"
        elif isinstance(duty, TellDoubts):
            told = (f"{each.argument or 'the call'}: {each.told}" for each in duty.doubts)
            yield "in doubt", "; ".join(told)
        elif isinstance(duty, ChargeLimits):
            counted = (f"{each.key} {each.amount} of {each.most}" for each in duty.charges)
            yield "limits", ", ".join(counted)
        elif isinstance(duty, HideClasses):
            yield "classes", "; ".join(_by_action(duty))
        elif isinstance(duty, WithoutTools):
            yield "without", f"{len(duty.pointers)} tools at the provider, which are not allowed"
        elif isinstance(duty, RecordBeforeDispatch):
            yield "recorded", "on disk before it happens"
        elif isinstance(duty, MeetNeeds):
            yield "in clear", "; ".join(_in_clear(document, explanation, duty.provider))
        elif isinstance(duty, SignWith) and duty.keys.only is not None:
            yield "keys", ", ".join(sorted(duty.keys.only)) or "none that the caller may use"


def _in_clear(document: PolicyDocument, explanation: Explanation, provider: str) -> Iterator[str]:
    """Tell which of the data that is not hidden may go to a provider, and why other may not."""
    hiding = (each for each in explanation.decision.obligations if isinstance(each, HideClasses))
    classes = next((each.classes for each in hiding), {})
    unmet = clear_data(document, provider, classes, day_of(explanation.question.now))
    may = ", ".join(name for name, problem in unmet.items() if problem is None)
    yield f"may go to {provider!r}: {may or 'nothing'}"
    for name, problem in unmet.items():
        if problem is not None:
            yield f"{name} may not: {problem.constraint} {problem.problem}"


def _by_action(duty: HideClasses) -> Iterator[str]:
    """Tell for each action the classes that it is done with before a call leaves."""
    # A request is searched for none of the family `answer`.
    sought = [each for each in duty.classes.values() if each.family != ANSWER]
    for action in Action:
        names = sorted(each.name for each in sought if each.action is action)
        if names:
            yield f"{action.value} {', '.join(names)}"


def _table(standings: tuple[Standing, ...]) -> Iterator[str]:
    """Tell every rule about the call, those that apply first."""
    if not standings:
        yield "no rule names this identity and this target"
        return
    yield "rules about it"
    width = max(len(each.rule) for each in standings)
    several = len({(each.agent, each.target) for each in standings}) > 1
    for each in standings:
        words = [f"  {each.rule:<{width}}  {each.effect.value:<7}"]
        if several:
            words.append(f"[{each.agent}, {each.target}]")
        words.append("applies" if each.applies else f"no: {each.constraint} {each.problem}")
        if each.in_shadow:
            words.append("(in shadow: recorded, not carried out)")
        yield " ".join(words)
