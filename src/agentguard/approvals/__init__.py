# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is asked, who may answer, and when is it enough?

``binding`` ties a request to one exact call, ``votes`` proves who answered, ``states`` says which
change may follow which.
Nothing here stores anything: each function takes a request and returns the next one.
"""

from agentguard.approvals.binding import binding, matches, new_request
from agentguard.approvals.states import (
    ENDED,
    ApprovalConflict,
    cancel,
    claim,
    expire_if_due,
    finish,
    lapse,
    with_vote,
)
from agentguard.approvals.votes import (
    PAYLOAD_TYPE,
    RejectedVote,
    rejected_votes,
    sign_vote,
    valid_votes,
    vote_statement,
)

__all__ = [
    "ENDED",
    "PAYLOAD_TYPE",
    "ApprovalConflict",
    "RejectedVote",
    "binding",
    "cancel",
    "claim",
    "expire_if_due",
    "finish",
    "lapse",
    "matches",
    "new_request",
    "rejected_votes",
    "sign_vote",
    "valid_votes",
    "vote_statement",
    "with_vote",
]
