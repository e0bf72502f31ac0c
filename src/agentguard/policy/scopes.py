# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a call keep within what the program narrowed its run to?

A scope only narrows a decision that rules and grants have made; what it holds was given by the
program, never by a model. Whom it binds says ``identity``.

INVARIANT: no decision is milder within a scope than without it, and a call must keep within every
scope (tests/policy/test_scopes.py).
INVARIANT: nothing that is told holds what the call or the scope holds (same file).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from agentguard.canonical import Frozen, canonical_bytes, tagged
from agentguard.policy.decision import Policy
from agentguard.policy.document import HostedDenial, ToolSpec
from agentguard.policy.duties import charged
from agentguard.policy.grants import Counted, Covered, uncovered
from agentguard.vocabulary import (
    Call,
    Chain,
    Charge,
    Circumstances,
    Decision,
    Effect,
    Impact,
    ModelCall,
    Nearest,
    Obligation,
    OfferOnly,
    Reason,
    TaskScope,
    ToolCall,
    WithoutTools,
)

SCOPE = "scope"
_Problem = tuple[str, str]
_TOOLS: _Problem = ("tools", "must list the tool")
_AT_THE_PROVIDER: _Problem = ("tools", "must list every tool that would run at the provider")


def narrowed_to(
    scopes: tuple[TaskScope, ...],
    decision: Decision,
    call: Call,
    chain: Chain,
    circumstances: Circumstances,
    policy: Policy,
) -> Decision:
    """Return a decision on a call as scopes narrow it.

    Args:
        scopes: what the call must keep within.
        decision: what rules and grants say.
        call: the call, as it was decided on.
        chain: who makes it.
        circumstances: with where paths lead, and what is used up of the scopes.
        policy: what made the decision.
    """
    if not scopes or decision.effect is Effect.DENY:
        return decision
    if isinstance(call, ModelCall):
        return _request_narrowed(scopes, decision, call, chain, circumstances, policy)
    tool = policy.tools.get(call.tool)
    charges: list[Charge] = []
    for scope in scopes:
        if tool is None:
            return _denied(decision, _TOOLS)
        if _is_free(scope, tool):
            continue
        problem = _problem(scope, tool, call, chain, circumstances)
        if problem is not None:
            return _denied(decision, problem)
        charges += _counted(scope).charges(call, scope.tools) or ()
    return charged(decision, tuple(charges))


def keys_of_scope(scope: TaskScope) -> tuple[str, ...]:
    """Return the keys of the accounts that a scope has."""
    return _counted(scope).keys


def reachable(
    scopes: tuple[TaskScope, ...], tools: frozenset[str], policy: Policy
) -> frozenset[str]:
    """Return those of the tools of which some call could keep within every scope."""
    left = (
        name
        for name in tools
        if (tool := policy.tools.get(name)) is not None
        and all(_is_free(scope, tool) or _is_reachable(scope, tool) for scope in scopes)
    )
    return frozenset(left)


def roots_within(scopes: Iterable[TaskScope], tool: str) -> frozenset[str]:
    """Return the folders that scopes compare a tool's arguments with."""
    covers = [(scope.tools or {}).get(tool) for scope in scopes]
    return frozenset().union(*(each.roots for each in covers if isinstance(each, Covered)))


def target_form(value: Frozen) -> bytes:
    """Return what a value is compared by: 1, 1.0 and "1" are three values."""
    return canonical_bytes(tagged(value))


def _counted(scope: TaskScope) -> Counted:
    return Counted(prefix=f"{SCOPE}:{scope.id}", calls=scope.calls, sums=scope.sums)


def _is_free(scope: TaskScope, tool: ToolSpec) -> bool:
    """Say whether a scope leaves a tool to the rules."""
    listed = scope.tools is not None and tool.name in scope.tools
    reads = tool.impact is Impact.READ_ONLY and not tool.outward
    return scope.reads_free and reads and not listed


def _problem(
    scope: TaskScope,
    tool: ToolSpec,
    call: ToolCall,
    chain: Chain,
    circumstances: Circumstances,
) -> _Problem | None:
    if not _is_reachable(scope, tool):
        return _TOOLS
    cover = (scope.tools or {}).get(tool.name)
    problem = None
    if cover is not None:
        problem = uncovered(cover, call.resolved, chain, circumstances)
    return (
        problem
        or _elsewhere(scope, tool, call.resolved)
        or _counted(scope).unpaid(call, scope.tools, circumstances.spent)
    )


def _is_reachable(scope: TaskScope, tool: ToolSpec) -> bool:
    """Say whether some call of a tool could keep within a scope."""
    if scope.tools is not None:
        return tool.name in scope.tools
    # Of a tool without targets nobody said where its effects land.
    return scope.targets is None or bool(tool.targets)


def _elsewhere(
    scope: TaskScope, tool: ToolSpec, arguments: Mapping[str, Frozen]
) -> _Problem | None:
    """Say why the effects of a call do not certainly land on targets of a scope."""
    if scope.targets is None or not tool.targets:
        return None
    values = [each for name in tool.targets for each in _values(arguments.get(name))]
    if not values:
        return "targets", "must be met: the call must say where its effects land"
    if not all(target_form(each) in scope.targets for each in values):
        return "targets", "must list every value that says where the effects land"
    return None


def _values(value: Frozen) -> Iterator[Frozen]:
    """Yield what an argument holds, names of members included; None is nothing."""
    if isinstance(value, Mapping):
        for name, member in value.items():
            yield name
            yield from _values(member)
    elif isinstance(value, tuple):
        for item in value:
            yield from _values(item)
    elif value is not None:
        yield value


def _request_narrowed(
    scopes: tuple[TaskScope, ...],
    decision: Decision,
    call: ModelCall,
    chain: Chain,
    circumstances: Circumstances,
    policy: Policy,
) -> Decision:
    """Return a decision on a request whose tools are those that the scopes leave."""
    hosted = {name: tool for tool in policy.document.tools for name in tool.hosted}
    gone = frozenset[str]().union(
        *(each.pointers for each in decision.obligations if isinstance(each, WithoutTools))
    )
    removed: set[str] = set()
    removes = policy.document.hosted_denial is HostedDenial.REMOVE
    for request in _requests(call):
        for each in request.hosted_tools:
            if request is call and each.pointer in gone:
                continue
            tool = hosted.get(each.type)
            if tool is not None and all(
                _runs_there(scope, tool, each.arguments, chain, circumstances) for scope in scopes
            ):
                continue
            if request is not call or not each.removable or not removes:
                return _denied(decision, _AT_THE_PROVIDER)
            removed.add(each.pointer)
    return _offering(scopes, decision, gone | removed, policy)


def _requests(call: ModelCall) -> Iterator[ModelCall]:
    yield call
    for inner in call.inner:
        yield from _requests(inner)


def _runs_there(
    scope: TaskScope,
    tool: ToolSpec,
    arguments: Mapping[str, Frozen],
    chain: Chain,
    circumstances: Circumstances,
) -> bool:
    """Say whether a tool may run at the provider, where nobody sees its calls."""
    if _is_free(scope, tool):
        return True
    cover = (scope.tools or {}).get(tool.name)
    if cover is None or scope.calls is not None or scope.sums:
        return False
    if scope.targets is not None and tool.targets:
        return False
    return uncovered(cover, arguments, chain, circumstances) is None


def _offering(
    scopes: tuple[TaskScope, ...], decision: Decision, without: frozenset[str], policy: Policy
) -> Decision:
    duties: tuple[Obligation, ...] = tuple(
        OfferOnly(tools=reachable(scopes, each.tools, policy))
        if isinstance(each, OfferOnly)
        else each
        for each in decision.obligations
        if not isinstance(each, WithoutTools)
    )
    if without:
        duties = (*duties, WithoutTools(pointers=without))
    return replace(decision, obligations=duties)


def _denied(decision: Decision, problem: _Problem) -> Decision:
    place, told = problem
    return Decision(
        effect=Effect.DENY,
        policy=decision.policy,
        reason=Reason.OUT_OF_SCOPE,
        nearest=Nearest(rule=SCOPE, constraint=place, problem=told),
        shadow=decision.shadow,
    )
