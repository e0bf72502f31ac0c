# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What else must be known before a call is decided?

Part of step 3: which objects the call is about, where its files lead, what the session has used
up of its limits, and where its arguments come from. It asks for nothing that no rule needs, and decides nothing.

INVARIANT: what cannot be found out refuses the call (tests/attacks/test_steps.py), or is left
out of the circumstances, which are then read strictly.
"""

from collections.abc import Mapping
from decimal import Decimal

from agentguard.errors import DeniedByPolicy
from agentguard.pipeline.charging import account_of
from agentguard.pipeline.hearing import where_from
from agentguard.pipeline.planning import plans_of
from agentguard.pipeline.steps import (
    FindResources,
    Flow,
    Progress,
    ReadSpent,
    ResolvePaths,
    perform,
)
from agentguard.policy.grants import keys_of_grant, roots_of
from agentguard.policy.plans import keys_of_plans, roots_planned
from agentguard.policy.scopes import keys_of_scope, roots_within
from agentguard.session import Session
from agentguard.vocabulary import Call, Caller, Circumstances, Plan, Reason, ToolCall


def found_out(
    progress: Progress, caller: Caller, call: Call, session: Session
) -> Flow[Circumstances]:
    """Find out what the decision depends on beside the call and its chain.

    Raises:
        DeniedByPolicy: the host does not say which objects the call is about.
    """
    now = progress.core.now()
    resources = yield from _resources(progress, call)
    plans = plans_of(progress, caller, session)
    paths = yield from _paths(progress, caller, call, resources, plans)
    spent = yield from _spent(progress, caller, call, plans)
    origins, conversation = where_from(progress, call, session)
    return Circumstances(
        now=now,
        environment=caller.environment,
        grants=caller.grants,
        paths=paths,
        resources=resources,
        spent=spent,
        origins=origins,
        conversation=conversation,
    )


def _resources(progress: Progress, call: Call) -> Flow[tuple[str, ...] | None]:
    """Ask the host which objects a call is about, where its tool has any."""
    if not isinstance(call, ToolCall):
        return None
    tool = progress.core.policy.tools.get(call.tool)
    if tool is None or tool.resource is None:
        return None
    found: object = None
    try:
        found = yield from perform(FindResources(call))
    except Exception:  # noqa: BLE001 - the host's code may raise anything, and it may hold anything
        found = None
    ids = _ids(found)
    if ids is None:
        progress.reason = Reason.RESOURCE_DENIED
        raise DeniedByPolicy(
            f"it cannot be said which {tool.resource!r} the call of tool {call.tool!r} is about",
            remedy="the function given as resource= must return an id, or a list of ids, as text",
        )
    return ids


def _ids(found: object) -> tuple[str, ...] | None:
    """Return ids, each once; None unless there is one and all are texts with something in them."""
    if type(found) is str:
        found = (found,)
    if not isinstance(found, tuple | list | set | frozenset):
        return None
    ids = tuple(found)  # a list of the host's own kind may hold something else when read again
    if not ids or not all(type(each) is str and each for each in ids):
        return None
    return tuple(sorted(set(ids)))


def _paths(
    progress: Progress,
    caller: Caller,
    call: Call,
    resources: tuple[str, ...] | None,
    plans: tuple[Plan, ...],
) -> Flow[Mapping[str, str | None]]:
    """Ask where files in arguments lead, and folders that rules and grants compare them with."""
    if not isinstance(call, ToolCall):
        return {}
    roots = roots_of(caller.grants, call.tool) | roots_within(caller.scopes, call.tool)
    roots |= roots_planned(plans, call.tool)
    texts = progress.core.needs.paths_of(call, resources or (), roots)
    if not texts:
        return {}
    paths = yield from perform(ResolvePaths(tuple(sorted(texts))))
    return paths


def _spent(
    progress: Progress, caller: Caller, call: Call, plans: tuple[Plan, ...]
) -> Flow[Mapping[str, Decimal]]:
    """Ask what is used up of every limit that the call may be counted under."""
    keys = progress.core.needs.limits_of(call)
    if isinstance(call, ToolCall):
        keys = (*keys, *(key for grant in caller.grants for key in keys_of_grant(grant)))
        keys = (*keys, *(key for scope in caller.scopes for key in keys_of_scope(scope)))
        keys = (*keys, *keys_of_plans(plans, call.tool))
    if not keys:
        return {}
    accounts = tuple(account_of(key, caller) for key in keys)
    used = yield from perform(ReadSpent(accounts))
    return {account.key: used[account] for account in accounts}
