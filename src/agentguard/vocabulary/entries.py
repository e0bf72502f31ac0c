# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is written down about a call, and where does it stand?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agentguard.vocabulary.calls import Boundary, Impact
from agentguard.vocabulary.decisions import Effect, Reason


class EntryType(StrEnum):
    """What an audit entry says."""

    STREAM_OPENED = "stream.opened"
    STREAM_CLOSED = "stream.closed"
    INTENT = "intent"
    OUTCOME = "outcome"
    REFUSED = "refused"
    APPROVAL_REQUESTED = "approval.requested"
    APPROVAL_VOTED = "approval.voted"
    APPROVAL_ENDED = "approval.ended"
    VAULT_ERASED = "vault.erased"
    FACTS_ERASED = "facts.erased"
    POLICY_LOADED = "policy.loaded"
    POLICY_REFUSED = "policy.refused"
    GUARD_STOPPED = "guard.stopped"
    GUARD_RESUMED = "guard.resumed"
    DEFINITION_APPROVED = "definition.approved"


class Outcome(StrEnum):
    """How a dispatched call ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHHELD = "withheld"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One record of the audit log, without payload text.

    Attributes:
        type: what the entry says.
        at: when, UTC.
        call_id: the call it is about; None for entries about the stream itself.
        boundary, operation, target: what was called.
        provider: the provider's id in the policy, for model calls.
        chain: the ids of the principals, the person first.
        session_key: the session.
        policy, rule, effect, reason: the decision.
        impact: of the tool.
        classes: how many findings of each class were hidden or found.
        commitment: salted commitment to what crossed; the salt is kept apart.
        approval_id: the approval request that the entry belongs to.
        approver: who voted.
        outcome: how the call ended.
        error: the class name of what was raised, never its text.
        trace_id, span_id: the guard span, in lower-case hexadecimal.
        details: further short facts such as a host name or a version; never payload.
            Of a decision: ``environment``; ``assurance`` of each of the chain, where anybody is
            more than declared; ``limits`` that it was counted under; ``shadow`` and
            ``shadow_rule``, what rules in shadow would have made of it; ``decider`` that refused.
            ``interrupted`` names the type of the call's entry that may be missing, because its
            writing was interrupted.
    """

    type: EntryType
    at: datetime
    call_id: str | None = None
    boundary: Boundary | None = None
    operation: str | None = None
    target: str | None = None
    provider: str | None = None
    chain: tuple[str, ...] = ()
    session_key: str | None = None
    policy: str | None = None
    rule: str | None = None
    effect: Effect | None = None
    reason: Reason | None = None
    impact: Impact | None = None
    classes: Mapping[str, int] = field(default_factory=dict)
    commitment: str | None = None
    approval_id: str | None = None
    approver: str | None = None
    outcome: Outcome | None = None
    error: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)

    @property
    def interrupted(self) -> bool:
        """Whether the writing of an earlier entry of the call was interrupted."""
        return "interrupted" in self.details


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where an audit entry stands: the stream and the number in it, from 0."""

    stream: str
    seq: int
