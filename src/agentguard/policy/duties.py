# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do further duties join those that a decision lays on a call?

It decides nothing: a duty that joins only tightens.

INVARIANT: every account is charged once (tests/policy/test_limits.py).
"""

from dataclasses import replace

from agentguard.vocabulary import Charge, ChargeLimits, Decision, ReceiveOnly, ReferOnly


def both(outer: Decision, inner: Decision) -> Decision:
    """Return the decision on a call with what another call inside it may refer to at most."""
    allowed = [
        each.references
        for each in (*outer.obligations, *inner.obligations)
        if isinstance(each, ReferOnly)
    ]
    kept = tuple(each for each in outer.obligations if not isinstance(each, ReferOnly))
    refer = ReferOnly(references=frozenset.intersection(*allowed))
    return replace(outer, obligations=(*kept, refer))


def charges_in(decision: Decision) -> tuple[Charge, ...]:
    """Return what a decision counts a call under."""
    return next(
        (each.charges for each in decision.obligations if isinstance(each, ChargeLimits)), ()
    )


def charged(decision: Decision, charges: tuple[Charge, ...]) -> Decision:
    """Return a decision with charges, beside those of other accounts that it has."""
    every = {each.key: each for each in (*charges_in(decision), *charges)}
    if not every:
        return decision
    kept = [each for each in decision.obligations if not isinstance(each, ChargeLimits)]
    duty = ChargeLimits(charges=tuple(every[key] for key in sorted(every)))
    return replace(decision, obligations=(*kept, duty))


def narrowed(decision: Decision, classes: tuple[frozenset[str], ...]) -> Decision:
    """Return a decision under which arguments hold no more than each rule lets them hold."""
    if not classes:
        return decision
    least = frozenset.intersection(*classes)
    obligations = tuple(
        ReceiveOnly(classes=each.classes & least) if isinstance(each, ReceiveOnly) else each
        for each in decision.obligations
    )
    return replace(decision, obligations=obligations)
