# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is it known which operations a policy opens to nobody?"""

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.identity import Identities
from agentguard.policy import (
    IdentitySpec,
    Openings,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    compile_policy,
)
from agentguard.vocabulary import Effect, Kind, ModelCall

if TYPE_CHECKING:
    from agentguard.policy import Policy

CHAT = ("POST", "/chat/completions", Kind.INFERENCE, "chat")
FILES = ("POST", "/files", Kind.UPLOAD, "")
LIST = ("GET", "/files", Kind.READ, "")
USERS = ("GET", "/organization/users", Kind.ADMIN, "")
OPERATIONS = (CHAT, FILES, LIST, USERS)
WORDS = ("chat", "inference", "upload", "read", "POST /files", "GET /organization/users")
AGENTS = ("agent:a", "agent:b")
PEOPLE = ("user:alice", "user:bob")


def rule(name: str, effect: Effect = Effect.ALLOW, **fields: Any) -> RuleSpec:
    """Return a rule about models."""
    given = {"who": AGENTS, "persons": ("user:*",), "providers": ("p",), **fields}
    return RuleSpec(id=name, effect=effect, **given)


def policy_of(*rules: RuleSpec) -> "Policy":
    """Return a policy with two agents and two providers."""
    return compile_policy(
        PolicyDocument(
            name="p",
            identities=tuple(IdentitySpec(id=each) for each in AGENTS),
            providers=(
                ProviderSpec(id="p", hosts=("p.example",)),
                ProviderSpec(id="q", hosts=("q.example",)),
            ),
            rules=rules,
        )
    )


def opened(policy: "Policy", operation: tuple[str, str, Kind, str]) -> bool:
    """Say whether a policy opens an operation."""
    return Openings(policy).opens(*operation, model=operation[2] is Kind.INFERENCE)


def test_an_operation_is_opened_by_name_kind_or_pair() -> None:
    """A rule opens what it names in any of the three ways, and nothing else."""
    assert opened(policy_of(rule("name", models=("m",))), CHAT)
    assert opened(policy_of(rule("kind", models=("m",), operations=("inference",))), CHAT)
    files = policy_of(rule("files", operations=("POST /files",)))
    assert opened(files, FILES)
    assert not opened(files, LIST)
    assert not opened(files, CHAT)


def test_what_needs_its_pair_is_opened_by_its_pair_alone() -> None:
    """Administration is opened by the pair and by no other word."""
    pair = policy_of(rule("pair", operations=("GET /organization/users",)))
    assert opened(pair, USERS)
    assert not opened(policy_of(rule("all", operations=("read", "upload"))), USERS)


def test_a_rule_for_models_opens_nothing_that_names_none() -> None:
    """A rule that names models is about no operation without one, unless it names any."""
    assert not opened(policy_of(rule("m", models=("m",), operations=("chat", "read"))), LIST)
    assert opened(policy_of(rule("m", models=("*",), operations=("chat", "read"))), LIST)


@pytest.mark.parametrize(
    ("deny", "left"),
    [
        ({}, False),
        ({"operations": ("read",)}, False),
        ({"operations": ("chat",)}, True),
        ({"who": ("agent:a",)}, True),
        ({"persons": ("user:alice",)}, True),
        ({"persons": ()}, True),
        ({"providers": ("q",)}, True),
        ({"models": ("m",)}, True),
    ],
)
def test_what_is_denied_to_everybody_is_not_opened(deny: dict[str, Any], *, left: bool) -> None:
    """A rule that denies closes an operation if it leaves nobody for whom another allows it."""
    allowing = rule("list", operations=("read",))
    policy = policy_of(allowing, rule("no", Effect.DENY, **deny))
    assert opened(policy, LIST) is left


def test_several_rules_that_deny_close_together() -> None:
    """Two rules that deny one agent each leave nobody."""
    policy = policy_of(
        rule("list", operations=("read",)),
        rule("a", Effect.DENY, who=("agent:a",)),
        rule("b", Effect.DENY, who=("agent:b",)),
    )
    assert not opened(policy, LIST)


def some(options: tuple[str, ...], least: int = 1) -> st.SearchStrategy[tuple[str, ...]]:
    """Return some of the options."""
    return st.lists(st.sampled_from(options), min_size=least, unique=True).map(tuple)


RULES: st.SearchStrategy[list[dict[str, Any]]] = st.lists(
    st.builds(
        dict,
        effect=st.sampled_from([Effect.ALLOW, Effect.DENY]),
        who=some(AGENTS),
        persons=some((*PEOPLE, "user:*"), 0),
        providers=some(("p", "q")),
        models=st.sampled_from([("m",), ("*",)]),
        operations=some(WORDS),
    ),
    max_size=5,
)


@settings(deadline=None, max_examples=60)
@given(RULES)
def test_whatever_is_allowed_is_of_an_operation_that_is_opened(rules: list[dict[str, Any]]) -> None:
    """No call is let through of an operation that is said to be refused to everybody."""
    specs = [RuleSpec(id=f"r{place}", **each) for place, each in enumerate(rules)]
    policy = policy_of(*specs)
    for verb, path, kind, name in OPERATIONS:
        if opened(policy, (verb, path, kind, name)):
            continue
        for agent in AGENTS:
            for person in (None, *PEOPLE):
                caller = Identities(lambda: "s").narrowed(agent, on_behalf_of=person)
                for host in ("p", "q"):
                    call = ModelCall(
                        id="c",
                        operation=name or f"{verb} {path}",
                        kind=kind,
                        verb=verb,
                        path=path,
                        origin=f"https://{host}.example:443",
                        model="m" if kind is Kind.INFERENCE else "",
                        payload={},
                    )
                    assert policy.decide(call, caller.chain).effect is Effect.DENY
