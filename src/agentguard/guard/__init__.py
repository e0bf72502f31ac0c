# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a host program use agentguard?

guarding  ``Guard``: reads a policy, wraps clients and tools, labels values
acting    its part that binds identities
surfaces  whose client an object is
frameworks  what an object of a framework is guarded by
"""

from agentguard.guard.guarding import CONFIG_VARIABLE, DEFAULT_FILE, Guard

__all__ = ["CONFIG_VARIABLE", "DEFAULT_FILE", "Guard"]
