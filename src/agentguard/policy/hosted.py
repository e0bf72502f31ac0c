# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""May the model use the tools of a request that would run at the provider?

They are decided like tool calls, by their definitions, since the request is all that the guard
sees of them. What is not allowed refuses the request, or is taken out if the policy says so and
the request makes sense without.

INVARIANT: a type that no tool of the policy lists is never let through, and no message repeats a
type or a member that neither the policy nor a shipped list holds (tests/policy/test_hosted.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentguard.policy.conditions import Context
from agentguard.policy.document import HostedDenial, PolicyDocument, ToolSpec
from agentguard.policy.flows import Flows
from agentguard.policy.hosted_types import KNOWN_TYPES, is_documented_member
from agentguard.policy.matching import Found, match_tool
from agentguard.policy.nearest import nearest_for_tool
from agentguard.policy.rules import CompiledRule
from agentguard.policy.table import Reach, Table
from agentguard.vocabulary import Decision, Effect, HostedTool, Impact, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the policy says about the hosted tools of one request.

    Attributes:
        refusal: the decision that refuses the request, if one of them does.
        removed: where the tools stand that are taken out.
        writes: whether one that stays can do more than read.
    """

    refusal: Decision | None = None
    removed: frozenset[str] = frozenset()
    writes: bool = False


NOTHING = Verdict()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HostedTools:
    """The hosted tools of a policy, by the provider's type."""

    by_type: Mapping[str, ToolSpec]
    denial: HostedDenial
    by_tool: Mapping[str, CompiledRule]
    flows: Flows
    elsewhere: frozenset[str]

    def judge(
        self, named: tuple[HostedTool, ...], reach: Sequence[Reach], context: Context
    ) -> Verdict:
        """Decide every hosted tool that a request names, for every agent of the chain."""
        if not named:
            return NOTHING
        removed: set[str] = set()
        writes = False
        for each in named:
            tool = self.by_type.get(each.type)
            found, refusal = None, None
            if tool is not None and tool.name not in self.elsewhere:
                found = match_tool(reach, tool.name, each.arguments, context)
                row = found.deciding
                if row is not None and not row.denies:
                    refusal = self.flows.refusal(tool, context)
                if row is not None and not row.denies and refusal is None:
                    writes = writes or tool.impact is not Impact.READ_ONLY
                    continue
            if each.removable and self.denial is HostedDenial.REMOVE:
                removed.add(each.pointer)
                continue
            return Verdict(refusal=refusal or self._refusal(each, tool, found, context))
        return Verdict(removed=frozenset(removed), writes=writes)

    def _refusal(
        self, named: HostedTool, tool: ToolSpec | None, found: Found | None, context: Context
    ) -> Decision:
        if tool is None:
            return self._denied(hint=_declaring(named.type))
        if found is None:
            hint = f"add the environment of the call to those of tool {tool.name!r}"
            return self._denied(hint=hint)
        row = found.deciding
        if row is not None:
            return self._denied(rule=row.rule.spec.id)
        rows = () if found.unmatched is None else found.unmatched.tools.get(tool.name, ())
        near = nearest_for_tool(
            rows,
            self.by_tool.get(tool.name),
            named.arguments,
            context,
            repeats=is_documented_member,
        )
        hint = f"allow tool {tool.name!r} in a rule that lists the members of its definition"
        return self._denied(nearest=near, hint=hint)

    def _denied(self, **why: object) -> Decision:
        return Decision(
            effect=Effect.DENY,
            policy=self.flows.digest,
            reason=Reason.HOSTED_TOOL,
            **why,  # type: ignore[arg-type]  # rule, nearest or hint
        )


def hosted_tools(
    document: PolicyDocument, table: Table, flows: Flows, environment: str | None
) -> HostedTools:
    """Return the hosted tools of a document in an environment, compiled."""
    return HostedTools(
        by_type={name: tool for tool in document.tools for name in tool.hosted},
        denial=document.hosted_denial,
        by_tool=table.by_tool,
        flows=flows,
        elsewhere=frozenset(
            tool.name
            for tool in document.tools
            if tool.environments and environment not in tool.environments
        ),
    )


def _declaring(named: str) -> str:
    if named not in KNOWN_TYPES:
        return "list its type under hosted of a [[tool]], and allow that tool in a rule"
    return f"declare a [[tool]] with hosted = ['{named}'], and allow that tool in a rule"
