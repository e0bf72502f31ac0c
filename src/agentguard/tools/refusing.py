# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a call written down that is refused before there is anything to decide?

INVARIANT: what is refused so dispatches nothing, counts as refused, and raises what was given, also
where nobody acts (tests/tools/test_refusing.py).
"""

from typing import NoReturn

from agentguard.enforcement import Crossing, Enforcer
from agentguard.errors import CallRefused
from agentguard.pipeline import Response
from agentguard.vocabulary import Boundary, Call, Caller


def refuse(
    enforcer: Enforcer,
    error: CallRefused,
    *,
    surface: str,
    boundary: Boundary = Boundary.TOOL,
    target: str = "",
    carried: Caller | None = None,
) -> NoReturn:
    """Write a refused call down and raise why.

    Args:
        enforcer: writes it down.
        error: why.
        surface: what was used to make the call, such as ``mcp``.
        boundary: which boundary the call would have crossed.
        target: the tool, by its name in the policy.
        carried: the caller that the called object is bound to, if any.

    Raises:
        AgentGuardError: always.
    """

    def nothing(_: Call) -> Response:
        raise error

    enforcer.call(_refused(error, surface, boundary, target, carried), nothing)
    raise error


async def refuse_async(
    enforcer: Enforcer,
    error: CallRefused,
    *,
    surface: str,
    boundary: Boundary = Boundary.TOOL,
    target: str = "",
    carried: Caller | None = None,
) -> NoReturn:
    """Do what ``refuse`` does, where the event loop must not wait for the log."""

    async def nothing(_: Call) -> Response:
        raise error

    await enforcer.call_async(_refused(error, surface, boundary, target, carried), nothing)
    raise error


def _refused(
    error: CallRefused, surface: str, boundary: Boundary, target: str, carried: Caller | None
) -> Crossing:
    def describe(call_id: str) -> Call:
        error.call_id = call_id
        raise error

    return Crossing(
        boundary=boundary,
        surface=surface,
        operation="chat" if boundary is Boundary.MODEL else "execute_tool",
        target=target,
        carried=carried,
        describe=describe,
        # A request of a model that was never made has no span of its own.
        operation_span=boundary is Boundary.TOOL,
    )
