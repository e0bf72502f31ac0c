# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may an argument be, as a rule of the file says it?

Each table holds one kind of constraint; those of lists and objects hold further tables.

INVARIANT: a constraint that is not well formed is told where it stands
(tests/config/test_constraint_tables.py).
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar

from agentguard.config.document import ArgumentTable, Tell, UrlTable, read_table
from agentguard.policy import (
    AllOf,
    Anything,
    ArgumentSpec,
    Const,
    Constraint,
    DecimalBetween,
    Each,
    EmailAt,
    EqualsClaim,
    Forbidden,
    Holder,
    HostIn,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    Path,
    PathBelow,
    Prefix,
    Scalar,
    UrlParts,
    plain_decimal,
)
from agentguard.vocabulary import Effect

_AS_A_WHOLE = "stands beside an argument as a whole, not inside one"
_QUOTED = 'args."filters.allowed_domains"'
_BESIDE_LENGTH = ("match", "prefix", "path", "url", "email")
_OWNERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "least": ("each", "items"),
        "most": ("each", "items"),
        "unique": ("items",),
        "places": ("decimal",),
    }
)
T = TypeVar("T")

# Whoever writes constraints deeper is told so before the interpreter gives up.
_DEEPEST = 64
_BOTH_ENDS = "must be [lowest, highest]: both ends are needed"


def argument(name: str, value: object, path: Path, tell: Tell) -> ArgumentSpec:
    """Return the argument that ``args.NAME`` of a rule means.

    Args:
        name: the argument's name.
        value: what the file holds.
        path: where it stands.
        tell: takes each problem with its path.
    """
    table = _table(value, path, tell)
    constraint = Anything() if table is None else _read(value, table, path, tell)
    if table is not None and table.origins is None and table.otherwise is not None:
        tell((*path, "else"), "belongs to 'from'")
    if table is not None and table.otherwise is Effect.ALLOW:
        tell((*path, "else"), "must be 'approve' or 'deny'")
    return ArgumentSpec(
        name=name,
        constraint=constraint,
        optional=_may_be_missing(table),
        origins=None if table is None or table.origins is None else frozenset(table.origins),
        otherwise=Effect.DENY if table is None else table.otherwise or Effect.DENY,
    )


def read_constraint(name: str, value: object, path: Path, tell: Tell) -> Constraint:
    """Return the constraint that a table means, for what cannot be missing.

    Args:
        name: what it is about.
        value: what the file holds.
        path: where it stands.
        tell: takes each problem with its path.
    """
    for key in ("optional", "forbidden"):
        if isinstance(value, Mapping) and key in value:
            tell((*path, key), f"does not apply: {name!r} is always there")
    for key in ("from", "else"):
        if isinstance(value, Mapping) and key in value:
            tell((*path, key), _AS_A_WHOLE)
    table = _table(value, path, tell)
    return Anything() if table is None else _read(value, table, path, tell)


def _may_be_missing(table: ArgumentTable | None) -> bool:
    return table is not None and (table.optional or table.forbidden is True)


def _table(value: object, path: Path, tell: Tell) -> ArgumentTable | None:
    """Return a table, or None and tell if it was probably meant as a name with dots."""
    if len(path) > _DEEPEST:
        tell(path, "constraints stand too deep in one another: end here with 'any'")
        return None
    if (
        isinstance(value, Mapping)
        and value.keys().isdisjoint(ArgumentTable.kinds)
        and any(isinstance(each, Mapping) for each in value.values())
    ):
        tell(path, f"holds a table: write the name in quotes, as in {_QUOTED}")
        return None
    return read_table(ArgumentTable, value, path, tell)


def _read(value: object, table: ArgumentTable, path: Path, tell: Tell) -> Constraint:
    if not isinstance(value, Mapping):
        return Anything()
    kinds = [kind for kind in ArgumentTable.kinds if kind in value]
    if not kinds and table.origins is not None:
        kinds = ["any"]
    beside = "length" in kinds and any(kind in kinds for kind in _BESIDE_LENGTH)
    if len(kinds) != 1 + beside:
        expected = ", ".join(map(repr, ArgumentTable.kinds))
        tell(path, f"must have exactly one of {expected}; 'length' may stand beside another text")
        return Anything()
    for key, owners in _OWNERS.items():
        if key in value and kinds[0] not in owners:
            tell((*path, key), f"belongs to {' and '.join(map(repr, owners))}")
    parts = [_part(kind, table, path, tell) for kind in kinds]
    return parts[0] if len(parts) == 1 else AllOf(parts=tuple(parts))


def _part(kind: str, table: ArgumentTable, path: Path, tell: Tell) -> Constraint:
    """Return a constraint, or Anything in place of one that was told to be wrong."""
    if kind == "url":
        return _url(table, (*path, kind), tell)
    if kind == "items":
        return _items(table, (*path, kind), tell)
    if kind == "members":
        return _members(table, (*path, kind), tell)
    try:
        return _READERS[kind](table) or Anything()
    except ValueError as error:
        tell((*path, kind), str(error))
        return Anything()


def _integer(table: ArgumentTable) -> Constraint | None:
    if table.integer is None:
        return None
    low, high = _ends(table.integer)
    return IntBetween(low=low, high=high)


def _number(table: ArgumentTable) -> Constraint | None:
    if table.number is None:
        return None
    if any(type(each) not in (int, float) for each in table.number):
        raise ValueError("must hold two numbers")
    low, high = _ends(table.number)
    return NumberBetween(low=low, high=high)


def _decimal(table: ArgumentTable) -> Constraint | None:
    if table.decimal is None:
        return None
    low, high = map(plain_decimal, _ends(table.decimal))
    if low is None or high is None:
        raise ValueError("must hold two decimal numbers in plain notation, such as '0.01'")
    return DecimalBetween(low=low, high=high, places=table.places)


def _each(table: ArgumentTable) -> Constraint | None:
    if table.each is None:
        return None
    options = tuple(map(_scalar, table.each))
    return Each(
        options=options,
        least=1 if table.least is None else table.least,
        most=len(options) if table.most is None else table.most,
    )


def _length(table: ArgumentTable) -> Constraint | None:
    if table.length is None:
        return None
    least, most = _ends(table.length)
    return Length(least=least, most=most)


def _claim(table: ArgumentTable) -> Constraint | None:
    if table.claim is None:
        return None
    holder, dot, claim = table.claim.partition(".")
    if not dot or holder not in set(Holder):
        raise ValueError("must be 'person.' or 'actor.' and the name of a claim")
    return EqualsClaim(holder=Holder(holder), claim=claim)


def _forbidden(table: ArgumentTable) -> Constraint | None:
    if table.forbidden is False:
        raise ValueError("must be true")
    return Forbidden()


def _any(table: ArgumentTable) -> Constraint | None:
    if table.any is False:
        raise ValueError("must be true; leave the argument out to forbid it")
    return Anything()


def _ends(bounds: list[T]) -> tuple[T, T]:
    if len(bounds) != 2:  # noqa: PLR2004 - a range has two ends
        raise ValueError(_BOTH_ENDS)
    return bounds[0], bounds[1]


_READERS: Mapping[str, Callable[[ArgumentTable], Constraint | None]] = MappingProxyType(
    {
        "int": _integer,
        "number": _number,
        "decimal": _decimal,
        "in": lambda t: (
            None if t.options is None else OneOf(options=tuple(map(_scalar, t.options)))
        ),
        "const": lambda t: Const(value=_scalar(t.const)),
        "match": lambda t: None if t.match is None else Match(pattern=t.match),
        "prefix": lambda t: None if t.prefix is None else Prefix(text=t.prefix),
        "path": lambda t: None if t.path is None else PathBelow(roots=tuple(t.path)),
        "host": lambda t: None if t.host is None else HostIn(names=tuple(t.host)),
        "email": lambda t: None if t.email is None else EmailAt(domains=tuple(t.email)),
        "each": _each,
        "length": _length,
        "claim": _claim,
        "forbidden": _forbidden,
        "any": _any,
    }
)


def _url(table: ArgumentTable, path: Path, tell: Tell) -> Constraint:
    if table.url is None:
        return Anything()
    url = read_table(UrlTable, table.url, path, tell)
    if not url.hosts:
        return Anything()
    try:
        return UrlParts(
            schemes=tuple(url.schemes or ()),
            hosts=tuple(url.hosts),
            ports=tuple(url.ports or ()),
            paths=tuple(url.paths or ()),
            query=url.query,
        )
    except ValueError as error:
        tell(path, str(error))
        return Anything()


def _items(table: ArgumentTable, path: Path, tell: Tell) -> Constraint:
    if table.items is None:
        return Anything()
    item = read_constraint("an item", table.items, path, tell)
    if table.most is None:
        tell((*path[:-1], "most"), "is needed: both ends of the number of items")
        return Anything()
    try:
        return Items(
            item=item,
            least=1 if table.least is None else table.least,
            most=table.most,
            unique=table.unique is True,
        )
    except ValueError as error:
        tell(path, str(error))
        return Anything()


def _members(table: ArgumentTable, path: Path, tell: Tell) -> Constraint:
    if table.members is None:
        return Anything()
    members = [argument(name, value, (*path, name), tell) for name, value in table.members.items()]
    for name, value in table.members.items():
        for key in ("from", "else"):
            if isinstance(value, Mapping) and key in value:
                tell((*path, name, key), _AS_A_WHOLE)
    try:
        return Members(
            members=tuple((each.name, each.constraint, each.optional) for each in members)
        )
    except ValueError as error:
        tell(path, str(error))
        return Anything()


def _scalar(value: object) -> Scalar:
    if isinstance(value, bool | int | float | str):
        return value
    raise ValueError("must hold text, numbers, true and false only")
