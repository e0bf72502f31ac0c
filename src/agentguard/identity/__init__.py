# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who is calling, and for whom?

Reads and narrows the identity that the host has bound to the running code or to an object.
It does not say what an identity may do.

INVARIANT: principals come from the host alone; nothing here reads a prompt, an argument or a
model's output. A missing or contradicting identity refuses (tests/test_identity.py).
INVARIANT: a nested identity extends the chain, so that it can only narrow, wherever the block
was made (tests/attacks/test_identity_blocks.py).
"""

from agentguard.identity.blocks import IdentityBlock
from agentguard.identity.bound import Identities
from agentguard.identity.principals import Declaration, Declarations, Party, principal

__all__ = [
    "Declaration",
    "Declarations",
    "Identities",
    "IdentityBlock",
    "Party",
    "principal",
]
