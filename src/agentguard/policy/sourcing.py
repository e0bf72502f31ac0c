# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do the values of an argument come from where a rule or a flow wants them from?

It compares origins that were found out elsewhere. An argument holds values: its texts and numbers
at any depth, names of members included; one without any, such as ``true`` or an empty list, has
nothing that could come from somewhere.

INVARIANT: an argument of whose values one is not known to come from there does not come from
there, and does not certainly come from elsewhere either (tests/policy/test_argument_origins.py).
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agentguard.canonical import Frozen
from agentguard.policy.document import ArgumentSpec
from agentguard.vocabulary import Effect, Origins, OriginWord

TOOL = "tool:"
PLAIN_WORDS = frozenset({"user", "system", "host", "approved", "plan"})
"""The words that may be relied on beside those of tools."""


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
    if name not in arguments:
        return True
    known = origins.get(name, ())
    if not all(not accepted.isdisjoint(each.words) for each in known):
        return False
    return len(known) >= _values(arguments[name])


def is_known(
    name: str, arguments: Mapping[str, Frozen], origins: Mapping[str, tuple[Origins, ...]]
) -> bool:
    """Say whether every value of an argument comes from something that may be relied on."""
    known = origins.get(name, ())
    return all(each.words for each in known) and len(known) >= _values(arguments.get(name))


def is_elsewhere(
    accepted: frozenset[OriginWord],
    name: str,
    arguments: Mapping[str, Frozen],
    origins: Mapping[str, tuple[Origins, ...]],
) -> bool:
    """Say whether an argument holds values, and each certainly comes from elsewhere."""
    known = origins.get(name, ())
    if not 0 < _values(arguments.get(name)) <= len(known):
        return False
    return all(accepted.isdisjoint(each.words) for each in known)


def carries_nothing(
    accepted: frozenset[OriginWord],
    name: str,
    arguments: Mapping[str, Frozen],
    origins: Mapping[str, tuple[Origins, ...]],
) -> bool:
    """Say whether no value of an argument is known to hold an address from elsewhere."""
    known = origins.get(name, ())
    if any(each.carries and accepted.isdisjoint(each.words) for each in known):
        return False
    return len(known) >= _values(arguments.get(name))


def _values(value: Frozen) -> int:
    return sum(1 for _ in _leaves(value))


def _leaves(value: Frozen) -> Iterator[str | float]:
    """Yield the texts and numbers in a value that say something."""
    if isinstance(value, str):
        if value:
            yield value
    elif isinstance(value, Mapping):
        for name, member in value.items():
            if name:
                yield name
            yield from _leaves(member)
    elif isinstance(value, tuple):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value
