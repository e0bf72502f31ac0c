# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A function is guarded only if its arguments are those that the policy speaks of."""

import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, StrEnum
from pathlib import Path

import pytest

from agentguard import Guard
from agentguard.canonical import freeze
from agentguard.enforcement.signatures import check_signature, schema_of
from agentguard.errors import ConfigError
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Constraint,
    IdentitySpec,
    IntBetween,
    Match,
    Policy,
    PolicyDocument,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.vocabulary import Effect, Impact

ORDER, AMOUNT = ("order", Match(pattern="ORD-[0-9]+")), ("amount", IntBetween(low=1, high=9))


class Colour(StrEnum):
    """A choice of texts."""

    RED = "red"
    BLUE = "blue"


class Level(Enum):
    """A choice of numbers and something else."""

    LOW = 1
    ODD = object()


@dataclass(frozen=True, slots=True)
class Address:
    """Something that is no JSON."""

    city: str


def refund(order: str, amount: int) -> None:
    """Take two arguments."""


def refund_with_note(order: str, amount: int, note: str | None = None) -> None:
    """Take a third one that may be left out."""


def policy(
    *arguments: tuple[str, Constraint],
    effect: Effect = Effect.ALLOW,
    optional: bool = False,
    schema: object = None,
    tools: tuple[str, ...] = ("refund",),
) -> Policy:
    """Return a policy with a rule about a tool."""
    listed = tuple(
        ArgumentSpec(name=name, constraint=each, optional=optional) for name, each in arguments
    )
    rule = RuleSpec(id="r", who=("agent:a",), effect=effect, tools=tools, arguments=listed)
    return compile_policy(
        PolicyDocument(
            name="p",
            identities=(IdentitySpec(id="agent:a"),),
            tools=(
                ToolSpec(name="refund", impact=Impact.IRREVERSIBLE, schema=freeze(schema)),
                ToolSpec(name="other", impact=Impact.READ_ONLY),
            ),
            rules=(rule,),
        )
    )


def checked(known: Policy, function: Callable[..., object]) -> str:
    """Return what is wrong with a function, the empty text where nothing is."""
    try:
        check_signature(known, "refund", function, inspect.signature(function))
    except ConfigError as error:
        return str(error)
    return ""


def shown(function: Callable[..., object]) -> Mapping[str, object]:
    """Return what is known of the single argument of a function."""
    schema = schema_of(function, inspect.signature(function))
    properties = schema["properties"]
    assert isinstance(properties, Mapping)
    return typing.cast("Mapping[str, object]", properties["x"])


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (str, {"type": "string"}),
        (int, {"type": "integer"}),
        (float, {"type": "number"}),
        (bool, {"type": "boolean"}),
        (None, {"type": "null"}),
        (list, {"type": "array"}),
        (list[int], {"type": "array", "items": {"type": "integer"}}),
        (Sequence[str], {"type": "array", "items": {"type": "string"}}),
        (tuple[int, str], {"type": "array"}),
        (dict[str, int], {"type": "object"}),
        (Mapping[str, int], {"type": "object"}),
        (int | None, {"anyOf": ({"type": "integer"}, {"type": "null"})}),
        (typing.Optional[int], {"anyOf": ({"type": "integer"}, {"type": "null"})}),  # noqa: UP045 - the older spelling
        (typing.Annotated[int, "cents"], {"type": "integer"}),
        (typing.Literal["a", 5], {"enum": ("a", 5)}),
        (Colour, {"enum": ("red", "blue")}),
        (Level, {}),
        (Address, {}),
        (typing.Any, {}),
        (object, {}),
        ("no type at all", {}),
        (inspect.Parameter.empty, {}),
        ([1], {}),
    ],
)
def test_annotations_are_read_as_far_as_they_are_json(
    annotation: object, schema: Mapping[str, object]
) -> None:
    """A plain annotation becomes a schema, and any other one says nothing."""

    def tool(x: object) -> None:
        """Take an argument."""

    tool.__annotations__["x"] = annotation
    assert shown(tool) == schema


def test_a_function_that_fits_is_taken() -> None:
    """Rules that list what the function has are no reason to refuse it."""
    assert checked(policy(ORDER, AMOUNT), refund) == ""
    assert checked(policy(("zzz", Anything()), tools=("other",)), refund) == ""
    assert checked(policy(effect=Effect.DENY), refund) == ""


@pytest.mark.parametrize("effect", [Effect.ALLOW, Effect.DENY])
def test_a_rule_that_names_another_argument_is_told(effect: Effect) -> None:
    """The rule, the argument and what was probably meant stand in the message."""
    said = checked(policy(ORDER, AMOUNT, ("amonut", Anything()), effect=effect), refund)
    assert "rule 'r': args.amonut is no argument of 'refund'; did you mean 'amount'?" in said


def test_a_rule_that_can_never_apply_is_told() -> None:
    """A missing argument and a constraint of another type are told at once."""
    said = checked(policy(("amount", Match(pattern="[0-9]+"))), refund)
    assert "needs 'order', which is not listed" in said
    assert "args.amount: can never fit tool 'refund': the tool takes numbers for it" in said
    assert checked(policy(ORDER, effect=Effect.DENY), refund) == ""


def refund_by_default(order: str, amount: int, note: str = "") -> None:
    """Take a third one that is empty where it is left out."""


def test_a_default_is_an_argument_like_any_other() -> None:
    """What is filled in must be listed by a rule that lets the tool run, for it to ever do so."""
    said = checked(policy(ORDER, AMOUNT), refund_by_default)
    assert "rule 'r': 'note' is not listed, but its default is filled in" in said
    assert checked(policy(ORDER, AMOUNT, ("note", Anything())), refund_by_default) == ""
    assert checked(policy(ORDER, effect=Effect.DENY), refund_by_default) == ""


def test_a_default_of_none_may_be_left_out() -> None:
    """What is None by default is no argument where it is left out, so no rule need list it."""
    assert checked(policy(ORDER, AMOUNT), refund_with_note) == ""


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"properties": {"order": {}, "amount": {}}, "required": ["order", "amount"]}, ""),
        (
            {
                "properties": {"order": {}, "amount": {"type": ["integer", "null"]}},
                "required": ["order", "amount"],
            },
            "",
        ),
        (
            {
                "properties": {"order": {}, "amount": {"$ref": "#/$defs/a"}},
                "required": ["order", "amount"],
            },
            "",
        ),
        (
            {
                "properties": {"order": {}, "amount": {}, "note": {}},
                "required": ["order", "amount"],
            },
            "the schema names 'note', which the function does not have",
        ),
        ({"properties": {"order": {}}, "required": ["order"]}, "does not name 'amount'"),
        (
            {"properties": {"order": {}, "amount": {}}, "required": ["order"]},
            "the schema says that 'amount' may be missing, but the function needs it",
        ),
        (
            {
                "properties": {"order": {}, "amount": {"type": "string"}},
                "required": ["order", "amount"],
            },
            "the schema and the annotation say different types of 'amount'",
        ),
    ],
)
def test_the_schema_of_the_policy_describes_this_function(schema: object, problem: str) -> None:
    """Another name, another type and another need of an argument are told."""
    said = checked(policy(effect=Effect.DENY, schema=schema), refund)
    assert problem in said
    assert bool(said) is bool(problem)


def test_a_guard_refuses_the_function_when_it_is_wrapped(policy_file: Path) -> None:
    """A function that no rule of the starter policy fits is refused before it is ever called."""
    with Guard.from_file(policy_file) as guard:

        def misnamed(order: str, amount: int, recipient: str) -> str:
            """Refund an order."""
            return f"{order} {amount} {recipient}"

        with pytest.raises(ConfigError, match="is no argument of 'refund'"):
            guard.tool(name="refund")(misnamed)
