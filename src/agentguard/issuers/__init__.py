# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Who vouches for a principal, and is it true?

Turns signed tokens into principals: keys are fetched here, signatures checked, claims read.
What a principal may do is not said here.
"""
