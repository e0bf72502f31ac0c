# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a denial say why, and what is to be done about it?"""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from agentguard.errors import BudgetExceeded, DeniedByPolicy
from agentguard.identity import Identities
from agentguard.pipeline.denials import remedy_for
from agentguard.pipeline.record import refuse_if_denied
from agentguard.vocabulary import Boundary, Caller, Decision, Effect, Nearest, Reason, ToolCall

HERE = replace(Identities(lambda: "session").narrowed("agent:a"), environment="codegen")
TOLD = {
    Reason.NOT_ALLOWLISTED: "no rule allows tool 'pay' for 'agent:a'",
    Reason.UNKNOWN_IDENTITY: "the policy does not declare 'agent:a'",
    Reason.UNKNOWN_PROVIDER: "names no provider for the host",
    Reason.HOSTED_TOOL: "no rule allows a tool that runs at the provider in tool 'pay'",
    Reason.WRONG_ENVIRONMENT: "'agent:a' may not use tool 'pay' in environment 'codegen'",
    Reason.IDENTITY_EXPIRED: "has expired",
    Reason.ASSURANCE_TOO_LOW: "known more surely",
    Reason.RESOURCE_DENIED: "about an object that no rule admits",
    Reason.SECRET_STORE: "names a place of secrets",
    Reason.GRANT_EXCEEDED: "more than was handed to 'agent:a'",
    Reason.DENIED_BY_DECIDER: "denied by an extra decider",
    Reason.PROVIDER_TIER: "needs more than its provider has shown",
    Reason.WRONG_KEY: "with an API key that may not be used for it",
    Reason.ORIGIN_DENIED: "does not come from where a rule wants it from",
    Reason.OUT_OF_SCOPE: "beyond what the program narrowed this run to",
    Reason.FLOW_DENIED: "given what its conversation has seen",
}
SAID_ELSEWHERE = frozenset(
    {
        *(Reason.BUDGET_REACHED, Reason.RATE_REACHED, Reason.LOOP, Reason.STOPPED),
        *(Reason.DENIED_BY_RULE, Reason.CLASS_BLOCKED, Reason.LIMIT_REACHED),
        *(Reason.IDENTITY_REQUIRED, Reason.UNGUARDED_PATH, Reason.REFERENCE),
        Reason.ADDRESS_DENIED,
        *(Reason.CONTENT_UNINSPECTABLE, Reason.PLACEHOLDER_UNKNOWN, Reason.GUARD_ERROR),
        *(Reason.APPROVAL_PENDING, Reason.APPROVAL_REJECTED, Reason.APPROVAL_TIMEOUT),
        Reason.APPROVAL_INVALID,
    }
)


def refused(reason: Reason, near: Nearest | None = None, caller: Caller = HERE) -> Any:
    """The error that a denial for this reason becomes."""
    call = ToolCall(id="c", tool="pay", definition="d", received={}, resolved={"x": "payload"})
    progress: Any = SimpleNamespace(
        attempt=SimpleNamespace(caller=caller, boundary=Boundary.TOOL, target="pay"),
        call=call,
        decision=Decision(effect=Effect.DENY, policy="p", reason=reason, nearest=near),
        core=SimpleNamespace(policy=SimpleNamespace(rules=())),
        classes={},
    )
    with pytest.raises((DeniedByPolicy, BudgetExceeded)) as caught:
        refuse_if_denied(progress)
    assert progress.reason is reason
    assert "payload" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(("reason", "told"), TOLD.items())
def test_each_reason_has_its_sentence(reason: Reason, told: str) -> None:
    """The message of a denial says in words what its reason is."""
    assert told in str(refused(reason))


def test_an_unknown_agent_is_told_with_those_that_it_acts_for() -> None:
    """Whoever is not declared may stand anywhere in the chain, so all agents in it are named."""
    nested = Identities(lambda: "session")
    with nested.block("agent:misspelt"):
        caller = nested.narrowed("agent:a")
    told = str(refused(Reason.UNKNOWN_IDENTITY, caller=caller))
    assert "does not declare one of 'agent:misspelt', 'agent:a'" in told


def test_no_reason_is_left_without_a_sentence() -> None:
    """Every reason in the list is either told here or belongs to another kind of refusal."""
    assert TOLD.keys() | SAID_ELSEWHERE == set(Reason)


@pytest.mark.parametrize(
    "reason",
    [
        *(Reason.WRONG_ENVIRONMENT, Reason.IDENTITY_EXPIRED, Reason.ASSURANCE_TOO_LOW),
        *(Reason.LIMIT_REACHED, Reason.RESOURCE_DENIED, Reason.SECRET_STORE),
        *(Reason.GRANT_EXCEEDED, Reason.DENIED_BY_DECIDER),
        *(Reason.PROVIDER_TIER, Reason.WRONG_KEY),
    ],
)
def test_what_no_rule_could_have_allowed_comes_with_a_remedy(reason: Reason) -> None:
    """A denial that no further rule would undo says what to do instead."""
    remedy = remedy_for(Decision(effect=Effect.DENY, policy="p", reason=reason))
    assert remedy
    assert remedy in str(refused(reason))


def test_what_stands_in_the_way_is_not_called_the_nearest_rule() -> None:
    """For an environment the message names what is tied to it; otherwise the nearest rule."""
    near = Nearest(
        rule="tool pay", constraint="environments", problem="must be one of 'production'"
    )
    told = str(refused(Reason.WRONG_ENVIRONMENT, near))
    assert "environments of 'tool pay' must be one of 'production'" in told
    assert "nearest rule" not in told
    assert "nearest rule 'r'" in str(refused(Reason.NOT_ALLOWLISTED, replace(near, rule="r")))


def test_a_limit_that_is_reached_is_an_error_of_its_own() -> None:
    """A call beyond a limit is told as a budget that is exceeded."""
    near = Nearest(rule="r", constraint="limits", problem="must have enough left of 'few'")
    error = refused(Reason.LIMIT_REACHED, near)
    assert isinstance(error, BudgetExceeded)
    assert "limits of 'r' must have enough left of 'few'" in str(error)


def test_a_call_without_an_environment_is_told_so() -> None:
    """Where the caller names no environment, the message does not invent one."""
    nowhere = replace(HERE, environment=None)
    assert "without an environment" in str(refused(Reason.WRONG_ENVIRONMENT, caller=nowhere))
