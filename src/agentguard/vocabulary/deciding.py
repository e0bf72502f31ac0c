# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is an extra decider asked, and what may it answer?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from agentguard.canonical import Frozen
from agentguard.vocabulary.calls import Boundary, Impact, Reference
from agentguard.vocabulary.decisions import Effect
from agentguard.vocabulary.who import Chain, Principal


class CallAction(StrEnum):
    """What would be done; an engine that only knows yes and no is asked about both.

    A call that may not be made unattended may still be made once a person has approved it.
    """

    CALL_UNATTENDED = "call_unattended"
    CALL_WITH_APPROVAL = "call_with_approval"


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRequest:
    """One question to an extra decider: may this principal have this happen?

    It is asked about the actor. Where the call is about resources, it is asked about everybody
    else in the chain as well, the person included.

    Attributes:
        call_id: the call, the same in all questions about it.
        action: what would be done.
        subject: whom the question is about, one of the chain.
        chain: everybody behind the call, the person first.
        boundary: whether a tool is called or a model.
        tool: the tool's name in the policy; empty for a model call.
        impact: what the tool can do, None for a model call.
        arguments: of a tool, with placeholders turned back; empty for a model call, whose
            content is not told, and for a tool that would run at the provider.
        resource_kind: what kind of object the tool acts on, such as ``order``; None where that
            is not checked.
        resources: the ids of the objects that the call is about.
        operation: the name of the operation in the semantic conventions.
        provider: the provider's id in the policy; empty for a tool.
        model: the model asked for; empty for a tool, and where none is named.
        references: what a model call makes the provider use or keep.
        environment: the environment that the call is made in, None where the policy has none.
        tenant: on whose behalf the host keeps what it keeps, None where it names no tenant.
        session_key: the session, as audit entries name it.
        policy: the digest of the policy that would let the call happen.
        now: the time.
    """

    call_id: str
    action: CallAction
    subject: Principal
    chain: Chain
    boundary: Boundary
    tool: str = ""
    impact: Impact | None = None
    arguments: Mapping[str, Frozen] = field(default_factory=dict, repr=False)
    resource_kind: str | None = None
    resources: tuple[str, ...] = field(default=(), repr=False)
    operation: str = ""
    provider: str = ""
    model: str = field(default="", repr=False)
    references: frozenset[Reference] = frozenset()
    environment: str | None = None
    tenant: str | None = None
    session_key: str = ""
    policy: str = ""
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What an extra decider answers.

    Attributes:
        effect: ``allow``; ``approve`` where it can say that a person must agree; or ``deny``.
    """

    effect: Effect
