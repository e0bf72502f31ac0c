# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a value come from, and what has the conversation seen?"""

from agentguard.provenance.conversation import Conversation

__all__ = ["Conversation"]
