# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does the policy know the arguments that a function really has?

Describes a signature as a JSON Schema, and compares it with the rules about the tool and with the
schema that the policy holds of it. What an annotation means beyond JSON is not guessed: such an
argument may be anything.

INVARIANT: a rule that some call of the function satisfies is no reason to refuse the function
(tests/enforcement/test_signatures.py).
"""

import inspect
import types
import typing
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from enum import Enum
from types import MappingProxyType
from typing import Any

from agentguard.canonical import Frozen, NotCanonical, freeze, is_object
from agentguard.errors import ConfigError
from agentguard.policy import Policy, key_of
from agentguard.policy.schema_fit import Shape, shape_of, types_of_schema
from agentguard.policy.targets import finding_tools
from agentguard.policy.tool_schemas import meant, rule_flaws_of, unknown_arguments
from agentguard.vocabulary import Effect

_DEEPEST_ANNOTATION = 8

_PLAIN: Mapping[object, str] = MappingProxyType(
    {
        str: "string",
        int: "integer",
        float: "number",
        bool: "boolean",
        type(None): "null",
        None: "null",
        list: "array",
        tuple: "array",
        Sequence: "array",
        dict: "object",
        Mapping: "object",
    }
)


def schema_of(function: Callable[..., Any], signature: inspect.Signature) -> Mapping[str, Frozen]:
    """Return the JSON Schema of a function's arguments, as far as its annotations tell.

    Args:
        function: the function.
        signature: its signature.
    """
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except Exception:  # noqa: BLE001 - evaluates the author's annotations, which may do anything
        hints = {}
    parameters = signature.parameters.values()
    return {
        "type": "object",
        "properties": {
            each.name: _described(hints[each.name], 0) if each.name in hints else {}
            for each in parameters
        },
        "required": tuple(each.name for each in parameters if each.default is each.empty),
        "additionalProperties": False,
    }


def _described(annotation: Any, depth: int) -> Mapping[str, Frozen]:
    """Return the JSON Schema of an annotation, an empty one for what is not known."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if depth > _DEEPEST_ANNOTATION:
        return {}
    if origin is typing.Annotated:
        return _described(inner[0], depth + 1)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": tuple(_described(each, depth + 1) for each in inner)}
    if origin in (list, Sequence) and len(inner) == 1:
        return {"type": "array", "items": _described(inner[0], depth + 1)}
    if inspect.isclass(annotation) and issubclass(annotation, Enum):
        return _enumerated([each.value for each in annotation])
    return _enumerated(inner) if origin is typing.Literal else _plain(origin or annotation)


def _plain(annotation: Any) -> Mapping[str, Frozen]:
    try:
        kind = _PLAIN.get(annotation)
    except TypeError:  # an annotation may be anything, also what cannot be looked up
        kind = None
    return {} if kind is None else {"type": kind}


def _enumerated(values: Sequence[object]) -> Mapping[str, Frozen]:
    try:
        return {"enum": tuple(freeze(each) for each in values)}
    except NotCanonical:
        return {}


def check_signature(
    policy: Policy, tool: str, function: Callable[..., Any], signature: inspect.Signature
) -> None:
    """Refuse a function whose arguments are not those that the policy speaks of.

    Args:
        policy: the policy.
        tool: the tool's name in it.
        function: the function.
        signature: its signature.

    Raises:
        ConfigError: a rule names an argument that the function does not have or can never apply
            to it, or the schema in the policy describes another function.
    """
    schema = schema_of(function, signature)
    check_schema(policy, tool, schema, left_out=may_be_left_out(signature))


def check_schema(
    policy: Policy, tool: str, schema: Frozen, *, left_out: frozenset[str], fills: bool = True
) -> None:
    """Refuse a tool whose arguments, as a JSON Schema describes them, the policy does not fit.

    Args:
        policy: the policy.
        tool: the tool's name in it.
        schema: of an object, as far as it is known.
        left_out: the arguments that are left out where they are null.
        fills: whether the defaults of other arguments are filled in before a decision.

    Raises:
        ConfigError: as ``check_signature``.
    """
    shape = shape_of(schema)
    if shape is None:
        return
    filled = sorted(shape.properties.keys() - shape.required - left_out) if fills else []
    problems = [
        *_disagreements(policy, tool, shape),
        *_problems(policy, tool, shape, schema, filled),
    ]
    if problems:
        raise ConfigError(
            f"the policy does not fit the arguments of the function behind tool {tool!r}: "
            + "; ".join(problems)
        )


def may_be_left_out(signature: inspect.Signature) -> frozenset[str]:
    """Return the arguments that are left out where they are None: those with this default."""
    return frozenset(each.name for each in signature.parameters.values() if each.default is None)


def _problems(
    policy: Policy, tool: str, shape: Shape, schema: Frozen, filled: Sequence[str]
) -> Iterator[str]:
    """Find rules about a tool that speak of another function.

    Args:
        policy: the policy.
        tool: the tool.
        shape: its arguments.
        schema: the same as a schema.
        filled: those that are always there, since their defaults are filled in before a decision.
    """
    find = finding_tools(policy.document)
    for index, rule in enumerate(policy.document.rules):
        names = find(rule)
        if tool not in names:
            continue
        listed = {each.name for each in rule.arguments}
        here = f"rule {rule.id!r}"
        unknown = dict(unknown_arguments(rule, {tool: shape})) if len(names) == 1 else {}
        yield from (f"{here}: {key_of(('args', name))} {told}" for name, told in unknown.items())
        for flaw in rule_flaws_of(("rule", index), rule, tool, shape, schema):
            if flaw.path[-1] not in unknown:
                yield f"{here}: {key_of(flaw.path[2:])}: {flaw.message}"
        for name in filled if rule.effect is not Effect.DENY else ():
            if name not in listed:
                yield (
                    f"{here}: {name!r} is not listed, but its default is filled in where it is left"
                    " out: the rule can never apply"
                )


def _disagreements(policy: Policy, tool: str, shape: Shape) -> Iterator[str]:
    """Find where the schema of the policy describes other arguments than the function has."""
    schema = policy.tools[tool].schema
    known = None if schema is None else shape_of(schema)
    if known is None:
        return
    names = sorted(shape.properties)
    for name in sorted(known.properties.keys() - shape.properties.keys()):
        yield f"the schema names {name!r}, which the function does not have{meant(name, names)}"
    for name in names:
        if name not in known.properties:
            if not known.is_open:
                yield f"the schema does not name {name!r}"
        elif name in shape.required - known.required:
            yield f"the schema says that {name!r} may be missing, but the function needs it"
        elif _types(known.properties[name]).isdisjoint(_types(shape.properties[name])):
            yield f"the schema and the annotation say different types of {name!r}"


def _types(schema: Frozen) -> AbstractSet[type]:
    """Return the types that a schema without references describes."""
    if not is_object(schema):
        return types_of_schema({})
    choices = schema.get("anyOf")
    if isinstance(choices, tuple):
        return frozenset[type]().union(*map(_types, choices))
    if "$ref" in schema or "oneOf" in schema or "allOf" in schema:
        return types_of_schema({})
    return types_of_schema(schema)
