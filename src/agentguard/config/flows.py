# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which flows does the file name, and how are origins found out?"""

from agentguard.config.document import Tell
from agentguard.config.flow_document import FlowTable, ProvenanceTable
from agentguard.policy import FlowSpec, Path, ProvenanceSpec
from agentguard.vocabulary import Effect


def flow_of(table: FlowTable, path: Path, tell: Tell) -> FlowSpec:
    """Return the flow that a table describes."""
    if table.then is Effect.ALLOW:
        tell((*path, "then"), "must be 'approve' or 'deny': a flow only tightens")
    return FlowSpec(
        id=table.id or "",
        who=tuple(table.who or ()),
        tools=tuple(table.tool or ()),
        impacts=tuple(table.impact or ()),
        outward=table.outward,
        after=tuple(table.after or ()),
        targets_from=_maybe(table.targets_from),
        addresses_from=_maybe(table.addresses_from),
        arguments_from=_maybe(table.arguments_from),
        unless_asked=table.unless_asked,
        effect=table.then or Effect.DENY,
        approval=table.approval,
        remember=table.remember,
    )


def _maybe(names: list[str] | None) -> tuple[str, ...] | None:
    return None if names is None else tuple(names)


def provenance_of(table: ProvenanceTable) -> ProvenanceSpec:
    """Return how origins are found out."""
    return ProvenanceSpec(user_messages=table.user_messages)
