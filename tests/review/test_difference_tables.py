# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What differs outside of the rules is told, and which way it went."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from agentguard.policy import (
    BudgetSpec,
    ClassSource,
    CoverageSpec,
    EgressSpec,
    EvidenceSpec,
    FlowSpec,
    HostedDenial,
    IdentitySpec,
    IssuerSpec,
    KeySpec,
    LoopsSpec,
    PolicyDocument,
    PriceSpec,
    ProvenanceSpec,
    ProviderSpec,
    RateSpec,
    Strictness,
    Tier,
    ToolSpec,
)
from agentguard.policy.document import (
    DeciderSpec,
    DestinationSpec,
    DetectionSpec,
    LabelsSpec,
    LimitSpec,
    SecretStoreSpec,
)
from agentguard.review.difference.tables import Direction, table_changes
from agentguard.vocabulary import (
    Action,
    ApprovalProfile,
    Approver,
    DataClass,
    Effect,
    Impact,
    Profile,
    UserMessages,
)

COVERAGE = CoverageSpec(require=frozenset({"openai"}))

APPROVER = Approver(id="user:carol", key="ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
PROFILE = ApprovalProfile(
    name="leads",
    approvers=(APPROVER,),
    need=1,
    decide_within=timedelta(hours=1),
    execute_within=timedelta(hours=1),
    wait=timedelta(),
)
ISSUER = IssuerSpec(name="corp", issuer="https://corp", audiences=("a",), algorithms=("ES256",))
EVIDENCE = EvidenceSpec(
    tier=Tier.PLANNED,
    kind="plan",
    sha256="a" * 64,
    reviewed_by="user:cso",
    expires=date(2027, 1, 1),
)
KEY = KeySpec(fingerprint="sha256:" + "a" * 32, who=("agent:a",))
FLOW = FlowSpec(
    id="f", tools=("pay",), after=("untrusted",), targets_from=("user",), effect=Effect.DENY
)
BUDGET = BudgetSpec(
    name="b", who=("agent:a",), calls=10, money=Decimal(10), bytes_out=(("pii", 10),)
)
BASE = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a", environments=frozenset({"production"})),),
    groups={"team": ("user:u",)},
    tools=(ToolSpec(name="pay", impact=Impact.IRREVERSIBLE, definition="sha256:" + "a" * 64),),
    profiles=(PROFILE,),
    classes=(DataClass(name="email", family="pii", action=Action.TOKENISE),),
    class_sources=(ClassSource(name="email", patterns=("x",)),),
    destinations=(DestinationSpec(data_class="email", provider="openai", action=Action.REDACT),),
    providers=(ProviderSpec(id="openai", hosts=("api.openai.com",)),),
    coverage=COVERAGE,
    environments=("production",),
    tool_groups={"all": ("pay",)},
    limits=(LimitSpec(name="few", calls=3),),
    secret_stores=(SecretStoreSpec(name="vault", hosts=("vault.example",)),),
    issuers=(ISSUER,),
    deciders=(DeciderSpec(name="cedar"),),
    flows=(FLOW,),
    budgets=(BUDGET,),
    prices=(PriceSpec(models=("*",), call=Decimal(1)),),
    rates=(RateSpec(name="r", rate="5/minute"),),
    loops=LoopsSpec(),
)
WIDER, NARROWER, CHANGED = Direction.WIDER, Direction.NARROWER, Direction.CHANGED
IN_RULES = Direction.IN_RULES
CASES: tuple[tuple[str, dict[str, Any], Direction], ...] = (
    ("identity", {"identities": (IdentitySpec(id="agent:a"),)}, WIDER),
    ("groups", {"groups": {"team": ("user:u", "user:w")}}, IN_RULES),
    ("tool", {"tools": (replace(BASE.tools[0], definition=None),)}, WIDER),
    ("tool", {"tools": (replace(BASE.tools[0], impact=Impact.READ_ONLY),)}, WIDER),
    ("tool", {"tools": (replace(BASE.tools[0], receives=frozenset({"email"})),)}, WIDER),
    ("tool", {"tools": (replace(BASE.tools[0], environments=frozenset({"x"})),)}, NARROWER),
    ("approval", {"profiles": (replace(PROFILE, need=2),)}, NARROWER),
    (
        "approval",
        {"profiles": (replace(PROFILE, approvers=(APPROVER, replace(APPROVER, id="user:d"))),)},
        WIDER,
    ),
    ("approval", {"profiles": (replace(PROFILE, decide_within=timedelta(hours=2)),)}, WIDER),
    ("class", {"classes": (replace(BASE.classes[0], action=Action.LABEL),)}, WIDER),
    ("class", {"classes": (replace(BASE.classes[0], action=Action.BLOCK),)}, NARROWER),
    ("class source", {"class_sources": (ClassSource(name="email", patterns=("y",)),)}, CHANGED),
    ("at", {"destinations": (replace(BASE.destinations[0], action=Action.LABEL),)}, WIDER),
    ("provider", {"providers": (ProviderSpec(id="openai", hosts=("b", "api.openai.com")),)}, WIDER),
    ("provider", {"providers": (*BASE.providers, ProviderSpec(id="b", hosts=("b",)))}, IN_RULES),
    ("provider", {"providers": (replace(BASE.providers[0], region="eu"),)}, CHANGED),
    ("provider", {"providers": (replace(BASE.providers[0], evidence=(EVIDENCE,)),)}, WIDER),
    ("provider", {"providers": (replace(BASE.providers[0], keys=(KEY,)),)}, NARROWER),
    ("egress", {"egress": EgressSpec(unlabelled=frozenset({Tier.PLANNED}))}, NARROWER),
    ("tool", {"tools": (replace(BASE.tools[0], trusted=("/name",)),)}, WIDER),
    ("tool", {"tools": (replace(BASE.tools[0], targets=("to",)),)}, CHANGED),
    ("flow", {"flows": ()}, WIDER),
    ("flow", {"flows": (FLOW, replace(FLOW, id="g"))}, NARROWER),
    ("flow", {"flows": (replace(FLOW, after=("untrusted", "family:pii")),)}, WIDER),
    ("flow", {"flows": (replace(FLOW, targets_from=("user", "host")),)}, WIDER),
    ("flow", {"flows": (replace(FLOW, targets_from=None),)}, CHANGED),
    ("flow", {"flows": (replace(FLOW, tools=("read",)),)}, CHANGED),
    (
        "provenance",
        {"provenance": ProvenanceSpec(user_messages=UserMessages.TOLD)},
        NARROWER,
    ),
    ("hosted_tools", {"hosted_denial": HostedDenial.REMOVE}, WIDER),
    ("coverage", {"coverage": CoverageSpec()}, WIDER),
    ("coverage", {"coverage": replace(COVERAGE, partial=Strictness.WARN)}, WIDER),
    ("coverage", {"coverage": replace(COVERAGE, observers=Strictness.WARN)}, WIDER),
    ("coverage", {"coverage": replace(COVERAGE, known_observers=frozenset({"a.B"}))}, WIDER),
    ("detection", {"detection": DetectionSpec(profile=Profile.STRICT)}, CHANGED),
    ("labels", {"labels": LabelsSpec(unknown="email")}, CHANGED),
    ("environments", {"environments": ("production", "codegen")}, IN_RULES),
    ("tool_groups", {"tool_groups": {"all": ("pay", "read")}}, IN_RULES),
    ("limit", {"limits": (LimitSpec(name="few", calls=9),)}, WIDER),
    ("limit", {"limits": ()}, WIDER),
    ("secret_store", {"secret_stores": ()}, WIDER),
    ("issuer", {"issuers": (replace(ISSUER, audiences=("a", "b")),)}, WIDER),
    ("issuer", {"issuers": (replace(ISSUER, issuer="https://other"),)}, CHANGED),
    ("decider", {"deciders": ()}, WIDER),
    ("budget", {"budgets": ()}, WIDER),
    ("budget", {"budgets": (BUDGET, replace(BUDGET, name="c"))}, NARROWER),
    ("budget", {"budgets": (replace(BUDGET, calls=20),)}, WIDER),
    ("budget", {"budgets": (replace(BUDGET, calls=None),)}, WIDER),
    ("budget", {"budgets": (replace(BUDGET, depth=2),)}, NARROWER),
    ("budget", {"budgets": (replace(BUDGET, money=Decimal("9.99")),)}, NARROWER),
    ("budget", {"budgets": (replace(BUDGET, wall=timedelta(hours=2)),)}, NARROWER),
    ("budget", {"budgets": (replace(BUDGET, bytes_out=(("pii", 20),)),)}, WIDER),
    ("budget", {"budgets": (replace(BUDGET, bytes_out=(("pii", 10), ("*", 5))),)}, NARROWER),
    ("budget", {"budgets": (replace(BUDGET, bytes_out=(("*", 5),)),)}, CHANGED),
    ("budget", {"budgets": (replace(BUDGET, who=()),)}, NARROWER),
    ("budget", {"budgets": (replace(BUDGET, who=("agent:a", "agent:b")),)}, NARROWER),
    ("budget", {"budgets": (replace(BUDGET, who=("agent:b",)),)}, CHANGED),
    ("budget", {"budgets": (replace(BUDGET, tools=("pay",)),)}, CHANGED),
    ("budget", {"budgets": (replace(BUDGET, per=timedelta(days=1)),)}, CHANGED),
    ("budget", {"budgets": (replace(BUDGET, hold_at_most=Decimal(1)),)}, CHANGED),
    ("price", {"prices": (PriceSpec(models=("*",), call=Decimal(2)),)}, CHANGED),
    ("price", {"prices": ()}, CHANGED),
    ("rate", {"rates": ()}, WIDER),
    ("rate", {"rates": (RateSpec(name="r", rate="9/minute"),)}, CHANGED),
    ("loops", {"loops": None}, WIDER),
    ("loops", {"loops": LoopsSpec(same=9)}, WIDER),
    ("loops", {"loops": LoopsSpec(failures=2)}, NARROWER),
)


@pytest.mark.parametrize(("table", "changes", "direction"), CASES)
def test_a_change_is_told_with_its_direction(
    table: str, changes: dict[str, Any], direction: Direction
) -> None:
    """A change of one table is told once, as wider, narrower, or merely changed."""
    found = table_changes(BASE, replace(BASE, **changes))
    assert [(each.table, each.direction) for each in found] == [(table, direction)]


@pytest.mark.parametrize(("table", "changes", "direction"), CASES)
def test_the_way_back_goes_the_other_way(
    table: str, changes: dict[str, Any], direction: Direction
) -> None:
    """What is wider in one direction is narrower in the other."""
    found = table_changes(replace(BASE, **changes), BASE)
    back = {WIDER: NARROWER, NARROWER: WIDER}.get(direction, direction)
    assert [(each.table, each.direction) for each in found] == [(table, back)]


def test_whatever_differs_in_the_digest_is_told() -> None:
    """No part of a policy but its rules and its name can change without being told."""
    for _, changes, _ in CASES:
        other = replace(BASE, **changes)
        assert BASE.digest != other.digest
        assert table_changes(BASE, other)
    assert table_changes(BASE, BASE) == ()
