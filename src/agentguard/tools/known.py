# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which living tools of the program pass a guard, and under which names?

INVARIANT: a tool counts as guarded by its identity, never by a mark that can be copied
(tests/attacks/test_tool_paths.py).
"""

import weakref
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from agentguard.enforcement import Crossing, Enforcer, ResourceHooks
from agentguard.errors import ConfigError
from agentguard.policy import Policy
from agentguard.tools.declared import check_impact
from agentguard.vocabulary import Impact


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of one guarded tool.

    Attributes:
        holder: the guard's enforcer.
        tool: its name in the policy.
        hooks_in: gives its hooks under a policy; raises a ConfigError where they do not fit.
        crossing: describes a call of it with arguments by name.
    """

    holder: "weakref.ref[Enforcer]"
    tool: str
    hooks_in: Callable[[Policy], ResourceHooks | None]
    crossing: Callable[[Mapping[str, Any]], Crossing] | None = None


# Known by identity: an attribute would be copied along by functools.wraps to a bare function.
# By id, since a framework's tools may not be hashable, and may compare equal to their copies.
_GUARDED: "dict[int, tuple[weakref.ref[object], Known]]" = {}


def note_guarded(guarded: object, known: Known) -> None:
    """Note that an object passes a guard, for as long as it lives.

    Raises:
        TypeError: nothing can tell when it is gone.
    """
    key = id(guarded)
    _GUARDED[key] = (weakref.ref(guarded, lambda _: _GUARDED.pop(key, None)), known)


def known_as(
    guarded: object, enforcer: Enforcer, *, name: str | None = None, impact: Impact | None = None
) -> str | None:
    """Return the name of the tool as which this very object passes a guard, None if it does not.

    Raises:
        ConfigError: it does so for another guard, under another name, or with another impact.
    """
    found = _GUARDED.get(id(guarded))
    if found is None or found[0]() is not guarded:
        return None
    known = found[1]
    if known.holder() is not enforcer:
        raise ConfigError(f"tool {known.tool!r} is guarded by another guard already")
    if name is not None and name != known.tool:
        raise ConfigError(f"the function is guarded as tool {known.tool!r} already")
    check_impact(enforcer.core.policy, known.tool, impact)
    return known.tool


async def ask_about(guarded: object, enforcer: Enforcer, arguments: Mapping[str, Any]) -> None:
    """Ask people about a call of a tool that passes a guard, where they must agree.

    Raises:
        ApprovalPending: they have not answered yet.
        CallRefused: the call would be refused.
    """
    found = _GUARDED.get(id(guarded))
    if found is not None and found[0]() is guarded and found[1].crossing is not None:
        await enforcer.ask_async(found[1].crossing(arguments))


def guarded_tools(enforcer: Enforcer) -> Counter[str]:
    """Count the living tools that pass a guard, by their names in its policy."""
    return Counter(each.tool for each in _living(enforcer))


def require_hooks(enforcer: Enforcer, policy: Policy) -> None:
    """Refuse a policy under which nobody would check the objects of a tool that is guarded.

    Raises:
        ConfigError: a tool of the policy acts on objects, and its function lacks what says so or
            who may reach them; or the other way round.
    """
    for each in _living(enforcer):
        if each.tool in policy.tools:
            each.hooks_in(policy)


def _living(enforcer: Enforcer) -> list[Known]:
    # A copy, since tools come and go in other threads.
    found = list(_GUARDED.values())
    return [known for _, known in found if known.holder() is enforcer]
