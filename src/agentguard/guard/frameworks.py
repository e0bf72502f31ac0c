# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which framework is an object a part of, and what guards it?

A module of an integration is imported when an object of its framework comes, never before.
"""

from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentguard.tools import Wrapping

# By the package in which a class of the object's is defined. Each module has a function
# ``guarded(target, wrapping)``, which raises a TypeError for what it does not know.
_INTEGRATIONS = MappingProxyType(
    {
        "langchain_core": "agentguard.integrations.langchain",
        "agents": "agentguard.integrations.openai_agents",
        "pydantic_ai": "agentguard.integrations.pydantic_ai",
        "mcp": "agentguard.integrations.mcp",
        "fastmcp": "agentguard.integrations.mcp.fastmcp_servers",
    }
)


def is_of_a_framework(target: object) -> bool:
    """Say whether an object is a part of a framework that has an integration."""
    return _module_of(target) is not None


def guarded_by_framework(target: object, wrapping: "Wrapping") -> Any:
    """Return a part of a framework under the guard.

    Raises:
        TypeError: the integration does not know how to guard this type, so it refuses it.
        ConfigError: the policy does not know it, or knows it otherwise.
    """
    module = _module_of(target)
    if module is None:
        raise TypeError(f"objects of type {type(target).__name__} cannot be guarded")
    return import_module(module).guarded(target, wrapping)


def _module_of(target: object) -> str | None:
    roots = {base.__module__.partition(".")[0] for base in type(target).__mro__}
    return next((_INTEGRATIONS[root] for root in sorted(roots & _INTEGRATIONS.keys())), None)
