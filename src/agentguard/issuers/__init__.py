# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who vouches for a principal, and is it true?

Turns signed tokens into principals: keys are fetched here, signatures checked, claims read.
What a principal may do is not said here.
"""

from agentguard.issuers.claims import Verified
from agentguard.issuers.opening import open_issuers
from agentguard.issuers.refusing import OURS, TokenProblem
from agentguard.issuers.verifying import Issuers

__all__ = ["OURS", "Issuers", "TokenProblem", "Verified", "open_issuers"]
