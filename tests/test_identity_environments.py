# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""In which environment does the running code act, and can it reach another?"""

from itertools import count

import pytest

from agentguard.errors import IdentityRequired
from agentguard.identity import Declaration, Declarations, Identities

DECLARED = Declarations(
    identities={
        "agent:writer": Declaration(environments=frozenset({"codegen"})),
        "user:alice": Declaration(environments=frozenset({"production"})),
        "agent:support": Declaration(),
    },
    environments=frozenset({"production", "codegen"}),
)


def identities(environment: str | None = None) -> Identities:
    """Return identities of a policy with two environments."""
    numbers = count()
    return Identities(
        lambda: f"session-{next(numbers)}", environment=environment, declarations=DECLARED
    )


def test_a_policy_with_environments_needs_one() -> None:
    """Without one nobody is bound, and the refusal names them and where to say it."""
    with pytest.raises(IdentityRequired, match="'codegen', 'production'") as caught:
        identities().narrowed("agent:support")
    assert "environment=" in (caught.value.remedy or "")


def test_an_unknown_environment_is_refused() -> None:
    """A name that the policy does not list is no environment, and is not repeated."""
    for name in ("staging-canary", "", "Production", "production "):
        with pytest.raises(IdentityRequired, match="no such environment") as caught:
            identities().narrowed("agent:support", environment=name)
        assert "canary" not in str(caught.value)


def test_an_environment_that_the_policy_cannot_know_is_refused() -> None:
    """A policy without environments ties nothing to one, so that naming one promises too much."""
    with pytest.raises(IdentityRequired, match="no such environment"):
        Identities(lambda: "s").narrowed("agent:support", environment="production")


def test_the_environment_comes_from_the_guard_or_the_block() -> None:
    """Either may name it; a block cannot leave the environment of its guard."""
    scope = identities("production")
    assert scope.narrowed("agent:support").environment == "production"
    assert identities().narrowed("agent:support", environment="codegen").environment == "codegen"
    assert scope.narrowed("agent:support", environment="production").environment == "production"
    with pytest.raises(IdentityRequired, match="cannot act in another"):
        scope.narrowed("agent:support", environment="codegen")


def test_a_nested_block_stays_in_its_environment() -> None:
    """It takes the one around it, may name it again, and cannot name another."""
    scope = identities()
    with scope.block("agent:support", environment="codegen"):
        assert scope.narrowed("agent:writer").environment == "codegen"
        assert scope.narrowed("agent:writer", environment="codegen").environment == "codegen"
        with pytest.raises(IdentityRequired, match="cannot act in another"):
            scope.narrowed("agent:support", environment="production")


def test_an_identity_that_is_tied_elsewhere_is_not_bound() -> None:
    """Neither the actor nor the person may be tied to other environments only."""
    scope = identities()
    assert scope.narrowed("agent:writer", environment="codegen").chain.ids == ("agent:writer",)
    with pytest.raises(IdentityRequired, match=r"'agent:writer' may not act in .*'production'"):
        scope.narrowed("agent:writer", environment="production")
    with pytest.raises(IdentityRequired, match="'user:alice' may not act"):
        scope.narrowed("agent:support", on_behalf_of="user:alice", environment="codegen")


def test_a_session_belongs_to_its_environment() -> None:
    """The same chain and session in another environment is another session."""
    scope = identities()
    keys = {
        scope.narrowed("agent:support", session="s", environment=each).session_key
        for each in DECLARED.environments
    }
    assert len(keys) == 2


def test_an_object_of_one_environment_is_not_used_in_another() -> None:
    """A client that is bound in one environment is refused in the block of another."""
    scope = identities()
    carried = scope.narrowed("agent:support", environment="codegen")
    with (
        scope.block("agent:support", environment="production"),
        pytest.raises(IdentityRequired, match="different environments"),
    ):
        scope.presented(carried)
    with scope.block("agent:support", environment="codegen") as block:
        assert scope.presented(carried) is block


def test_a_new_policy_counts_for_the_next_block() -> None:
    """What is declared is read when a block is entered, not when it was made."""
    scope = identities()
    made = scope.block("agent:support", environment="codegen")
    scope.declarations = Declarations(environments=frozenset({"production"}))
    with pytest.raises(IdentityRequired, match="no such environment"), made:
        pass
