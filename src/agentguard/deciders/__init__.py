# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who else is asked whether a call may be made?

Deciders beside the policy file: each is asked what the policy would let happen, and can only make
the answer stricter. What becomes of an answer is said elsewhere.
"""
