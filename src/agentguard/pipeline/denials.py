# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a denial mean, and what is to be done about it?

Every name in it comes from the host or the policy; it holds nothing that the call holds.

INVARIANT: every reason for a denial has a sentence of its own (tests/pipeline/test_denials.py).
"""

from agentguard.pipeline.steps import Progress
from agentguard.vocabulary import Decision, ModelCall, Nearest, Reason

AT_THE_PROVIDER = "a tool that runs at the provider"

# What came closest is then no rule that lacks something, but what stands in the way.
_IN_THE_WAY = frozenset(
    {
        *(Reason.WRONG_ENVIRONMENT, Reason.GRANT_EXCEEDED, Reason.LIMIT_REACHED),
        *(Reason.PROVIDER_TIER, Reason.WRONG_KEY, Reason.FLOW_DENIED),
        Reason.OUT_OF_SCOPE,
    }
)

_TOLD = {
    Reason.IDENTITY_EXPIRED: "is refused: what somebody in the chain is known by has expired",
    Reason.ASSURANCE_TOO_LOW: "needs callers who are known more surely",
    Reason.LIMIT_REACHED: "does not fit into what is left of a limit",
    Reason.RESOURCE_DENIED: "is about an object that no rule admits",
    Reason.SECRET_STORE: "names a place of secrets, which no rule can allow",
    Reason.DENIED_BY_DECIDER: "is denied by an extra decider",
    Reason.ORIGIN_DENIED: "has an argument that does not come from where a rule wants it from",
    Reason.FLOW_DENIED: "may not go on, given what its conversation has seen",
    Reason.OUT_OF_SCOPE: "is beyond what the program narrowed this run to",
    Reason.PROVIDER_TIER: "holds data that needs more than its provider has shown",
    Reason.WRONG_KEY: "would be sent with an API key that may not be used for it",
}
_REMEDIES = {
    Reason.IDENTITY_EXPIRED: "verify a new token with guard.verify, and call in a block for it",
    Reason.ASSURANCE_TOO_LOW: "name the callers by verified tokens or keys: see 'assurance'",
    Reason.WRONG_ENVIRONMENT: "call in that environment, or tie it to this one in the policy",
    Reason.LIMIT_REACHED: "ask in another session, or raise the limit in the policy: see [limit]",
    Reason.RESOURCE_DENIED: "name objects that 'resource' of the rule admits",
    Reason.SECRET_STORE: "take that place out of the call: see [[secret_store]] in the policy",
    Reason.GRANT_EXCEEDED: "hand out more with guard.grant, if the policy allows it",
    Reason.DENIED_BY_DECIDER: "ask those who run the decider: no rule can overrule it",
    Reason.OUT_OF_SCOPE: "call it outside the block that narrows, or narrow to more with scope=",
    Reason.PROVIDER_TIER: "see [egress] and [[provider.evidence]] in the policy",
    Reason.WRONG_KEY: "use the key that is listed for the caller: see [[provider.key]]",
}


def remedy_for(decision: Decision) -> str | None:
    """Return what is to be done about a denial; a line of the policy, if one can be named."""
    return decision.hint or (None if decision.reason is None else _REMEDIES.get(decision.reason))


def denial(progress: Progress) -> str:
    """Say in words why a call was denied that no rule denies."""
    decision = progress.decision
    why = _why(progress, None if decision is None else decision.reason)
    if decision is None or decision.nearest is None:
        return why
    return f"{why}; {nearest_shown(decision, decision.nearest)}"


def nearest_shown(decision: Decision, near: Nearest) -> str:
    """Return what came closest, or stands in the way, in words."""
    if decision.reason in _IN_THE_WAY:
        return f"{near.constraint} of {near.rule!r} {near.problem}"
    return str(near)


def _why(progress: Progress, reason: Reason | None) -> str:
    caller = progress.attempt.caller
    actor = "nobody" if caller is None else caller.chain.actor.id
    what = _what(progress)
    if reason in _TOLD:
        return f"{what} {_TOLD[reason]}"
    told = {
        Reason.UNKNOWN_IDENTITY: f"the policy does not declare {_agents(progress) or repr(actor)}",
        Reason.UNKNOWN_PROVIDER: f"the policy names no provider for the host that {what} would"
        " go to",
        Reason.HOSTED_TOOL: f"no rule allows {AT_THE_PROVIDER} in {what} for {actor!r}",
        Reason.WRONG_ENVIRONMENT: f"{actor!r} may not use {what} {_where(progress)}",
        Reason.GRANT_EXCEEDED: f"{what} is more than was handed to {actor!r}",
    }
    return told.get(reason or Reason.NOT_ALLOWLISTED, f"no rule allows {what} for {actor!r}")


def _agents(progress: Progress) -> str:
    """Return every agent of the chain, since any of them may be the one that is not declared."""
    caller = progress.attempt.caller
    agents = () if caller is None else tuple(repr(each.id) for each in caller.chain.agents)
    return f"one of {', '.join(agents)}" if len(agents) > 1 else "".join(agents)


def _what(progress: Progress) -> str:
    attempt, call = progress.attempt, progress.call
    what = f"{attempt.boundary.value} {(attempt if call is None else call).target!r}"
    if isinstance(call, ModelCall):
        return f"{call.pair} with {what}" if call.model else call.pair
    return what


def _where(progress: Progress) -> str:
    caller = progress.attempt.caller
    if caller is None or caller.environment is None:
        return "without an environment"
    return f"in environment {caller.environment!r}"
