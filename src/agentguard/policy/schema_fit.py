# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a constraint ever be satisfied by what a JSON Schema describes?

Reads the part of JSON Schema that tools use: types, enumerations, ranges, lists, objects,
alternatives and references within the schema. What it does not know describes every value, so
that a misfit is certain.

INVARIANT: a constraint that some value of the schema satisfies is no misfit
(tests/policy/test_schema_fit.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agentguard.canonical import Frozen, is_object
from agentguard.policy.constraints import (
    AllOf,
    Constraint,
    Each,
    IntBetween,
    Items,
    Length,
    Members,
    NumberBetween,
    types_of,
    values_of,
)

_DEEPEST_REFERENCE = 16

# What a value of each type is here; 1.0 is an integer to JSON Schema.
_TYPES: Mapping[str, frozenset[type]] = MappingProxyType(
    {
        "string": frozenset({str}),
        "integer": frozenset({int, float}),
        "number": frozenset({int, float}),
        "boolean": frozenset({bool}),
        "array": frozenset({tuple}),
        "object": frozenset({dict}),
        "null": frozenset({type(None)}),
    }
)
_EVERY_TYPE = frozenset[type]().union(*_TYPES.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The members of an object that a schema describes.

    Attributes:
        properties: the schemas of the members that it names.
        required: the members that must be there.
        is_open: whether the schema says that there may be others.
    """

    properties: Mapping[str, Frozen]
    required: frozenset[str]
    is_open: bool


def shape_of(schema: Frozen, whole: Frozen = None) -> Shape | None:
    """Return the members of an object, None for what is not plainly a schema of one.

    Args:
        schema: the JSON Schema.
        whole: the schema that references point into, itself if None.
    """
    schema = _resolved(schema, schema if whole is None else whole)
    if not is_object(schema) or schema.get("type", "object") != "object":
        return None
    properties = schema.get("properties", {})
    required = schema.get("required", ())
    if not is_object(properties) or not isinstance(required, tuple):
        return None
    return Shape(
        properties=properties,
        required=frozenset(each for each in required if isinstance(each, str)),
        is_open=any(map(schema.__contains__, ("patternProperties", "allOf", "anyOf", "oneOf")))
        or schema.get("additionalProperties", False) is not False,
    )


def misfit(constraint: Constraint, schema: Frozen, whole: Frozen) -> str | None:
    """Return why no value of a schema satisfies a constraint, None if one may.

    Args:
        constraint: the constraint.
        schema: what the tool says of the argument.
        whole: the schema that references point into.
    """
    if isinstance(constraint, AllOf):
        return next(
            (found for part in constraint.parts if (found := misfit(part, schema, whole))), None
        )
    problems = []
    for each in _alternatives(schema, whole, 0):
        problem = _misfit(constraint, each, whole)
        if problem is None:
            return None
        problems.append(problem)
    return problems[0] if problems else "the tool takes no value at all for it"


def _misfit(constraint: Constraint, schema: Mapping[str, Frozen], whole: Frozen) -> str | None:
    """Return why no value of a schema without alternatives satisfies a constraint."""
    taken = types_of_schema(schema)
    if types_of(constraint).isdisjoint(taken):
        return f"the tool takes {_named(taken)} for it"
    listed = _listed(schema)
    if listed is not None and not constraint.contextual:
        if any(constraint.problem_with(value) is None for value in listed):
            return None
        return "none of the values that the tool takes for it satisfies this"
    values = values_of(constraint)
    if values is not None and not any(_may_take(schema, value) for value in values):
        return "the tool takes none of these values for it"
    if isinstance(constraint, IntBetween | NumberBetween | Length | Each | Items):
        return _range_misfit(constraint, schema) or _items_misfit(constraint, schema, whole)
    return _members_misfit(constraint, schema, whole) if isinstance(constraint, Members) else None


def _range_misfit(
    constraint: IntBetween | NumberBetween | Length | Each | Items, schema: Mapping[str, Frozen]
) -> str | None:
    if isinstance(constraint, IntBetween | NumberBetween):
        low, high, names = constraint.low, constraint.high, ("minimum", "maximum")
    else:
        low, high = constraint.least, constraint.most
        names = ("minLength", "maxLength") if isinstance(constraint, Length) else _ITEM_COUNTS
    least, most = _number(schema, names[0]), _number(schema, names[1])
    if (least is not None and high < least) or (most is not None and low > most):
        return "the range that the tool takes for it lies outside"
    return None


_ITEM_COUNTS = ("minItems", "maxItems")


def _items_misfit(
    constraint: Constraint, schema: Mapping[str, Frozen], whole: Frozen
) -> str | None:
    items = schema.get("items")
    if items is None or not isinstance(constraint, Each | Items) or not constraint.least:
        return None
    if isinstance(constraint, Items):
        return misfit(constraint.item, items, whole)
    if any(_takes(items, whole, option) for option in constraint.options):
        return None
    return "the tool takes none of these values as an item"


def _takes(schema: Frozen, whole: Frozen, value: Frozen) -> bool:
    return any(_may_take(each, value) for each in _alternatives(schema, whole, 0))


def _members_misfit(constraint: Members, schema: Mapping[str, Frozen], whole: Frozen) -> str | None:
    shape = shape_of(schema, whole)
    if shape is None or not shape.properties:
        return None
    listed = {name: (each, optional) for name, each, optional in constraint.members}
    for name in sorted(shape.required - listed.keys()):
        return f"the tool needs its member {name!r}, which the rule does not list"
    for name, (each, optional) in listed.items():
        if name in shape.properties:
            problem = misfit(each, shape.properties[name], whole)
            if problem is not None and (not optional or name in shape.required):
                return f"member {name!r}: {problem}"
        elif not shape.is_open and not optional:
            return f"the tool knows no member {name!r} of it"
    return None


def _alternatives(schema: Frozen, whole: Frozen, depth: int) -> Iterator[Mapping[str, Frozen]]:
    """Return the schemas of which a value satisfies one; an empty one describes every value."""
    schema = _resolved(schema, whole)
    if schema is False:
        return
    if not is_object(schema) or depth > _DEEPEST_REFERENCE:
        yield {}
        return
    for key in ("anyOf", "oneOf"):
        choices = schema.get(key)
        if isinstance(choices, tuple) and choices:
            for choice in choices:
                yield from _alternatives(choice, whole, depth + 1)
            return
    yield schema


def _resolved(schema: Frozen, whole: Frozen) -> Frozen:
    for _ in range(_DEEPEST_REFERENCE):
        reference = schema.get("$ref") if is_object(schema) else None
        if not isinstance(reference, str):
            return schema
        schema = _pointed(reference, whole)
    return {}


def _pointed(reference: str, whole: Frozen) -> Frozen:
    """Return what a reference within a schema points to, what describes every value if nothing."""
    if not reference.startswith("#/"):
        return {}
    found = whole
    for part in reference[2:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if not is_object(found) or name not in found:
            return {}
        found = found[name]
    return found


def types_of_schema(schema: Mapping[str, Frozen]) -> frozenset[type]:
    """Return the types of values that a schema describes."""
    named = schema.get("type")
    names = (named,) if isinstance(named, str) else named
    if not isinstance(names, tuple) or not all(isinstance(each, str) for each in names):
        return _EVERY_TYPE
    taken = frozenset[type]().union(*(_TYPES.get(str(each), _EVERY_TYPE) for each in names))
    return taken | {type(None)} if schema.get("nullable") is True else taken


def _listed(schema: Mapping[str, Frozen]) -> tuple[Frozen, ...] | None:
    """Return the only values that a schema describes, if it lists them, in every spelling."""
    listed = (schema["const"],) if "const" in schema else schema.get("enum")
    if not isinstance(listed, tuple):
        return None
    return tuple(spelling for value in listed for spelling in _spellings(value))


def _spellings(value: Frozen) -> Iterator[Frozen]:
    """Yield a value, and a whole number in its other spelling: to JSON Schema 3 is 3.0."""
    yield value
    if type(value) is int:
        yield float(value)
    elif type(value) is float and value.is_integer():
        yield int(value)


def _may_take(schema: Mapping[str, Frozen], value: Frozen) -> bool:
    if type(value) not in types_of_schema(schema):
        return False
    listed = _listed(schema)
    if listed is not None:
        return any(type(value) is type(each) and value == each for each in listed)
    if isinstance(value, str):
        return _within(schema, len(value), "minLength", "maxLength")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _within(schema, value, "minimum", "maximum")
    return True


def _within(schema: Mapping[str, Frozen], value: float, least: str, most: str) -> bool:
    low, high = _number(schema, least), _number(schema, most)
    return (low is None or value >= low) and (high is None or value <= high)


def _number(schema: Mapping[str, Frozen], name: str) -> int | float | None:
    value = schema.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value


_NAMES = (
    ("text", str),
    ("numbers", int),
    ("true and false", bool),
    ("lists", tuple),
    ("objects", dict),
    ("null", type(None)),
)


def _named(types: frozenset[type]) -> str:
    return " and ".join(name for name, kind in _NAMES if kind in types) or "nothing"
