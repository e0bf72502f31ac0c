# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a framework keep of a call that waits for people?

Enough to find the approval request and to know the call again, and nothing of what is in it.

INVARIANT: what is kept of a pause holds no argument (tests/tools/test_pausing.py).
"""

from agentguard.canonical import NotCanonical, canonical_bytes, digest, freeze
from agentguard.errors import ApprovalPending


def kept_of_pause(pending: ApprovalPending, tool: str, arguments: object) -> dict[str, str]:
    """Return what may stand in a framework's own interruption.

    Args:
        pending: what the guarded tool raised.
        tool: the tool's name in the policy.
        arguments: those that the model wrote; without a canonical form they have no digest.
    """
    try:
        fingerprint = digest(canonical_bytes((tool, freeze(arguments))))
    except NotCanonical:
        fingerprint = ""
    return {"request_id": pending.request_id, "tool": tool, "digest": fingerprint}
