# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""When is taken out of budgets what a call needs, and what did it use of that in the end?

Reserves between steps 5 and 6, when it is clear what would leave, and settles between 8 and 9.
What a call takes says ``taking``; how much there is, where it is written down.

INVARIANT: a call that was not dispatched uses up nothing (tests/pipeline/test_metering.py).
INVARIANT: what is not known of a call's use counts as what it held (same file).
"""

from collections.abc import Mapping

from agentguard.budgets import usage_of
from agentguard.errors import BudgetExceeded
from agentguard.pipeline.steps import (
    BudgetFull,
    Flow,
    Progress,
    RateFull,
    Release,
    Reserve,
    Response,
    Settle,
    Stage,
    perform,
)
from agentguard.pipeline.taking import lines_of, price_of_model, provider_of, rate_of, refusal
from agentguard.session import Session
from agentguard.vocabulary import (
    Call,
    Caller,
    Hold,
    Line,
    Measure,
    ModelCall,
    Outcome,
    Reason,
)

_OF_MODELS = (Measure.TOKENS_IN, Measure.TOKENS_OUT, Measure.TOKENS, Measure.MONEY)
# What ends with the call, or says nothing of it.
_NOT_USED_UP = frozenset({Measure.WALL, Measure.FAN_OUT, Measure.CONCURRENT})
_FIRST_ERROR_STATUS = 400
# Set on an error that a client raises: whether an earlier try of the call was given up.
UNANSWERED = "agentguard_unanswered"


def reserve(progress: Progress, caller: Caller, call: Call, session: Session) -> Flow[None]:
    """Take what a call may use up of its budgets, and count it under its rates.

    Raises:
        BudgetExceeded: there is not enough left of one, or a rate is reached.
    """
    progress.stage = Stage.BUDGETS
    under = progress.core.needs.budgets
    if not under:
        return
    provider = provider_of(progress, call)
    actor = caller.chain.actor
    rates = tuple(rate_of(each, caller) for each in under.rates_over(call, actor, provider))
    specs = under.over(call, actor, provider)
    progress.budgets = tuple(each.name for each in specs)
    at = int(progress.core.now().timestamp())
    lines: tuple[Line, ...] = tuple(lines_of(progress, caller, call, session, specs, at))
    if not lines and not rates:
        return
    lease = at + int(progress.core.lease.total_seconds())
    hold = Hold(id=call.id, lines=lines, at=at, lease_until=lease)
    # Before it is asked for: who is interrupted does not know whether it is there.
    progress.held = hold
    try:
        yield from perform(Reserve(hold, rates))
    except BudgetFull as full:
        progress.held, lacking = None, full.lines
    except RateFull as full:
        progress.held, progress.reason = None, Reason.RATE_REACHED
        raise BudgetExceeded(
            f"rate {full.line.name!r} is reached: {full.line.rate}",
            limits=(f"rate:{full.line.name}",),
            remedy="make the call again later",
        ) from None
    else:
        return
    progress.reason = Reason.BUDGET_REACHED
    raise refusal(lacking)


def note_usage(progress: Progress, call: Call, response: Response) -> None:
    """Remember what an answer says that it used; it counts also where the answer is withheld."""
    if progress.held is not None and isinstance(call, ModelCall):
        progress.usage = usage_of(response.content)
        progress.unanswered = response.unanswered


def settle(progress: Progress, how: Outcome, ending: BaseException | None = None) -> Flow[None]:
    """Count what a call used up, or give back what one held that was not dispatched."""
    hold = progress.held
    if hold is None:
        return
    progress.stage, progress.held = Stage.BUDGETS, None
    if not hold.lines:
        return
    if not progress.dispatched:
        yield from perform(Release(hold.id))
        return
    used = _used(progress, how, ending)
    yield from perform(Settle(hold.id, used))
    held = {
        line.key: line.amount
        for line in hold.lines
        if line.amount is not None and line.measure not in _NOT_USED_UP
    }
    progress.used = {**held, **used}


def _used(progress: Progress, how: Outcome, ending: BaseException | None) -> Mapping[str, int]:
    """Return what is known to have been used; what is missing counts as held."""
    call = progress.call
    if not isinstance(call, ModelCall):
        return {}
    if progress.unanswered or getattr(ending, UNANSWERED, False):
        return {}  # the last answer does not say what the tries before it used
    if _was_answered_with_error(progress, ending):
        # A provider that answers with an error has run no model.
        return {each.value: 0 for each in _OF_MODELS}
    usage = progress.usage
    if progress.streams and how is not Outcome.COMPLETED:
        return {}  # what a stream says before its end is less than what was used
    used: dict[str, int] = {}
    if usage.tokens_in is not None:
        used[Measure.TOKENS_IN.value] = usage.tokens_in
    if usage.tokens_out is not None:
        used[Measure.TOKENS_OUT.value] = usage.tokens_out
    if usage.tokens_in is not None and usage.tokens_out is not None:
        used[Measure.TOKENS.value] = usage.tokens_in + usage.tokens_out
        price = price_of_model(progress, call)
        if price is not None:
            used[Measure.MONEY.value] = price.cost(usage.tokens_in, usage.tokens_out)
    return used


def _was_answered_with_error(progress: Progress, ending: BaseException | None) -> bool:
    status = getattr(ending, "status_code", None)
    return type(status) is int and status >= _FIRST_ERROR_STATUS and not progress.streams
