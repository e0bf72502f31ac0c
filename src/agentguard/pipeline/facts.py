# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is kept of a call, so that another policy can be asked about it?

Gathers the facts that a decision was made on; where nothing is kept it does nothing. They are
sealed and written in the act that writes the call's entry.

INVARIANT: a call whose facts cannot be kept is refused (tests/attacks/test_kept_facts.py).
"""

from collections.abc import Mapping

from agentguard.canonical import Frozen
from agentguard.pipeline.content import texts_of
from agentguard.pipeline.steps import Progress, Stage
from agentguard.redaction import find_placeholders
from agentguard.review.facts import DecidedCall, HeldGrant, Ruling, stripped
from agentguard.vocabulary import Facts, ModelCall, Reason, ToolCall

# What the policy itself refuses after it has decided.
_SETTLED = frozenset({Reason.CLASS_BLOCKED, Reason.PROVIDER_TIER})
_OF_THE_POLICY = _SETTLED | {Reason.REFERENCE, Reason.NOT_ALLOWLISTED}
# Only once what is in a call was settled is it known what was in it.
_UNSETTLED = frozenset(
    {
        Stage.CALL,
        Stage.IDENTITY,
        Stage.POLICY,
        Stage.CIRCUMSTANCES,
        Stage.DECIDERS,
        Stage.CONTENT,
    }
)


def facts_of_refusal(progress: Progress) -> DecidedCall | None:
    """Return what the decision on a refused call was made on; None where that is not kept.

    That a call was refused is written down even if this cannot be said.
    """
    try:
        return facts_of(progress, progress.reason or Reason.GUARD_ERROR)
    except Exception:  # noqa: BLE001 - the refusal itself must be written down
        return None


def facts_of(progress: Progress, stopped: Reason | None = None) -> DecidedCall | None:
    """Return what the decision on a call was made on; None where that is not kept.

    Args:
        progress: how far the call has come.
        stopped: why it is refused, None for one that is about to happen.
    """
    caller, decided = progress.attempt.caller, progress.decided
    if not progress.core.keeps_facts or caller is None or decided is None:
        return None
    call, circumstances, decision = decided
    ruling = Ruling.of(decision)
    if stopped in _OF_THE_POLICY:
        ruling = ruling.refused(stopped)
    settled = progress.stage not in _UNSETTLED or stopped in _SETTLED
    found = progress.found or Facts()
    return DecidedCall(
        call=stripped(call, addresses=bool(progress.core.policy.document.secret_stores)),
        chain=caller.chain,
        session=caller.session,
        tenant=caller.tenant,
        at=circumstances.now or progress.core.now(),
        environment=circumstances.environment,
        grants=tuple(
            HeldGrant.of(grant, call, caller.chain, circumstances) for grant in circumstances.grants
        ),
        paths=circumstances.paths,
        resources=circumstances.resources,
        spent=circumstances.spent,
        origins=circumstances.origins,
        conversation=circumstances.conversation,
        counts=dict(progress.classes) if settled else None,
        in_address=found.in_address,
        empty=found.empty,
        marked={} if isinstance(call, ModelCall) else _marked(call),
        ruling=ruling,
        stopped=stopped,
    )


def _marked(call: ToolCall) -> Mapping[str, tuple[str, ...]]:
    """Return the arguments in which placeholders stood, with the types of what stood there."""
    found = {name: _types(value) for name, value in call.received.items()}
    return {name: types for name, types in found.items() if types}


def _types(value: Frozen) -> tuple[str, ...]:
    marks = (mark for text in texts_of(value) for _, _, mark in find_placeholders(text))
    return tuple(sorted({mark[2:-2].partition(":")[0] for mark in marks}))
