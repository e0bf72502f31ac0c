# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does an argument equal what is known of the caller, in Cedar's words?

A request holds of each claim that rules compare with the values, in the three ways in which rules
ask about them; a claim that is not known, or holds anything else or empty text, is left out.
"""

from collections.abc import Callable

from agentguard.canonical import Frozen
from agentguard.policy.constraints import EqualsClaim
from agentguard.review.cedar import syntax
from agentguard.review.cedar.places import Place
from agentguard.review.cedar.views import View, composed_token, kind_of, token
from agentguard.vocabulary import Chain, Principal

_CLAIMS = "context.claims"
_WAYS: dict[str, Callable[[object], str]] = {
    "": token,
    " (composed)": composed_token,
    " (kinds)": kind_of,
}


def claim_name(constraint: EqualsClaim) -> str:
    """Return how a request calls the claim that a constraint is about."""
    return f"{constraint.holder}.{constraint.claim}"


def claim_attributes(name: str) -> tuple[str, ...]:
    """Return the attributes that hold a claim."""
    return tuple(name + way for way in _WAYS)


def claim_seen(name: str, chain: Chain) -> dict[str, list[str]]:
    """Return the attributes of a claim with what they hold for a chain; nothing if not known."""
    holder, _, claim = name.partition(".")
    principal = chain.person if holder == "person" else chain.actor
    values = () if principal is None else _values(principal, claim)
    if not values or "" in values or "other" in map(kind_of, values):
        return {}
    return {name + way: sorted(set(map(words, values))) for way, words in _WAYS.items()}


def _values(principal: Principal, claim: str) -> tuple[Frozen, ...]:
    if claim == "id":
        return (principal.id,)
    value = principal.claims.get(claim)
    return value if isinstance(value, tuple) else (value,)


def equals_claim(place: Place, constraint: EqualsClaim) -> str:
    """Return the condition that an argument, or each of several values, equals a claim."""
    place.claims.add(claim_name(constraint))
    plain, _, _ = claim_attributes(claim_name(constraint))
    claim = syntax.member(_CLAIMS, plain)
    if place.holds_several:
        return syntax.all_of(
            [
                syntax.has(_CLAIMS, plain),
                place.reading(
                    View.ITEMS,
                    View.COUNT,
                    holds=lambda items, count: f"0 < {count} && {claim}.containsAll({items})",
                ),
            ]
        )
    return syntax.all_of(
        [
            syntax.has(_CLAIMS, plain),
            place.reading(View.TOKEN, holds=lambda value: f"{claim}.contains({value})"),
        ]
    )


def differs_from_claim(place: Place, constraint: EqualsClaim) -> str:
    """Return the condition that a claim is known and an argument certainly differs from it."""
    place.claims.add(claim_name(constraint))
    _, composed, kinds = claim_attributes(claim_name(constraint))
    spelled, known = syntax.member(_CLAIMS, composed), syntax.member(_CLAIMS, kinds)
    there = [syntax.has(_CLAIMS, composed), syntax.has(_CLAIMS, kinds)]
    if place.holds_several:

        def none(items: str, kinds_there: str, count: str) -> str:
            return (
                f"0 < {count} && {known}.containsAll({kinds_there})"
                f" && !{spelled}.containsAny({items})"
            )

        return syntax.all_of(
            [*there, place.reading(View.COMPOSED_ITEMS, View.KINDS, View.COUNT, holds=none)]
        )

    def another(value: str, kind: str) -> str:
        return f"{known}.contains({kind}) && !{spelled}.contains({value})"

    return syntax.all_of([*there, place.reading(View.COMPOSED_TOKEN, View.KIND, holds=another)])
