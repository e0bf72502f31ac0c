# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who performs the steps of a call, in synchronous and in asynchronous code?

``drivers`` take a call through the flow, ``streams`` one whose answer comes in pieces;
``performing`` does the work of a step, ``consultation`` asks the extra deciders, ``hooks`` the
host, ``resolving`` the file system; ``sessions`` keeps what is remembered between calls,
``counting`` how calls ended.
The order of the steps is written in ``pipeline``.
"""

from agentguard.enforcement.consultation import Consulted
from agentguard.enforcement.crossing import Crossing
from agentguard.enforcement.drivers import Enforcer, for_no_user
from agentguard.enforcement.hooks import Hook, ResourceHooks, hooks_for
from agentguard.enforcement.performing import Backing
from agentguard.enforcement.sessions import Sessions
from agentguard.enforcement.streams import OpenStream

__all__ = [
    "Backing",
    "Consulted",
    "Crossing",
    "Enforcer",
    "Hook",
    "OpenStream",
    "ResourceHooks",
    "Sessions",
    "for_no_user",
    "hooks_for",
]
