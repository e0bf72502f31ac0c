# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a tool of the program the one that the policy speaks of?"""

from agentguard.errors import ConfigError
from agentguard.policy import Policy
from agentguard.vocabulary import Impact


def check_declared(policy: Policy, tool: str, impact: Impact | None, definition: str) -> None:
    """Refuse a tool that the policy does not know, or knows otherwise.

    Args:
        policy: the policy.
        tool: the tool's name in it.
        impact: what its author believes that it can do, None for no word of it.
        definition: the digest of what a model is told of it.

    Raises:
        ConfigError: the policy declares no such tool, or another kind of it, another impact or
            another definition.
    """
    known = policy.tools.get(tool)
    if known is None:
        raise ConfigError(f"the policy has no tool {tool!r}: declare it in a [[tool]] table")
    if known.hosted:
        raise ConfigError(
            f"the policy says that tool {tool!r} runs at the provider: take 'hosted' out of its"
            " [[tool]] table, or give the function another name"
        )
    if known.http:
        raise ConfigError(
            f"the policy says that tool {tool!r} stands for requests: take 'http' out of its"
            " [[tool]] table, or give the function another name"
        )
    check_impact(policy, tool, impact)
    if known.definition is not None and known.definition != definition:
        raise ConfigError(
            f"the definition of tool {tool!r} is not the one that the policy pins;"
            f" review it and pin {definition!r}"
        )


def check_impact(policy: Policy, tool: str, impact: Impact | None) -> None:
    """Refuse a tool whose author believes something else of it than the policy.

    Raises:
        ConfigError: the policy has another impact.
    """
    known = policy.tools[tool].impact
    if impact is not None and impact is not known:
        raise ConfigError(
            f"tool {tool!r} is {known.value!r} in the policy and {impact.value!r} here"
        )


def check_time(policy: Policy, tool: str, *, asynchronous: bool) -> None:
    """Refuse to promise that a function ends in time that nothing can end.

    Raises:
        ConfigError: the policy gives a time to a function that is not asynchronous.
    """
    spec = policy.tools.get(tool)
    if spec is not None and spec.within is not None and not asynchronous:
        raise ConfigError(
            f"the policy says 'within' of tool {tool!r}, but nothing can end a function that is"
            " not 'async': make it one, or take 'within' out of its [[tool]] table"
        )
