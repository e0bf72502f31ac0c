# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does every error say what a caller needs: was it refused, did it happen, what may be told?"""

import inspect

import openai
import pytest

from agentguard import errors
from agentguard.errors import (
    AgentGuardError,
    ApprovalExpired,
    ApprovalPending,
    ApprovalRejected,
    AuditVerificationError,
    CallRefused,
    ConfigError,
    ContentRefused,
    DeniedByPolicy,
    GuardFailure,
    IdentityRequired,
    Problem,
    UnguardedPath,
)

ALL = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, AgentGuardError)
]
EXAMPLES = (
    ConfigError("bad"),
    DeniedByPolicy("no", rule="r", nearest="n"),
    ContentRefused("no", classes={"email", "card"}),
    IdentityRequired("who"),
    ApprovalRejected("no", request_id="i", approver="user:a"),
    ApprovalExpired("late", request_id="i"),
    UnguardedPath("past"),
    ApprovalPending("wait", request_id="i"),
    GuardFailure("broke", part="audit", dispatched=True),
    AuditVerificationError("changed", stream="s", seq=3),
)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Every error stands in the picture of the tree."""
    drawn = errors.__doc__ or ""
    assert [kind.__name__ for kind in ALL if kind.__name__ not in drawn] == []


@pytest.mark.parametrize("kind", ALL)
def test_no_error_is_an_error_of_an_sdk(kind: type[Exception]) -> None:
    """No SDK takes a refusal for a fault that can be tried again."""
    foreign = (openai.OpenAIError, OSError, RuntimeError, ValueError)
    assert not issubclass(kind, foreign)


@pytest.mark.parametrize("error", EXAMPLES)
def test_every_error_says_whether_the_call_happened_and_what_a_model_may_know(
    error: AgentGuardError,
) -> None:
    """An error has a safe message, and a refusal never says that the call happened."""
    assert error.safe_message
    assert error.safe_message != str(error)
    assert error.call_id is None
    if isinstance(error, CallRefused):
        assert error.dispatched is False


def test_waiting_is_no_refusal() -> None:
    """A caller that gives up on refusals still comes back for what is pending."""
    assert not issubclass(ApprovalPending, CallRefused)


def test_a_configuration_error_lists_every_problem_with_its_place() -> None:
    """File, line and key stand before each message."""
    problems = [
        Problem(file="a.toml", key="rule[0].tool", line=3, message="unknown tool 'x'"),
        Problem(file="a.toml", key="", line=None, message="the file is not UTF-8 text"),
    ]
    error = ConfigError(problems)
    assert error.problems == tuple(problems)
    assert str(error) == (
        "2 problems in the configuration\n"
        "a.toml:3: rule[0].tool: unknown tool 'x'\n"
        "a.toml: the file is not UTF-8 text"
    )


def test_a_remedy_stands_behind_the_message() -> None:
    """What can be done is told after what is wrong."""
    assert str(IdentityRequired("nobody calls", remedy="bind one")) == "nobody calls (bind one)"


def test_classes_are_sorted() -> None:
    """The classes of refused content are the same text each time."""
    assert ContentRefused("no", classes=["b", "a"]).classes == ("a", "b")
