# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does an integration hand over, and which parts does the driver work with?"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from agentguard.canonical import Frozen
from agentguard.enforcement.hooks import ResourceHooks
from agentguard.policy import Policy
from agentguard.stores import SealedFacts
from agentguard.vocabulary import (
    Account,
    ApprovalChange,
    ApprovalRequest,
    AuditEntry,
    Boundary,
    Call,
    Caller,
    PlanStep,
    Position,
    Spending,
)


class Journal(Protocol):
    """Where audit entries, and changes of approval requests with them, are written."""

    @property
    def stream(self) -> str:
        """The id of this process's stream."""

    def append(
        self,
        entry: AuditEntry,
        *,
        durable: bool,
        change: ApprovalChange | None = None,
        salt: bytes | None = None,
        charges: tuple[Spending, ...] = (),
        gives_back: bool = False,
        facts: SealedFacts | None = None,
    ) -> Position | None:
        """Write one entry; see ``stores.Journal``."""

    def offer(
        self, entry: AuditEntry, *, salt: bytes | None = None, facts: SealedFacts | None = None
    ) -> bool:
        """Write one entry if that means no waiting; see ``stores.Journal``."""


class ApprovalReader(Protocol):
    """Where approval requests are read, and what is used up of limits."""

    def approval(self, id: str) -> ApprovalRequest | None:  # noqa: A002 - the field's word
        """Return one request with its votes."""

    def open_approvals(self, session_key: str, tool: str) -> tuple[ApprovalRequest, ...]:
        """Return the requests of a session for a tool that have not ended for good."""

    def spent(self, accounts: Sequence[Account]) -> Mapping[Account, Decimal]:
        """Return what is used up of accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """One call as an integration hands it over.

    Attributes:
        boundary, operation, target: see ``pipeline.Attempt``.
        surface: what was used to make the call, such as ``openai`` or ``functions``.
        carried: the caller that the called object is bound to, if any.
        describe: builds the call; raises a refusal for what it cannot inspect.
        span_attributes: what the operation's span carries from its start.
        operation_span: whether the operation's span is ours to make.
        observing: takes what says which part of an answer an instrumentation may see, before
            the dispatch in which that is needed.
        hooks: what the host says about the objects of the call, where its tool has any.
        plan: for a call that proposes a plan, reads its steps; see ``pipeline.Attempt``.
        only_asks: see ``pipeline.Attempt``.
    """

    boundary: Boundary
    surface: str
    operation: str
    target: str
    carried: Caller | None
    describe: Callable[[str], Call]
    span_attributes: Mapping[str, str | bool | int | tuple[str, ...]] = field(default_factory=dict)
    operation_span: bool = True
    observing: Callable[[Callable[[Any], Any]], None] | None = None
    hooks: ResourceHooks | None = None
    plan: Callable[[Mapping[str, Frozen], Policy], tuple[PlanStep, ...]] | None = None
    only_asks: bool = False
