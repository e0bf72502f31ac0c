# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does everybody whom a token names stand in the chain, before whom the host adds?"""

from datetime import UTC, datetime

import pytest

from agentguard.issuers import Verified
from agentguard.issuers.linking import links
from agentguard.vocabulary import Principal, PrincipalKind

SOON = datetime(2026, 11, 22, 13, tzinfo=UTC)
ALICE = Principal(id="user:alice", kind=PrincipalKind.USER)
TRIAGE = Principal(id="agent:triage", kind=PrincipalKind.AGENT)
BATCH = Principal(id="service:batch", kind=PrincipalKind.SERVICE)


@pytest.mark.parametrize(
    ("subject", "actor", "host", "expected"),
    [
        (ALICE, None, None, [(ALICE, None)]),
        (ALICE, None, "agent:support", [("agent:support", ALICE)]),
        (ALICE, TRIAGE, None, [(TRIAGE, ALICE)]),
        (ALICE, TRIAGE, "agent:support", [(TRIAGE, ALICE), ("agent:support", None)]),
        (BATCH, None, None, [(BATCH, None)]),
        (BATCH, None, "agent:support", [(BATCH, None), ("agent:support", None)]),
        (BATCH, TRIAGE, None, [(BATCH, None), (TRIAGE, None)]),
        (
            BATCH,
            TRIAGE,
            "agent:support",
            [(BATCH, None), (TRIAGE, None), ("agent:support", None)],
        ),
    ],
)
def test_the_chain_holds_everybody_in_the_order_of_delegation(
    subject: Principal,
    actor: Principal | None,
    host: str | None,
    expected: list[tuple[object, object]],
) -> None:
    """The subject comes first, then who acts in the token, then who acts here."""
    verified = Verified(
        subject=subject, actor=actor, issuer="corp", audience="agents", expires_at=SOON
    )
    assert list(links(verified, host)) == expected
