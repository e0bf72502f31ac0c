# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is learned is written so that a policy file says exactly that."""

import tomllib
import unicodedata
from decimal import Decimal
from string import ascii_lowercase

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import freeze
from agentguard.classification import BUILT_IN_CLASSES
from agentguard.config.reading import read
from agentguard.policy import (
    AllOf,
    ArgumentSpec,
    Constraint,
    DecimalBetween,
    EqualsClaim,
    Holder,
    Length,
    PathBelow,
    Prefix,
    RuleSpec,
)
from agentguard.review.learning_text import proposal_text
from agentguard.review.learning_values import Classes, learned
from agentguard.review.lessons import Proposal, Support
from agentguard.vocabulary import Assurance, Effect, Reference

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)
words = st.text(ascii_lowercase + ".-_*", min_size=1, max_size=8)
seen = st.one_of(
    *(
        st.lists(kind, min_size=1, max_size=8)
        for kind in (
            st.integers(-(2**53) + 1, 2**53 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
            st.booleans(),
            texts,
            st.emails(),
            st.from_regex(r"https?://[a-z]{1,4}\.example(/[a-z]{1,3}){0,3}", fullmatch=True),
            st.from_regex(r"-?[0-9]{1,5}\.[0-9]{1,3}", fullmatch=True),
            st.lists(texts | st.integers(0, 9), max_size=3),
            st.dictionaries(words, texts | st.integers(0, 9), max_size=3),
        )
    )
).map(lambda many: [freeze(each) for each in many])
OTHERS: tuple[Constraint, ...] = (
    EqualsClaim(holder=Holder.PERSON, claim="customer"),
    PathBelow(roots=("/srv/out",)),
    AllOf(parts=(Prefix(text='say "hi" \\ \u202e'), Length(least=1, most=64))),
    DecimalBetween(low=Decimal("1E+2"), high=Decimal("1E+3"), places=2),
)
SHOWN = Classes(text=lambda _: False)
from_seen = seen.map(lambda many: learned(many, SHOWN).constraint)
constraints: st.SearchStrategy[Constraint] = st.one_of(from_seen, st.sampled_from(OTHERS))
names = st.lists(texts, unique=True, max_size=3)
operations = st.lists(
    st.sampled_from(["chat", "POST /embeddings", "POST /files"]), unique=True, min_size=1
)


@st.composite
def rules(draw: st.DrawFn) -> RuleSpec:
    """Draw a rule such as learning proposes."""
    shared = {
        "id": draw(texts),
        "who": ("agent:a",),
        "persons": draw(st.sampled_from([(), ("user:u",), ("user:*",)])),
        "environments": frozenset(draw(st.lists(texts, max_size=1))),
        "assurance": draw(st.none() | st.sampled_from(Assurance)),
        "limits": tuple(draw(names)),
    }
    if draw(st.booleans()):
        return RuleSpec(
            **shared,  # type: ignore[arg-type]  # by key
            effect=Effect.ALLOW,
            providers=(draw(texts),),
            models=tuple(draw(names)),
            operations=tuple(draw(operations)),
            references=tuple(sorted(draw(st.frozensets(st.sampled_from(Reference))))),
        )
    effect = draw(st.sampled_from([Effect.ALLOW, Effect.APPROVE]))
    return RuleSpec(
        **shared,  # type: ignore[arg-type]  # by key
        effect=effect,
        approval="leads" if effect is Effect.APPROVE else None,
        tools=(draw(texts),),
        arguments=tuple(
            ArgumentSpec(name=name, constraint=draw(constraints), optional=draw(st.booleans()))
            for name in draw(names)
        ),
        resource=draw(st.none() | constraints),
    )


def proposal(rule: RuleSpec, told: str = "free text") -> Proposal:
    """Return a proposal of a rule, with a support for each argument."""
    support = (
        Support(name=name, how="range", calls=1, values=1, persons=1, days=1, caution=told)
        for name in (*(f"args.{each.name}" for each in rule.arguments), "resource", "model")
    )
    return Proposal(
        rule=rule,
        calls=1,
        persons=1,
        sessions=1,
        days=1,
        support=tuple(support),
        cautions=(told,),
        learned_from=(),
    )


@settings(deadline=None, max_examples=60)
@given(rules(), texts)
def test_a_written_rule_is_read_as_it_was_proposed(rule: RuleSpec, told: str) -> None:
    """TOML, names and texts of any kind included, gives the rule back, and nothing beside it."""
    text = proposal_text(proposal(rule, told))
    problems: list[str] = []
    tables = tomllib.loads(text)
    document = read(
        {"version": 1, "name": "n", **tables},
        BUILT_IN_CLASSES,
        lambda path, problem: problems.append(f"{path}: {problem}"),
    ).document
    assert tables.keys() == {"rule"}
    (found,) = document.rules
    assert problems == []
    assert found == rule
    assert [form_of(each.constraint) for each in found.arguments] == [
        form_of(each.constraint) for each in rule.arguments
    ]


def form_of(constraint: Constraint) -> str:
    """Return a constraint with the types of what it holds."""
    return repr(constraint.form())


@settings(deadline=None, max_examples=60)
@given(rules(), texts)
def test_nothing_is_written_that_cannot_be_seen(rule: RuleSpec, told: str) -> None:
    """Control and direction characters are escapes, so that no line pretends to be another."""
    written = proposal_text(proposal(rule, told)).replace("\n", "")
    assert not [char for char in written if unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"}]
