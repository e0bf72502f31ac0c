# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be found out about a conversation before a call is decided?

Read off a policy once, so that a policy that asks nothing of it costs nothing. It errs towards
finding out too much.

INVARIANT: what is not asked for changes no decision (tests/policy/test_inquiries.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agentguard.policy.document import FlowSpec, PolicyDocument
from agentguard.policy.flows import tools_of_flow
from agentguard.policy.sourcing import NOWHERE
from agentguard.policy.targets import finding_tools
from agentguard.vocabulary import Call, Effect, ToolCall


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Inquiries:
    """What the calls of a policy need to be known.

    Attributes:
        named: of each tool the arguments whose origins a rule or a flow asks for.
        every: the tools of which all arguments are asked about.
        conversation: the tools of which it is asked what has happened before.
        computed: the tools of which a value may stand nowhere.
        hosted: by the provider's type those of them that run at a provider.
    """

    named: Mapping[str, frozenset[str]]
    every: frozenset[str]
    conversation: frozenset[str]
    computed: frozenset[str]
    hosted: Mapping[str, str]

    def __bool__(self) -> bool:
        return bool(self.named or self.every or self.conversation)

    def origins(self, call: ToolCall) -> frozenset[str]:
        """Return the arguments of a call whose origins must be found out."""
        given = frozenset(call.resolved)
        return given if call.tool in self.every else given & self.named.get(call.tool, frozenset())

    def asks_conversation(self, call: Call) -> bool:
        """Say whether it must be found out what has happened before a call."""
        if isinstance(call, ToolCall):
            return call.tool in self.conversation
        return any(self.hosted.get(each.type) in self.conversation for each in call.hosted_tools)


def inquiries_of(document: PolicyDocument) -> Inquiries:
    """Return what the calls of a document need to be known."""
    named: dict[str, set[str]] = {}
    every: set[str] = set()
    conversation: set[str] = set()
    computed: set[str] = set()
    tools_of = finding_tools(document)
    for rule in document.rules:
        asked = {each.name for each in rule.arguments if each.origins is not None}
        if any(NOWHERE in (each.origins or ()) for each in rule.arguments):
            computed.update(tools_of(rule))
        for tool in tools_of(rule) if asked else ():
            named.setdefault(tool, set()).update(asked)
    targets = {tool.name: tool.targets for tool in document.tools}
    for flow in document.flows:
        for tool in tools_of_flow(flow, document):
            if NOWHERE in {*(flow.targets_from or ()), *(flow.arguments_from or ())}:
                computed.add(tool)
            names = _asked_about(flow, targets[tool])
            if names is None:
                every.add(tool)
            elif names:
                named.setdefault(tool, set()).update(names)
            if flow.after or flow.unless_asked:
                conversation.add(tool)
    return Inquiries(
        named={tool: frozenset(names) for tool, names in named.items()},
        every=frozenset(every),
        conversation=frozenset(conversation),
        computed=frozenset(computed),
        hosted={name: tool.name for tool in document.tools for name in tool.hosted},
    )


def _asked_about(flow: FlowSpec, targets: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the arguments of a tool that a flow asks about, or tells of; None for every one."""
    if flow.addresses_from is not None or flow.arguments_from is not None:
        return None
    if flow.targets_from is not None:
        return targets
    if flow.unless_asked or flow.effect is Effect.DENY:
        return ()
    return targets or None
