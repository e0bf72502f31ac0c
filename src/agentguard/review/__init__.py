# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a policy allow, compared with what is wanted?

Explains a decision, runs the cases beside a policy, tells what another version newly allows, decides
recorded calls again, proposes rules from them, and writes a policy in another language.
It enforces nothing, opens nothing and changes no policy.
"""
