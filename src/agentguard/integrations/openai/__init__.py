# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is an OpenAI client guarded?

``client`` swaps the class of the existing client and seals its HTTP client, ``operations`` says
which requests the guard decides, ``chat`` reads a request, ``seal`` refuses what did not come
through the guard.
"""

from agentguard.integrations.openai.client import bind_client, guard_client, is_openai_client

__all__ = ["bind_client", "guard_client", "is_openai_client"]
