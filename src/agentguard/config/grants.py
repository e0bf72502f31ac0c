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

_AS_IN_A_RULE = (
    "write each argument as args of a rule in a policy file, such as {'amount': {'int': [1, 100]}}"
)

# Of each tool what its arguments may be, as a rule of the policy says it; None for what rules say.
Handed = Mapping[str, Mapping[str, object] | None] | Iterable[str]


def covers_of(
    tools: Handed, policy: Policy, *, summed: Collection[str] = (), by: str = "grant"
) -> dict[str, Covers]:
    """Return what a grant, or a scope, covers.

    Args:
        tools: as the program writes them.
        policy: the policy that declares them.
        summed: the arguments that it adds up.
        by: what it is called.

    Raises:
        ConfigError: the policy declares no such tool, or an argument is not written as in a rule.
    """
    if isinstance(tools, str):
        raise ConfigError(f"tools= of a {by} is a list of tools, or a mapping of them")
    tables = tools if isinstance(tools, Mapping) else dict.fromkeys(tools)
    problems: list[Problem] = []

    def tell(path: Path, message: str) -> None:
        problems.append(Problem(file=_place(by), key=key_of(path), line=None, message=message))

    covers: dict[str, Covers] = {}
    for index, (name, table) in enumerate(tables.items()):
        if name not in policy.tools:
            tell(("tools", index), "names no tool that the policy declares with [[tool]]")
        elif table is None:
            without = never_listed(summed, name, policy.document) if summed else frozenset()
            covers[name] = Covered(arguments=None, without=without, by=by)
        elif isinstance(table, Mapping):
            read = read_arguments(table, ("tools", name), tell)
            covers[name] = Covered(arguments=read, by=by)
        else:
            tell(("tools", name), f"must be a mapping of arguments, or None; {_AS_IN_A_RULE}")
    if problems:
        raise ConfigError(problems)
    return covers


def read_arguments(table: Mapping[str, object], path: Path, tell: Tell) -> tuple[ArgumentSpec, ...]:
    """Return what arguments may be, written as ``args`` of a rule.

    Args:
        table: what the program gives, by the argument's name.
        path: where it stands.
        tell: takes each problem with its path; what is told holds nothing that stands there.
    """
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


def sums_of(
    sums: Mapping[str, int | Decimal], covers: Mapping[str, Covers] | None, *, by: str = "grant"
) -> dict[str, Decimal]:
    """Return what arguments may add up to.

    Args:
        sums: as the program writes them.
        covers: the tools that are covered; None where the rules alone say which.
        by: what the sums belong to.

    Raises:
        ConfigError: one is no such number, or belongs to an argument that no call may have.
    """
    problems: list[str] = []
    for argument_name, most in sums.items():
        if not _is_countable(most):
            problems.append("is no whole number or Decimal from 0 to 10^15")
        elif covers is not None and not any(
            isinstance(each, Covered) and each.lists(argument_name) for each in covers.values()
        ):
            problems.append(f"adds up an argument that the {by} lets no tool have")
    if problems:
        raise ConfigError(
            Problem(file=_place(by), key="sums", line=None, message=each) for each in problems
        )
    return {name: Decimal(most) for name, most in sums.items()}


def _place(by: str) -> str:
    return f"guard.{by}" if by == "grant" else f"{by}="


def _is_countable(most: object) -> bool:
    if type(most) is Decimal:
        return most.is_finite() and 0 <= most < BEYOND
    return type(most) is int and 0 <= most < BEYOND
