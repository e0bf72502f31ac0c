# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does OpenAI's API look on the wire?

One module per shape of answer, each with the endpoints' ``Shape`` values; ``routes`` says which
endpoint has which.
"""
