# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does Anthropic's API look on the wire?

One module per shape of answer; ``routes`` says which endpoint has which.
"""
