# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How are clients of the Anthropic SDK guarded?

Reads what requests for messages and batches hold, and where texts stand in the events of an
answer. The machinery that guards a client stands in ``agentguard.clients``.
"""
