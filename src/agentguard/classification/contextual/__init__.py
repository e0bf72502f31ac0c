# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which values are secrets because of what stands beside them?

    detector     puts the parts together
    names        what a name promises of its value
    assignments  which value a name is given
    commands     which options of programs take a password
    values       whether such a value is a secret
    tokens       which tokens look drawn, and what stands before them
    harmless     what is no secret, whatever stands beside it
    randomness   how surprising a token is; letters and letter_table hold its model
    limits       from how many bits on, in each profile

No format of a provider is known here.
"""

from agentguard.classification.contextual.detector import ContextualDetector

__all__ = ["ContextualDetector"]
