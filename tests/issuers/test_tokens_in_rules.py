# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Do rules tell those whom a token proves from those whom the program names?"""

import time
from collections.abc import Callable

import pytest

from agentguard import DeniedByPolicy, Guard, IdentityRequired
from agentguard.testing.issuer import LoopbackIssuer

TABLES = """
[[tool]]
name = "open_file"
impact = "read_only"

[[rule]]
id = "own-file"
who = ["agent:support"]
for = ["user:*"]
tool = "open_file"
assurance = "token"
args.customer = {{ claim = "person.customer" }}
then = "allow"

[issuer.corp]
issuer = "https://login.test"
audience = "agents"
keys_url = "{url}"
actor = "act.sub"
claims = ["customer"]
"""


def open_file(customer: str) -> str:
    """Open what is known of a customer."""
    return f"the file of {customer}"


@pytest.fixture
def strict(guard_of: Callable[[str], Guard], issuer: LoopbackIssuer) -> Guard:
    """A guard that lets proven agents open the file of a proven customer."""
    return guard_of(TABLES.format(url=issuer.keys_url))


def delegated(issuer: LoopbackIssuer, **claims: object) -> str:
    """A token of alice, customer c-1, for the support agent."""
    return issuer.token({"act": {"sub": "support"}, "customer": "c-1", **claims})


def test_who_is_proven_opens_the_own_file_and_no_other(
    strict: Guard, issuer: LoopbackIssuer
) -> None:
    """A claim of the token decides which argument is allowed."""
    opened = strict.tool(open_file)
    verified = strict.verify(delegated(issuer))
    assert verified.actor is not None
    with strict.identity(verified.actor, on_behalf_of=verified.subject):
        assert opened("c-1") == "the file of c-1"
        with pytest.raises(DeniedByPolicy):
            opened("c-2")


def test_what_the_program_claims_is_not_what_a_token_proves(
    strict: Guard, issuer: LoopbackIssuer
) -> None:
    """A rule that demands tokens lets nobody in whose name, or whose agent's, is only declared."""
    opened = strict.tool(open_file)
    verified = strict.verify(delegated(issuer))
    assert verified.actor is not None
    declared = strict.person("user:alice", claims={"customer": "c-1"})
    for actor, person in ((verified.actor, declared), ("agent:support", verified.subject)):
        with strict.identity(actor, on_behalf_of=person), pytest.raises(DeniedByPolicy):
            opened("c-1")


def test_a_token_that_ends_ends_what_was_begun_with_it(
    strict: Guard, issuer: LoopbackIssuer
) -> None:
    """In a block that outlives its token every call is refused, and no new block is entered."""
    opened = strict.tool(open_file)
    strict.verify(delegated(issuer))
    ends = time.time() + 1.5
    verified = strict.verify(delegated(issuer, exp=ends))
    assert verified.actor is not None
    with strict.identity(verified.actor, on_behalf_of=verified.subject):
        while time.time() <= ends:
            time.sleep(0.02)
        with pytest.raises(DeniedByPolicy, match="expired"):
            opened("c-1")
    with (
        pytest.raises(IdentityRequired, match="expired"),
        strict.identity(verified.actor, on_behalf_of=verified.subject),
    ):
        pass


def test_two_tokens_of_one_person_are_not_mixed(strict: Guard, issuer: LoopbackIssuer) -> None:
    """Inside a block, another token of the same person cannot bring other claims along."""
    first, second = (
        strict.verify(delegated(issuer, customer=customer)) for customer in ("c-1", "c-2")
    )
    assert first.actor is not None
    with (
        strict.identity(first.actor, on_behalf_of=first.subject),
        pytest.raises(IdentityRequired),
        strict.identity(first.actor, on_behalf_of=second.subject),
    ):
        pass
