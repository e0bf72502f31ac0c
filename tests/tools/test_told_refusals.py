# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which refusals is a model told of, and which end the run of its agent?"""

import pytest

from agentguard import (
    AgentGuardError,
    ApprovalExpired,
    ApprovalPending,
    ApprovalRejected,
    BudgetExceeded,
    ConfigError,
    ContentRefused,
    DeniedByPolicy,
    GuardFailure,
    IdentityRequired,
    Stopped,
    UnguardedPath,
)
from agentguard.tools import told_to_model

SECRET = "what only the program may read"


@pytest.mark.parametrize(
    "error",
    [
        DeniedByPolicy(SECRET),
        ContentRefused(SECRET),
        BudgetExceeded(SECRET),
        ApprovalRejected(SECRET, request_id="r", approver="user:carol"),
        ApprovalExpired(SECRET, request_id="r"),
    ],
)
def test_a_model_is_told_what_is_not_permitted(error: AgentGuardError) -> None:
    """A refusal is told by its safe message alone."""
    assert told_to_model(error) == error.safe_message
    assert SECRET not in error.safe_message


@pytest.mark.parametrize(
    "error",
    [
        IdentityRequired(SECRET),
        Stopped(SECRET),
        UnguardedPath(SECRET),
        GuardFailure(SECRET, part="audit"),
        ConfigError(SECRET),
        ApprovalPending(SECRET, request_id="r"),
    ],
)
def test_what_is_for_the_program_is_not_told(error: AgentGuardError) -> None:
    """An error of the program, a stop, a failure and a pause are never told to a model."""
    assert told_to_model(error) is None
