# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""``agentguard providers``: who gets data, on what evidence, and with which keys?"""

from agentguard.cli.providers.commands import add_commands

__all__ = ["add_commands"]
