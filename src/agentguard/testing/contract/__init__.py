# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does an integration of a framework enforce what it says?

One set of scenarios for every framework, run against the real framework, a real guard and a
provider on loopback. An integration says in a few methods how an agent of its framework is run and
taken up again; everything else is here, so that no integration is measured by a measure of its own.

policy     what may which agent do in the scenarios?
ground     a guard, a provider, tools that note what they did, an approver and a clock
scenarios  what must hold, one test for each in each mode
chat_loop  the contract for tools that come without an agent loop; needs the OpenAI SDK
"""

from agentguard.testing.contract.ground import Ground, Ran
from agentguard.testing.contract.scenarios import IntegrationContract

__all__ = ["Ground", "IntegrationContract", "Ran"]
