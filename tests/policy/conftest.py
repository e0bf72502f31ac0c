# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A policy that tests put their own rules into."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from agentguard.policy import (
    IdentitySpec,
    Policy,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
    compile_policy,
)
from agentguard.vocabulary import (
    Action,
    ApprovalProfile,
    Approver,
    DataClass,
    Impact,
)

KEY = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
OTHER_KEY = "ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


def profile(name: str, need: int = 1) -> ApprovalProfile:
    """An approval profile with two approvers."""
    return ApprovalProfile(
        name=name,
        approvers=(
            Approver(id="user:carol", key=KEY),
            Approver(id="user:dave", key=OTHER_KEY),
        ),
        need=need,
        decide_within=timedelta(hours=4),
        execute_within=timedelta(minutes=10),
        wait=timedelta(),
    )


BASE = PolicyDocument(
    name="base",
    identities=(
        IdentitySpec(id="agent:a", owner="user:olga"),
        IdentitySpec(id="agent:b"),
        IdentitySpec(id="service:s"),
        IdentitySpec(id="user:u1"),
    ),
    groups={"team": ("user:u1", "user:u2"), "bots": ("agent:a", "service:s")},
    tools=(
        ToolSpec(name="read", impact=Impact.READ_ONLY),
        ToolSpec(
            name="pay",
            impact=Impact.IRREVERSIBLE,
            receives=frozenset({"pii", "api_key"}),
        ),
        ToolSpec(name="any", impact=Impact.REVERSIBLE, receives=frozenset({"*"})),
    ),
    profiles=(profile("leads"), profile("both", need=2), profile("also", need=2)),
    classes=(
        DataClass(name="email", family="pii", action=Action.TOKENISE),
        DataClass(name="card", family="pii", action=Action.BLOCK),
        DataClass(name="api_key", family="secret", action=Action.REDACT),
        DataClass(name="jwt", family="secret", action=Action.REDACT),
    ),
    providers=(
        ProviderSpec(id="openai", hosts=("api.openai.com",)),
        ProviderSpec(id="loopback", hosts=("127.0.0.1:*",)),
    ),
)


@pytest.fixture(scope="session")
def policy() -> Callable[..., Policy]:
    """Give the function that compiles the base policy with the rules it is given."""

    def compiled(*rules: RuleSpec, **changes: object) -> Policy:
        return compile_policy(replace(BASE, rules=rules, **changes))  # type: ignore[arg-type]  # varied by key

    return compiled
