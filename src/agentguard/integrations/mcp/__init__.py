# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is what speaks the Model Context Protocol guarded?

serving  a server that acts for whoever sent the request
"""

from agentguard.integrations.mcp.serving import CallerMiddleware, GuardTokenVerifier, VerifiedToken

__all__ = ["CallerMiddleware", "GuardTokenVerifier", "VerifiedToken"]
