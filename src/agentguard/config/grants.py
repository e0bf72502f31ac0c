# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may be handed to another agent, in the words that rules use?

Reads what a program gives to ``guard.grant``. Arguments are written as in a rule of the policy,
so that both are read by one reader.

INVARIANT: what cannot be read covers nothing: nothing is handed out, and every problem is told
without what stands there (tests/config/test_grant_tables.py).
"""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from agentguard.config.arguments import argument
from agentguard.config.document import Tell
from agentguard.errors import ConfigError, Problem
from agentguard.policy import ArgumentSpec, Path, Policy, key_of
from agentguard.policy.grants import Covered, never_listed
from agentguard.policy.limits import BEYOND
from agentguard.vocabulary import Covers

_PLACE = "guard.grant"
_AS_IN_A_RULE = (
    "write each argument as args of a rule in a policy file, such as {'amount': {'int': [1, 100]}}"
)

# Of each tool what its arguments may be, as a rule of the policy says it; None for what rules say.
Handed = Mapping[str, Mapping[str, object] | None] | Iterable[str]


def covers_of(tools: Handed, policy: Policy, *, summed: Collection[str] = ()) -> dict[str, Covers]:
    """Return what a grant covers.

    Args:
        tools: as the program writes them.
        policy: the policy that declares them.
        summed: the arguments that the grant adds up.

    Raises:
        ConfigError: the policy declares no such tool, or an argument is not written as in a rule.
    """
    if isinstance(tools, str):
        raise ConfigError("tools= of a grant is a list of tools, or a mapping of them")
    tables = tools if isinstance(tools, Mapping) else dict.fromkeys(tools)
    problems: list[Problem] = []

    def tell(path: Path, message: str) -> None:
        problems.append(Problem(file=_PLACE, key=key_of(path), line=None, message=message))

    covers: dict[str, Covers] = {}
    for index, (name, table) in enumerate(tables.items()):
        if name not in policy.tools:
            tell(("tools", index), "names no tool that the policy declares with [[tool]]")
        elif table is None:
            without = never_listed(summed, name, policy.document) if summed else frozenset()
            covers[name] = Covered(arguments=None, without=without)
        elif isinstance(table, Mapping):
            covers[name] = Covered(arguments=_arguments(table, ("tools", name), tell))
        else:
            tell(("tools", name), f"must be a mapping of arguments, or None; {_AS_IN_A_RULE}")
    if problems:
        raise ConfigError(problems)
    return covers


def _arguments(table: Mapping[str, object], path: Path, tell: Tell) -> tuple[ArgumentSpec, ...]:
    found = []
    for index, (name, value) in enumerate(table.items()):
        read, wrong = _argument(name, value, path)
        found.append(read)
        if wrong:
            place = name if name.isidentifier() else index
            tell((*path, place), f"cannot be read; {_AS_IN_A_RULE}")
    return tuple(found)


def _argument(name: str, value: object, path: Path) -> tuple[ArgumentSpec, bool]:
    """Return an argument, and whether something is wrong with it.

    What the reader of policies tells is dropped, since it may repeat what it read.
    """
    wrong: list[Path] = []
    read = argument(name, value, (*path, name), lambda place, _: wrong.append(place))
    # Whoever hands something out does not know the conversation in which it will be used.
    return read, bool(wrong) or read.origins is not None


def sums_of(sums: Mapping[str, int | Decimal], covers: Mapping[str, Covers]) -> dict[str, Decimal]:
    """Return what arguments may add up to.

    Raises:
        ConfigError: one is no such number, or belongs to an argument that no call may have.
    """
    problems: list[str] = []
    for argument_name, most in sums.items():
        if not _is_countable(most):
            problems.append("is no whole number or Decimal from 0 to 10^15")
        elif not any(
            isinstance(each, Covered) and each.lists(argument_name) for each in covers.values()
        ):
            problems.append("adds up an argument that the grant lets no tool have")
    if problems:
        raise ConfigError(
            Problem(file=_PLACE, key="sums", line=None, message=each) for each in problems
        )
    return {name: Decimal(most) for name, most in sums.items()}


def _is_countable(most: object) -> bool:
    if type(most) is Decimal:
        return most.is_finite() and 0 <= most < BEYOND
    return type(most) is int and 0 <= most < BEYOND
