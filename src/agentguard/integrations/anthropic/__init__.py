# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be known of the Anthropic SDK before its clients can be guarded?

``surface`` says it; ``messages``, ``batches``, ``blocks`` and ``tools`` read what requests hold,
``stream_messages`` the events of answers. The rest is the same for every SDK, in ``clients``.
"""

from agentguard.integrations.anthropic.surface import SURFACE

__all__ = ["SURFACE"]
