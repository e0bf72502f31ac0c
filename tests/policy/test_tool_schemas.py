# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Rules are checked against the schemas of the tools that they are about."""

from dataclasses import replace

import pytest

from agentguard.canonical import freeze
from agentguard.policy import (
    AllOf,
    Anything,
    ArgumentSpec,
    Constraint,
    Flaw,
    Forbidden,
    IdentitySpec,
    IntBetween,
    Items,
    Length,
    Match,
    Members,
    PolicyDocument,
    Prefix,
    RuleSpec,
    ToolSpec,
    doubts_about,
    flaws_of,
    key_of,
)
from agentguard.vocabulary import Effect, Impact

ONE = IntBetween(low=1, high=9)
SCHEMA = {
    "type": "object",
    "properties": {
        "order": {"type": "string"},
        "amount": {"type": "integer"},
        "note": {"type": "string"},
    },
    "required": ["order", "amount"],
}
ORDER, AMOUNT = ("order", Match(pattern="ORD-[0-9]+")), ("amount", ONE)


def document(
    *arguments: tuple[str, Constraint],
    effect: Effect = Effect.ALLOW,
    optional: frozenset[str] = frozenset(),
    tools: tuple[str, ...] = ("refund",),
    schema: object = SCHEMA,
) -> PolicyDocument:
    """Return a policy with one rule about tools, of which the first two have schemas."""
    return PolicyDocument(
        name="p",
        identities=(IdentitySpec(id="agent:a"),),
        tools=(
            ToolSpec(name="refund", impact=Impact.READ_ONLY, schema=freeze(schema)),
            ToolSpec(
                name="cancel",
                impact=Impact.READ_ONLY,
                schema=freeze({"properties": {"order": {"type": "string"}}}),
            ),
            ToolSpec(name="other", impact=Impact.READ_ONLY),
        ),
        rules=(
            RuleSpec(
                id="r",
                who=("agent:a",),
                persons=("user:*",),
                effect=effect,
                tools=tools,
                arguments=tuple(
                    ArgumentSpec(name=name, constraint=constraint, optional=name in optional)
                    for name, constraint in arguments
                ),
            ),
        ),
    )


def told(flaws: tuple[Flaw, ...]) -> list[tuple[str, str]]:
    """Return flaws as they are shown."""
    return [(key_of(flaw.path), flaw.message) for flaw in flaws]


def test_a_rule_that_fits_has_no_flaw() -> None:
    """A rule that lists what the tool needs, in its types, is neither flawed nor doubted."""
    fitting = document(ORDER, AMOUNT, ("note", Anything()), optional=frozenset({"note"}))
    assert flaws_of(fitting) == ()
    assert doubts_about(fitting) == ()


def test_an_unknown_argument_is_a_flaw_with_what_was_meant() -> None:
    """A name that the tool does not have is told once, with the nearest that it has."""
    assert told(flaws_of(document(ORDER, AMOUNT, ("nothe", Anything())))) == [
        ("rule[0].args.nothe", "is no argument of 'refund'; did you mean 'note'?")
    ]
    assert told(flaws_of(document(ORDER, AMOUNT, ("zzz", Anything()))))[0][1].endswith(
        "; it has 'amount', 'note', 'order'"
    )
    denying = document(("amonut", ONE), effect=Effect.DENY)
    assert "did you mean 'amount'?" in told(flaws_of(denying))[0][1]


def test_an_argument_that_is_needed_must_be_listed() -> None:
    """A rule that lets a tool run and leaves out what it needs can never apply."""
    assert told(flaws_of(document(ORDER))) == [
        (
            "rule[0].args",
            "tool 'refund' needs 'amount', which is not listed: the rule can never apply",
        )
    ]
    assert flaws_of(document(ORDER, effect=Effect.DENY)) == ()


def test_a_constraint_of_another_type_is_a_flaw() -> None:
    """What the tool never takes can never satisfy the rule."""
    found = told(flaws_of(document(ORDER, ("amount", Match(pattern="[0-9]+")))))
    assert found == [
        ("rule[0].args.amount", "can never fit tool 'refund': the tool takes numbers for it")
    ]


def test_what_is_needed_cannot_be_forbidden() -> None:
    """A rule that forbids what the tool needs can never apply; what it does not need may be."""
    found = told(flaws_of(document(ORDER, ("amount", Forbidden()))))
    assert found[0][0] == "rule[0].args.amount"
    assert "needs this argument" in found[0][1]
    allowed = document(ORDER, AMOUNT, ("note", Forbidden()), optional=frozenset({"note"}))
    assert flaws_of(allowed) == ()


def test_every_tool_of_a_rule_is_looked_at() -> None:
    """A rule about several tools is told for those to which it can never apply."""
    found = told(flaws_of(document(ORDER, AMOUNT, tools=("refund", "cancel"))))
    assert found == [
        (
            "rule[0].args.amount",
            "tool 'cancel' has no such argument: the rule can never apply to it",
        )
    ]
    either = document(ORDER, AMOUNT, tools=("refund", "cancel"), optional=frozenset({"amount"}))
    assert flaws_of(either) == ()
    assert told(flaws_of(document(ORDER, AMOUNT, ("zzz", ONE), tools=("refund", "other")))) == [
        ("rule[0].args.zzz", "tool 'refund' has no such argument: the rule can never apply to it")
    ]
    assert flaws_of(document(("zzz", ONE), tools=("other",))) == ()


def test_an_open_schema_knows_every_argument() -> None:
    """A schema that says that there may be others excludes none."""
    schema = {**SCHEMA, "additionalProperties": True}
    assert flaws_of(document(ORDER, AMOUNT, ("zzz", ONE), schema=schema)) == ()


@pytest.mark.parametrize("schema", [{"type": "string"}, {"properties": []}, {"type": "array"}])
def test_a_schema_must_describe_arguments(schema: object) -> None:
    """The schema of anything but an object is no schema of a tool."""
    assert told(flaws_of(document(ORDER, AMOUNT, schema=schema)))[0] == (
        "tool[0].schema",
        "must be the JSON Schema of an object, whose properties are the arguments",
    )


def test_a_hosted_tool_has_no_schema() -> None:
    """What runs at the provider is decided by its definition."""
    base = document(ORDER, AMOUNT)
    tool = replace(base.tools[0], hosted=frozenset({"web_search"}))
    hosted = replace(base, tools=(tool, *base.tools[1:]))
    assert ("tool[0].schema", "does not apply to a tool that runs at the provider") in told(
        flaws_of(hosted)
    )


def test_what_the_tool_can_do_without_is_doubted() -> None:
    """A rule that needs what the tool does not need is in force, and doubted."""
    found = told(doubts_about(document(ORDER, AMOUNT, ("note", Anything()))))
    assert [key for key, _ in found] == ["rule[0].args.note"]
    assert "add optional = true" in found[0][1]


@pytest.mark.parametrize(
    "constraint",
    [
        Prefix(text="/srv/reports/"),
        AllOf(parts=(Prefix(text="/srv/"), Length(least=1, most=9))),
        Items(item=Prefix(text="/srv/"), most=2),
        Members(members=(("a", Prefix(text="/srv/"), False),)),
    ],
)
def test_a_prefix_that_stands_for_a_place_is_doubted(constraint: Constraint) -> None:
    """At any depth, a prefix that looks like a path is told to be none."""
    found = told(doubts_about(document(("x", constraint), tools=("other",))))
    assert found == [("rule[0].args.x", "does not keep a path below a folder: use 'path'")]
