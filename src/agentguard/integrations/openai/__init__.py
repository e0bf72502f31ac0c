# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be known of the OpenAI SDK before its clients can be guarded?

``surface`` says it; ``chat``, ``responses`` and ``simple`` read requests, ``tools`` what they
offer, ``stream_*`` the events of answers. The rest is the same for every SDK, in ``clients``.
"""

from agentguard.integrations.openai.surface import SURFACE

__all__ = ["SURFACE"]
