# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a host program have people agree to several calls at once?

The part of ``Guard`` about plans. To propose one is a guarded call of the tool that the policy
marks with ``plan``: rules decide on it, people approve it, and the log holds it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from agentguard.guard.acting import Acting

if TYPE_CHECKING:
    from agentguard.enforcement import Crossing

_OPERATION = "execute_tool"
_SURFACE = "plans"
_ID = "plan"


class Proposing(Acting):
    """Proposes plans."""

    def propose(
        self,
        steps: Sequence[Mapping[str, object]],
        *,
        within: timedelta,
        tool: str | None = None,
    ) -> str:
        """Have people agree to several calls, so that nobody is asked about each.

        Once they have approved it, a call in this session that fits a step and that rules or
        flows ask about happens without another question, as often as the step says. A plan allows
        nothing that no rule allows. Propose it again after it was approved, like any other call.

        Args:
            steps: what is to be done, each a mapping with ``tool``, ``args`` and ``times``. An
                argument is a value, or written as ``args`` of a rule; others are not foreseen.
                ``times`` is 1 if left out.
            within: how long the plan holds, from when it was approved and proposed again.
            tool: the tool of the policy that stands for plans; its only one if None.

        Returns:
            The id of the plan, which the entries of its calls name.

        Raises:
            ConfigError: the policy has no such tool, or the length of time makes no sense.
            ContentRefused: a step cannot be read.
            DeniedByPolicy: no rule lets the running identity propose plans, or none asks.
            ApprovalPending: people have not answered yet.
        """
        from agentguard.pipeline import Response

        crossing = self._proposal(steps, within, tool)
        answer: str = self._parts.enforcer.call(
            crossing, lambda call: Response(content={_ID: call.id})
        )[_ID]
        return answer

    async def propose_async(
        self,
        steps: Sequence[Mapping[str, object]],
        *,
        within: timedelta,
        tool: str | None = None,
    ) -> str:
        """Do what ``propose`` does, without holding up the event loop while people answer.

        Raises:
            AgentGuardError: as ``propose`` does.
        """
        from agentguard.pipeline import Response
        from agentguard.vocabulary import Call

        async def dispatch(call: Call) -> Response:
            return Response(content={_ID: call.id})

        crossing = self._proposal(steps, within, tool)
        answer: str = (await self._parts.enforcer.call_async(crossing, dispatch))[_ID]
        return answer

    def _proposal(
        self, steps: Sequence[Mapping[str, object]], within: timedelta, tool: str | None
    ) -> "Crossing":
        """Return the call that proposes a plan."""
        from agentguard.canonical import canonical_bytes, digest
        from agentguard.config.plans import arguments_of, plan_tool, steps_of
        from agentguard.enforcement import Crossing
        from agentguard.vocabulary import Boundary, Call, ToolCall

        policy = self._parts.enforcer.core.policy
        name = plan_tool(policy, tool)

        def described(call_id: str) -> Call:
            arguments = arguments_of(steps, within)
            steps_of(arguments, policy)
            return ToolCall(
                id=call_id,
                tool=name,
                definition=digest(canonical_bytes((_SURFACE, name))),
                received=arguments,
                resolved=arguments,
            )

        return Crossing(
            boundary=Boundary.TOOL,
            surface=_SURFACE,
            operation=_OPERATION,
            target=name,
            carried=None,
            describe=described,
            plan=steps_of,
        )
