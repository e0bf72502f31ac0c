# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which approval request does an interruption of a run wait for?

An interruption of the SDK has no place for it. It is found where the guard keeps it, by the call.

INVARIANT: looking asks nobody twice (tests/frameworks/openai_agents/test_openai_agents_runs.py).
"""

import json

from agents import FunctionTool, RunContextWrapper, ToolApprovalItem

from agentguard.errors import AgentGuardError, ApprovalPending
from agentguard.integrations.openai_agents.agent import GuardedAgent
from agentguard.integrations.openai_agents.parts import part_of


async def approval_request(interruption: ToolApprovalItem) -> str | None:
    """Return the id of the approval request that an interruption waits for.

    Call it as whoever the run acts as, in the run's session.

    Args:
        interruption: of a run of a guarded agent, or of its state.

    Returns:
        The id for ``agentguard approvals``; None where nobody is waited for (any more).
    """
    agent = interruption.agent
    if not isinstance(agent, GuardedAgent):
        return None
    tools = [*agent.tools, *await agent.get_mcp_tools(RunContextWrapper(None))]
    for tool in tools:
        if isinstance(tool, FunctionTool) and tool.name == interruption.tool_name:
            return await _asked(tool, interruption.arguments or "{}")
    return None


async def _asked(tool: FunctionTool, arguments: str) -> str | None:
    part = part_of(tool)
    if part is None or part.ask is None:
        return None
    try:
        await part.ask(json.loads(arguments))
    except ApprovalPending as pending:
        return pending.request_id
    except (AgentGuardError, ValueError):
        pass
    return None
