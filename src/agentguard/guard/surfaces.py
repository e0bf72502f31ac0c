# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which SDK is an object a client of?"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agentguard.clients import Surface


def surface_of(target: object) -> "Surface | None":
    """Return what is known of the SDK that *target* is a client of, None if it is none."""
    roots = {base.__module__.partition(".")[0] for base in type(target).__mro__}
    surface: Surface | None = None
    if "openai" in roots:
        from agentguard.integrations import openai

        surface = openai.SURFACE
    elif "anthropic" in roots:
        from agentguard.integrations import anthropic

        surface = anthropic.SURFACE
    return surface if surface is not None and surface.is_client(target) else None


def requests_guard_of(target: object) -> Callable[..., Any] | None:
    """Return what guards an HTTP client whose requests are calls of tools, None for others."""
    roots = {base.__module__.partition(".")[0] for base in type(target).__mro__}
    if roots & {"httpx", "httpx2"}:
        from agentguard.integrations import httpx_clients

        if httpx_clients.library_of(target) is not None:
            return httpx_clients.guard_http_client
    if "requests" in roots:
        from requests import Session

        from agentguard.integrations import requests_sessions

        if isinstance(target, Session):
            return requests_sessions.guard_session
    return None
