# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which exact call does an approval request stand for?

Builds a request from a call, gives the digest that approvers sign, and says whether a call made
later is the same one.

INVARIANT: every field of a request but its state, its votes and the salt goes into the binding,
so that no vote outlives a change of what was asked (tests/approvals/test_binding.py).
INVARIANT: the commitments are to values with their types, so that 1000 and 1000.0 are two calls
(same file).
The salt stays out: once it is erased the binding can still be checked.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from agentguard.canonical import (
    Frozen,
    canonical_bytes,
    commitment,
    digest,
    freeze,
    instant,
    tagged,
)
from agentguard.vocabulary import (
    ApprovalProfile,
    ApprovalRequest,
    Caller,
    Doubt,
    Impact,
    ToolCall,
)

VERSION = 1


def binding(request: ApprovalRequest) -> str:
    """Return the digest of everything in a request that an approver agrees to."""
    bound: dict[str, object] = {
        "v": VERSION,
        "id": request.id,
        "nonce": request.nonce,
        "call_id": request.call_id,
        "tool": request.tool,
        "definition": request.definition,
        "impact": request.impact,
        "rule": request.rule,
        "policy": request.policy,
        "profile": request.profile,
        "chain": request.chain,
        "requesters": request.requesters,
        "session_key": request.session_key,
        "received": request.received,
        "resolved": request.resolved,
        "shown": digest(request.shown.encode("utf-8")),
        "created_at": instant(request.created_at),
        "decide_by": instant(request.decide_by),
        "execute_within": request.execute_within // timedelta(microseconds=1),
        "need": request.need,
    }
    if request.doubts:
        bound["doubts"] = [[each.argument, each.told] for each in request.doubts]
    return digest(canonical_bytes(freeze(bound)))


def new_request(  # noqa: PLR0913 - the question is made of these, and every one is named
    *,
    id: str,  # noqa: A002 - the field's own name
    nonce: bytes,
    salt: bytes,
    call: ToolCall,
    caller: Caller,
    requesters: Iterable[str],
    impact: Impact,
    rule: str,
    policy: str,
    profile: ApprovalProfile,
    shown: str,
    doubts: tuple[Doubt, ...] = (),
    now: datetime,
) -> ApprovalRequest:
    """Return the question to people that a call raises.

    Args:
        id: unique; also the idempotency key of the call.
        nonce: 32 random bytes.
        salt: 32 random bytes for the commitments.
        call: the call, with both views of its arguments.
        caller: who makes it.
        requesters: who else counts as requester, such as owners of agents; everybody in the
            chain does.
        impact: of the tool.
        rule: the rule that asks for approval.
        policy: the digest of the policy.
        profile: who answers.
        shown: the arguments as an approver may see them, canonical JSON.
        doubts: what approvers are told of where arguments come from.
        now: the time of the question.

    Raises:
        ValueError: no rule is named, or the random bytes are too few.
    """
    if not rule:
        raise ValueError("an approval request names the rule that asks for it")
    if min(len(nonce), len(salt)) < 32:  # noqa: PLR2004 - 32 bytes, as the docstring says
        raise ValueError("a nonce and a salt are 32 random bytes each")
    return ApprovalRequest(
        id=id,
        nonce=nonce.hex(),
        call_id=call.id,
        tool=call.tool,
        definition=call.definition,
        impact=impact,
        rule=rule,
        policy=policy,
        profile=profile.name,
        chain=caller.chain.ids,
        requesters=tuple(sorted({*caller.chain.ids, *requesters})),
        session_key=caller.session_key,
        salt=salt.hex(),
        received=commitment(tagged(call.received), salt),
        resolved=commitment(tagged(call.resolved), salt),
        shown=shown,
        created_at=now,
        decide_by=now + profile.decide_within,
        execute_within=profile.execute_within,
        need=profile.need,
        doubts=doubts,
    )


def matches(  # noqa: PLR0913 - a call is compared by all of these, and every one is named
    request: ApprovalRequest,
    *,
    tool: str,
    definition: str,
    received: Frozen,
    resolved: Frozen,
    chain_ids: tuple[str, ...],
    session_key: str,
    policy: str,
    doubts: tuple[Doubt, ...] = (),
) -> bool:
    """Say whether a request was made for exactly this call, under this policy.

    Both commitments are computed anew from the arguments at hand. Whoever answered must have been
    told of every argument that is in doubt; where it was seen may be more by now.
    """
    named = (tool, definition, tuple(chain_ids), session_key, policy)
    if named != (
        request.tool,
        request.definition,
        request.chain,
        request.session_key,
        request.policy,
    ):
        return False
    if not {each.argument for each in doubts} <= {each.argument for each in request.doubts}:
        return False
    salt = bytes.fromhex(request.salt)
    return (request.received, request.resolved) == (
        commitment(tagged(received), salt),
        commitment(tagged(resolved), salt),
    )
