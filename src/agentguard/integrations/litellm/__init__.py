# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which functions of LiteLLM can be guarded, and with which options?

LiteLLM's own callbacks cannot refuse anything, and most of its functions send with clients of
their own. So there is a facade with the few functions that send with the client they are given.

facade    the functions
options   what may be given to them
watching  who would see prompts and results, and was it the guarded client that was asked?
"""

from agentguard.integrations.litellm.facade import GuardedLiteLLM

__all__ = ["GuardedLiteLLM"]
