# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a client library or a framework come to ask the guard?

One module or package each. An integration builds the call, hands it to ``enforcement`` and turns
the result back; it takes no step of its own and skips none.
"""
