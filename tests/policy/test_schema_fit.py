# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A misfit between a constraint and a schema is certain, and the usual ones are found."""

from decimal import Decimal
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from agentguard.canonical import freeze, is_object, thaw
from agentguard.policy import (
    AllOf,
    Const,
    Constraint,
    DecimalBetween,
    Each,
    EqualsClaim,
    Holder,
    HostIn,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    NumberBetween,
    OneOf,
    Prefix,
)
from agentguard.policy.constraints import near_misses, witnesses
from agentguard.policy.schema_fit import misfit, shape_of

ONE = IntBetween(low=1, high=9)
MONEY = DecimalBetween(low=Decimal(0), high=Decimal(9))
AMOUNT = Members(members=(("amount", ONE, False),))


@pytest.mark.parametrize(
    ("constraint", "schema", "problem"),
    [
        (ONE, {"type": "string"}, "takes text"),
        (ONE, {"type": ["string", "null"]}, "takes text and null"),
        (ONE, {"enum": ["1", "2"]}, "none of the values"),
        (ONE, {"const": 12}, "none of the values"),
        (ONE, {"type": "integer", "maximum": 0}, "lies outside"),
        (ONE, {"type": "integer", "minimum": 10}, "lies outside"),
        (ONE, {"anyOf": [{"type": "string"}, {"type": "null"}]}, "takes text"),
        (ONE, {"oneOf": [{"type": "boolean"}]}, "takes true and false"),
        (ONE, {"$ref": "#/$defs/name"}, "takes text"),
        (ONE, False, "no value at all"),
        (MONEY, {"type": "number"}, "takes numbers"),
        (NumberBetween(low=0.5, high=1), {"type": "number", "minimum": 2}, "lies outside"),
        (OneOf(options=("a", "b")), {"type": "string", "enum": ["A", "B"]}, "none of the values"),
        (OneOf(options=(5, 6)), {"type": "integer", "maximum": 4}, "none of these values"),
        (Const(value="abc"), {"type": "string", "maxLength": 2}, "none of these values"),
        (Const(value=True), {"type": "integer"}, "takes numbers"),
        (Match(pattern="a+"), {"type": "integer"}, "takes numbers"),
        (Match(pattern="a+"), {"enum": ["b", "c"]}, "none of the values"),
        (Length(least=5, most=9), {"type": "string", "maxLength": 4}, "lies outside"),
        (Each(options=("a",), most=1), {"type": "string"}, "takes text"),
        (Each(options=("a",), most=1), {"items": {"enum": ["b"]}}, "none of these values as"),
        (Each(options=("a",), most=1), {"type": "array", "minItems": 2}, "lies outside"),
        (Items(item=ONE, most=2), {"type": "array", "items": {"type": "string"}}, "takes text"),
        (AMOUNT, {"type": "object", "required": ["to"], "properties": {"to": {}}}, "'to'"),
        (AMOUNT, {"type": "object", "properties": {"amonut": {}}}, "knows no member 'amount'"),
        (AMOUNT, {"properties": {"amount": {"type": "string"}}}, "member 'amount'"),
        (AllOf(parts=(Prefix(text="a"), Length(least=1, most=2))), {"type": "null"}, "takes null"),
        (EqualsClaim(holder=Holder.PERSON, claim="c"), {"type": "array"}, "takes lists"),
    ],
)
def test_what_can_never_fit_is_told(constraint: Constraint, schema: object, problem: str) -> None:
    """A constraint that no value of the schema satisfies is a misfit, and says why."""
    whole = freeze({"$defs": {"name": {"type": "string"}}})
    assert problem in (misfit(constraint, freeze(schema), whole) or "")


@pytest.mark.parametrize(
    ("constraint", "schema"),
    [
        (ONE, {}),
        (ONE, True),
        (ONE, {"type": "integer", "minimum": 9}),
        (ONE, {"type": "number"}),
        (ONE, {"type": ["string", "integer"]}),
        (ONE, {"type": "text"}),
        (ONE, {"type": 5}),
        (ONE, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        (ONE, {"anyOf": []}),
        (ONE, {"$ref": "#/$defs/missing"}),
        (ONE, {"$ref": "https://example.com/schema"}),
        (ONE, {"$ref": "#/$defs/loop"}),
        (ONE, {"enum": [5]}),
        (ONE, {"minimum": "5"}),
        (Const(value=1.0), {"type": "integer"}),
        (Each(options=("a",), least=0, most=1), {"items": {"type": "integer"}}),
        (Items(item=ONE, least=0, most=1), {"items": {"type": "string"}}),
        (HostIn(names=("a.example",)), {"type": "string", "format": "uri"}),
        (AMOUNT, {"type": "object"}),
        (AMOUNT, {"properties": {"to": {}}, "additionalProperties": True}),
        (EqualsClaim(holder=Holder.PERSON, claim="c"), {"enum": ["a"]}),
    ],
)
def test_what_may_fit_is_no_misfit(constraint: Constraint, schema: object) -> None:
    """What is not known to exclude every value excludes none."""
    whole = freeze({"$defs": {"loop": {"$ref": "#/$defs/loop"}}})
    assert misfit(constraint, freeze(schema), whole) is None


CONSTRAINTS = st.sampled_from(
    [
        ONE,
        MONEY,
        NumberBetween(low=-0.5, high=2),
        OneOf(options=("a", "bcd", 3, True)),
        Const(value="a"),
        Match(pattern="[a-c]{2,4}"),
        Length(least=2, most=3),
        Each(options=("a", 3), most=2),
        Items(item=ONE, most=2),
        Items(item=Match(pattern="a*"), least=0, most=3),
        AMOUNT,
        Members(members=(("amount", Match(pattern="a"), True), ("to", ONE, False))),
    ]
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])
SMALL = st.integers(0, 4)
FLAT = st.fixed_dictionaries(
    {},
    optional={
        "type": TYPES | st.lists(TYPES, min_size=1, max_size=2, unique=True),
        "enum": st.lists(st.sampled_from(["a", "bcd", 3, 3.0, True, None, ["a"]]), min_size=1),
        "minimum": SMALL,
        "maximum": SMALL,
        "minLength": SMALL,
        "maxLength": SMALL,
        "minItems": SMALL,
        "maxItems": SMALL,
        "pattern": st.sampled_from(["a", "^b"]),
    },
)
NAMES = st.sampled_from(["amount", "to", "note"])
SCHEMAS = st.recursive(
    FLAT,
    lambda inner: (
        st.builds(lambda flat, items: {**flat, "items": items}, FLAT, inner)
        | st.builds(lambda choices: {"anyOf": choices}, st.lists(inner, min_size=1, max_size=2))
        | st.fixed_dictionaries(
            {"properties": st.dictionaries(NAMES, inner, max_size=2)},
            optional={
                "required": st.lists(NAMES, max_size=2, unique=True),
                "additionalProperties": st.booleans(),
            },
        )
    ),
    max_leaves=4,
)


@settings(deadline=None, max_examples=200)
@given(constraint=CONSTRAINTS, schema=SCHEMAS)
def test_a_misfit_has_no_value_that_both_take(constraint: Constraint, schema: object) -> None:
    """Where a misfit is told, no sample is valid for the schema, its objects taken as closed."""
    if misfit(constraint, freeze(schema), freeze(schema)) is None:
        return
    validator = Draft202012Validator(cast("dict[str, object]", closed(schema)))
    for value in (*witnesses(constraint), *near_misses(constraint)):
        if constraint.problem_with(value) is None:
            assert not validator.is_valid(thaw(value))


def closed(schema: object) -> object:
    """Return a schema whose objects take no members that they do not name."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: closed(value) for key, value in schema.items()}
    if schema.get("properties"):
        inner["properties"] = {name: closed(each) for name, each in schema["properties"].items()}
        inner.setdefault("additionalProperties", False)
    return inner


@pytest.mark.parametrize(
    "schema", [None, True, (), "object", {"type": "array"}, {"properties": ()}, {"required": "a"}]
)
def test_what_describes_no_object_has_no_shape(schema: object) -> None:
    """Only the schema of an object describes arguments."""
    assert shape_of(freeze(schema)) is None


@pytest.mark.parametrize(
    ("further", "is_open"),
    [
        ({}, False),
        ({"additionalProperties": False}, False),
        ({"additionalProperties": True}, True),
        ({"additionalProperties": {"type": "string"}}, True),
        ({"patternProperties": {}}, True),
        ({"allOf": [{}]}, True),
    ],
)
def test_a_schema_is_open_only_where_it_says_so(further: dict[str, object], is_open: bool) -> None:  # noqa: FBT001 - a table of cases
    """Leaving out whether there may be others does not mean that there may."""
    shape = shape_of(freeze({"properties": {"a": {}}, "required": ["a"], **further}))
    assert shape is not None
    assert shape.is_open is is_open
    assert shape.required == {"a"}
    assert is_object(shape.properties)
