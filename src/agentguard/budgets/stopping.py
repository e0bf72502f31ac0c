# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a call about something that an operator stopped?

Where stops are kept, and how old they may be when a call is looked at, is not decided here.

INVARIANT: a stop of anybody in a chain stops the whole chain, and a stop of a session everybody
that it is handed on to (tests/budgets/test_stop_scopes.py).
"""

from collections.abc import Iterable

from agentguard.vocabulary import (
    Call,
    Caller,
    ModelCall,
    PrincipalKind,
    Stop,
    StopScope,
)


def stop_for(stops: Iterable[Stop], call: Call, caller: Caller) -> Stop | None:
    """Return a stop that a call is about, None where there is none."""
    return next((each for each in stops if _is_about(each, call, caller)), None)


def _is_about(stop: Stop, call: Call, caller: Caller) -> bool:
    if stop.scope is StopScope.ALL:
        return True
    if stop.scope is StopScope.WHO:
        return stop.key in caller.chain.ids
    if stop.scope is StopScope.PERSON:
        first = caller.chain.principals[0]
        return first.kind is PrincipalKind.USER and first.id == stop.key
    if stop.scope is StopScope.TENANT:
        return caller.tenant == stop.key
    if stop.scope is StopScope.SESSION:
        return stop.key == caller.session or stop.key in caller.keys_handed_on
    return stop.key in _tools(call)


def _tools(call: Call) -> frozenset[str]:
    """Return the tools that a call runs; a model that is offered one runs none."""
    if not isinstance(call, ModelCall):
        return frozenset((call.tool,))
    hosted = frozenset(each.type for each in call.hosted_tools)
    return hosted.union(*(_tools(inner) for inner in call.inner))
