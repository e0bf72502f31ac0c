# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is said about where data may go is what is decided."""

from datetime import UTC, date, datetime, time

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.policy import (
    EgressSpec,
    EvidenceSpec,
    IdentitySpec,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    Tier,
    compile_policy,
)
from agentguard.policy.egress_needs import UNLABELLED
from agentguard.review.destinations import clear_data
from agentguard.vocabulary import (
    Action,
    Chain,
    Circumstances,
    DataClass,
    Effect,
    Facts,
    ModelCall,
    Principal,
    PrincipalKind,
)

LAST = date(2026, 6, 30)
CLASSES = (
    DataClass(name="email", family="pii", action=Action.LABEL),
    DataClass(name="phone", family="pii", action=Action.TOKENISE),
    DataClass(name="image", family="media", action=Action.LABEL),
)
CHAIN = Chain(principals=(Principal(id="agent:a", kind=PrincipalKind.AGENT),))
CALL = ModelCall(
    id="c",
    operation="chat",
    verb="POST",
    path="/chat/completions",
    origin="https://p.example:443",
    model="m",
    payload={"messages": ()},
)
NEEDED = st.sampled_from([frozenset({each}) for each in Tier])


@settings(deadline=None)
@given(
    st.dictionaries(st.sampled_from(["email", "pii", "media"]), NEEDED, min_size=1),
    st.none() | NEEDED,
    st.none() | st.sampled_from([Tier.PLANNED, Tier.CONTRACTED, Tier.ASSURED]),
    st.sampled_from([LAST, date(2026, 7, 1)]),
)
def test_what_may_go_is_what_is_let_through(
    needs: dict[str, frozenset[Tier]],
    unlabelled: frozenset[Tier] | None,
    tier: Tier | None,
    day: date,
) -> None:
    """For each class that passes, and for other text, the list says what settling decides."""
    evidence = () if tier is None else (_evidence(tier),)
    document = PolicyDocument(
        name="n",
        identities=(IdentitySpec(id="agent:a"),),
        providers=(ProviderSpec(id="p", hosts=("p.example",), evidence=evidence),),
        classes=CLASSES,
        rules=(
            RuleSpec(
                id="r", who=("agent:a",), effect=Effect.ALLOW, providers=("p",), models=("*",)
            ),
        ),
        egress=EgressSpec(needs=needs, unlabelled=unlabelled),
    )
    policy = compile_policy(document)
    now = Circumstances(now=datetime.combine(day, time(12), tzinfo=UTC))
    decision = policy.decide(CALL, CHAIN, now)
    told = clear_data(document, "p", policy.classes_at("p"), day)
    assert set(told) == {"email", "image", UNLABELLED}
    for name, unmet in told.items():
        facts = Facts() if name == UNLABELLED else Facts(counts={name: 1}, empty=True)
        settled = policy.settle(decision, facts, now)
        assert (settled.effect is Effect.ALLOW) is (unmet is None)


def _evidence(tier: Tier) -> EvidenceSpec:
    return EvidenceSpec(tier=tier, kind="k", sha256="a" * 64, reviewed_by="user:cso", expires=LAST)
