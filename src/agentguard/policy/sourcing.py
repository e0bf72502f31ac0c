# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do the values of an argument come from where a rule or a flow wants them from?

It compares origins that were found out elsewhere. An argument holds values: its texts and numbers
at any depth, names of members included; one without any, such as ``true`` or an empty list, has
nothing that could come from somewhere.

INVARIANT: an argument of whose values one is not known to come from there does not come from
there, and does not certainly come from elsewhere either (tests/policy/test_argument_origins.py).
"""

from collections.abc import Mapping
from typing import NamedTuple

from agentguard.canonical import Frozen
from agentguard.policy.document import ArgumentSpec
from agentguard.vocabulary import Effect, Origins, OriginWord

TOOL = "tool:"
NOWHERE = "nowhere"
"""The word for what nobody said; a rule or a flow that does not name it takes no such value."""
PLAIN_WORDS = frozenset({"user", "system", "host", "approved", "plan", NOWHERE})
"""The words that rules may accept beside those of tools."""
_CONSENTED = frozenset({"approved", "plan"})


class Demand(NamedTuple):
    """Where the values of an argument must come from.

    Attributes:
        argument: the argument's name.
        accepted: the words of which each value must have one.
        otherwise: what becomes of a call where one has none.
    """

    argument: str
    accepted: frozenset[OriginWord]
    otherwise: Effect


def demands_of(arguments: tuple[ArgumentSpec, ...]) -> tuple[Demand, ...]:
    """Return what a rule demands of where arguments come from."""
    return tuple(
        Demand(each.name, each.origins, each.otherwise)
        for each in arguments
        if each.origins is not None
    )


def comes_from(
    accepted: frozenset[OriginWord],
    name: str,
    arguments: Mapping[str, Frozen],
    origins: Mapping[str, tuple[Origins, ...]],
) -> bool:
    """Say whether every value of an argument is known to come from there.

    Args:
        accepted: the words of which each value must have one.
        name: the argument's name; one that is not among the arguments has no values.
        arguments: the arguments of the call.
        origins: where their values come from, as far as that is known.
    """
    known = _known(name, arguments, origins)
    return known is not None and all(has_one(accepted, each) for each in known)


def has_one(accepted: frozenset[OriginWord], origins: Origins) -> bool:
    """Say whether a value has one of the accepted origins."""
    return not accepted.isdisjoint(origins.words) or (NOWHERE in accepted and origins.nowhere)


def is_known(
    name: str, arguments: Mapping[str, Frozen], origins: Mapping[str, tuple[Origins, ...]]
) -> bool:
    """Say whether every value of an argument comes from something that may be relied on."""
    known = _known(name, arguments, origins)
    return known is not None and all(each.words for each in known)


def is_elsewhere(
    accepted: frozenset[OriginWord],
    name: str,
    arguments: Mapping[str, Frozen],
    origins: Mapping[str, tuple[Origins, ...]],
) -> bool:
    """Say whether an argument holds values, and each certainly comes from elsewhere.

    Untrusted content takes a tool's word from a value by naming it. So what untrusted content
    holds, and what has no word at all, may come from a tool. What has no word at all, or only
    people's consent, may stand nowhere.
    """
    known = _known(name, arguments, origins)
    by_tools = any(word.startswith(TOOL) for word in accepted)
    return bool(known) and all(
        accepted.isdisjoint(each.words)
        and not (by_tools and (each.untrusted or not each.words))
        and (NOWHERE not in accepted or each.untrusted or bool(each.words - _CONSENTED))
        for each in known or ()
    )


def carries_nothing(
    accepted: frozenset[OriginWord],
    name: str,
    arguments: Mapping[str, Frozen],
    origins: Mapping[str, tuple[Origins, ...]],
) -> bool:
    """Say whether no value of an argument is or holds an address from elsewhere."""
    known = _known(name, arguments, origins)
    if known is None:
        return False
    return all(
        not each.carries and not any(map(accepted.isdisjoint, each.addresses)) for each in known
    )


def _known(
    name: str, arguments: Mapping[str, Frozen], origins: Mapping[str, tuple[Origins, ...]]
) -> tuple[Origins, ...] | None:
    """Return where the values of an argument come from, None where that is not known of each."""
    if name not in arguments:
        return ()
    known = origins.get(name, ())
    texts, names = values_in(arguments[name])
    # Names of members that a schema declares are no values; whoever looked left them out.
    missing = len(known) < texts or (names and name not in origins)
    return None if missing else known


def values_in(value: Frozen) -> tuple[int, int]:
    """Count the texts and numbers in a value, and the names of members."""
    if isinstance(value, str):
        return (1 if value else 0), 0
    if isinstance(value, Mapping | tuple):
        members = value.values() if isinstance(value, Mapping) else value
        counted = [values_in(each) for each in members]
        named = len(value) if isinstance(value, Mapping) else 0
        return sum(texts for texts, _ in counted), named + sum(names for _, names in counted)
    return (0 if value is None or isinstance(value, bool) else 1), 0
