# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which refusals is a model told of, and which end the run of its agent?

A model that is told that a call is not permitted can go on and say so. What means that the program
is wrong, or that a person ended the agent, is for the program and not for the model.

INVARIANT: what the model is told is the safe message of the error, never its text
(tests/tools/test_told_refusals.py).
"""

from agentguard.errors import (
    AgentGuardError,
    CallRefused,
    IdentityRequired,
    Stopped,
    UnguardedPath,
)

_ENDS_THE_RUN = (IdentityRequired, Stopped, UnguardedPath)


def told_to_model(error: AgentGuardError) -> str | None:
    """Return what a model is told of an error, None for one that must reach the program.

    Args:
        error: what a guarded tool raised.
    """
    if not isinstance(error, CallRefused) or isinstance(error, _ENDS_THE_RUN):
        return None
    return error.safe_message
