# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a call about something that an operator stopped?

Where stops are kept, and how old they may be when a call is looked at, is not decided here.

INVARIANT: a stop of anybody in a chain stops the whole chain, and a stop of a session everybody
that it is handed on to (tests/budgets/test_stop_scopes.py).
"""

from collections.abc import Collection

from agentguard.vocabulary import (
    Call,
    Caller,
    ModelCall,
    PrincipalKind,
    Stop,
    StopScope,
)


def stop_for(stops: Collection[Stop], call: Call, caller: Caller) -> Stop | None:
    """Return a stop that a call is about, None where there is none."""
    if not stops:
        return None
    # Once for each kind: the keys of sessions are dear.
    about = {scope: _keys(scope, call, caller) for scope in {each.scope for each in stops}}
    return next(
        (each for each in stops if each.scope is StopScope.ALL or each.key in about[each.scope]),
        None,
    )


def _keys(scope: StopScope, call: Call, caller: Caller) -> Collection[str | None]:
    """Return what a stop of one kind may name to be about a call."""
    if scope is StopScope.WHO:
        return caller.chain.ids
    if scope is StopScope.PERSON:
        first = caller.chain.principals[0]
        return (first.id,) if first.kind is PrincipalKind.USER else ()
    if scope is StopScope.TENANT:
        return (caller.tenant,)
    if scope is StopScope.SESSION:
        return (caller.session, *caller.keys_handed_on)
    return _tools(call) if scope is StopScope.TOOL else ()


def _tools(call: Call) -> frozenset[str]:
    """Return the tools that a call runs; a model that is offered one runs none."""
    if not isinstance(call, ModelCall):
        return frozenset((call.tool,))
    hosted = frozenset(each.type for each in call.hosted_tools)
    return hosted.union(*(_tools(inner) for inner in call.inner))
