# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which SDK is an object a client of?"""

from typing import TYPE_CHECKING

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
