# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a program narrow a run to, in the words that rules use?

Reads a ``Scope``. Whether a call keeps within it says ``policy.scopes``.

INVARIANT: what cannot be read binds nobody, and no problem that is told holds what stands there
(tests/config/test_scope_words.py).
"""

from collections.abc import Collection

from agentguard.canonical import Frozen, NotCanonical, freeze
from agentguard.config.grants import covers_of, sums_of
from agentguard.errors import ConfigError, Problem
from agentguard.policy import Policy
from agentguard.policy.scopes import target_form
from agentguard.vocabulary import Reads, Scope, TaskScope

_PLACE = "scope="


def task_scope_of(scope: Scope, policy: Policy) -> TaskScope:
    """Return what a program narrows a run to, without an id.

    Raises:
        ConfigError: it narrows nothing, names a tool that the policy does not declare, or cannot
            be read.
    """
    if not isinstance(scope, Scope):
        raise _wrong("", "must be a Scope")
    given = (scope.tools, scope.targets, scope.calls)
    if all(each is None for each in given) and not scope.sums:
        raise _wrong("", "narrows nothing: give tools=, targets=, calls= or sums=")
    if scope.reads not in set(Reads):
        raise _wrong("reads", "must be 'free' or 'listed'")
    if scope.calls is not None and (type(scope.calls) is not int or scope.calls < 1):
        raise _wrong("calls", "must be a whole number from 1")
    covers = None
    if scope.tools is not None:
        if not isinstance(scope.tools, Collection):
            raise _wrong("tools", "must be a list of tools, or a mapping of them")
        covers = covers_of(scope.tools, policy, summed=scope.sums, by="scope")
    return TaskScope(
        id="",
        tools=covers,
        targets=None if scope.targets is None else _targets(scope.targets),
        reads_free=scope.reads == Reads.FREE,
        calls=scope.calls,
        sums=sums_of(scope.sums, covers, by="scope"),
    )


def _targets(targets: object) -> frozenset[bytes]:
    if isinstance(targets, str) or not isinstance(targets, Collection):
        raise _wrong("targets", "must be a list of values")
    frozen: Frozen = None
    try:
        frozen = freeze(list(targets))
    except NotCanonical:
        frozen = None
    if not isinstance(frozen, tuple) or not all(
        isinstance(each, str | int | float) and each != "" for each in frozen
    ):
        raise _wrong("targets", "must hold text, numbers, true and false only")
    return frozenset(map(target_form, frozen))


def _wrong(key: str, message: str) -> ConfigError:
    return ConfigError([Problem(file=_PLACE, key=key, line=None, message=message)])
