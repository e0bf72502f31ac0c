# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may an argument be, as a rule of the file says it?"""

from collections.abc import Mapping

from agentguard.config.document import ArgumentTable, Tell, read_table
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Const,
    Constraint,
    Each,
    IntBetween,
    Match,
    OneOf,
    Path,
    Scalar,
)

_QUOTED = 'args."filters.allowed_domains"'


def argument(name: str, value: object, path: Path, tell: Tell) -> ArgumentSpec:
    """Return the argument that ``args.NAME`` of a rule means.

    Args:
        name: the argument's name.
        value: what the file holds.
        path: where it stands.
        tell: takes each problem with its path.
    """
    if isinstance(value, Mapping) and any(isinstance(each, Mapping) for each in value.values()):
        tell(path, f"holds a table: write the name in quotes, as in {_QUOTED}")
        return ArgumentSpec(name=name, constraint=Anything())
    table = read_table(ArgumentTable, value, path, tell)
    constraint: Constraint = Anything()
    kinds = [kind for kind in ArgumentTable.kinds if isinstance(value, Mapping) and kind in value]
    if len(kinds) == 1:
        try:
            constraint = _constraint(kinds[0], table)
        except ValueError as error:
            tell((*path, kinds[0]), str(error))
        _refuse_bounds(kinds[0], table, path, tell)
    elif isinstance(value, Mapping):
        expected = ", ".join(map(repr, ArgumentTable.kinds))
        tell(path, f"must have exactly one of {expected}")
    return ArgumentSpec(name=name, constraint=constraint, optional=table.optional)


def _refuse_bounds(kind: str, table: ArgumentTable, path: Path, tell: Tell) -> None:
    bounds = {"least": table.least, "most": table.most}
    for key, bound in bounds.items():
        if bound is not None and kind != "each":
            tell((*path, key), "belongs to 'each'")


def _constraint(kind: str, table: ArgumentTable) -> Constraint:
    """Return a constraint, or Anything in place of one whose shape was told to be wrong.

    Raises:
        ValueError: the shape is right but the content is not.
    """
    if kind == "int" and table.integer is not None:
        if len(table.integer) != 2:  # noqa: PLR2004 - a range has two ends
            raise ValueError("must be [lowest, highest]: both ends are needed")
        return IntBetween(low=table.integer[0], high=table.integer[1])
    if kind == "match" and table.match is not None:
        return Match(pattern=table.match)
    if kind == "in" and table.options is not None:
        return OneOf(options=tuple(map(_scalar, table.options)))
    if kind == "each" and table.each is not None:
        options = tuple(map(_scalar, table.each))
        return Each(
            options=options,
            least=1 if table.least is None else table.least,
            most=len(options) if table.most is None else table.most,
        )
    if kind == "const":
        return Const(value=_scalar(table.const))
    if kind == "any" and table.any is False:
        raise ValueError("must be true; leave the argument out to forbid it")
    return Anything()


def _scalar(value: object) -> Scalar:
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError("must hold text, numbers, true and false only")
