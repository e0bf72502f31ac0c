# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What does a call take out of which pot?

Reads the budgets that a call is under and says how much of each it needs at most. Nothing is
compared here but the depth of a chain, which no other call changes.

INVARIANT: a call whose price is not known is not under a budget of money
(tests/pipeline/test_taking.py).
INVARIANT: what a call may use without a bound takes all that is left, or what the policy lets one
call hold (same file).
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NamedTuple

from agentguard.budgets import Price, input_bound, output_bound, window_of
from agentguard.canonical import canonical_bytes
from agentguard.errors import BudgetExceeded
from agentguard.pipeline.content import texts_of
from agentguard.pipeline.steps import Progress, obligation
from agentguard.policy import BudgetSpec, PriceSpec, RateSpec, Scope
from agentguard.session import Session
from agentguard.vocabulary import (
    MONEY_UNIT,
    Action,
    Call,
    Caller,
    HideClasses,
    Kind,
    Line,
    Measure,
    ModelCall,
    Pot,
    Principal,
    PrincipalKind,
    RateLine,
    Reason,
)

EVERYTHING = "*"

# What makes a model work; nothing else uses tokens.
_RUNS_A_MODEL = frozenset({Kind.INFERENCE, Kind.REMOTE_RUN, Kind.SOCKET})


class _Need(NamedTuple):
    """What a call may use at most, and what of it is certain; None where nothing bounds it."""

    most: int | None
    least: int = 1

    def line(self, pot: Pot, measure: Measure, cap: int, hold_at_most: int | None) -> Line:
        """Return what it takes of one pot: the most, unless the policy says that less will do."""
        known = [each for each in (self.most, hold_at_most) if each is not None]
        amount = min(known, default=None)
        least = self.least if amount is None else 0
        return Line(pot=pot, measure=measure, cap=cap, amount=amount, least=least)


def lines_of(
    progress: Progress,
    caller: Caller,
    call: Call,
    session: Session,
    specs: tuple[BudgetSpec, ...],
    at: int,
) -> Iterator[Line]:
    """Yield what a call takes of every budget that it is under.

    Raises:
        BudgetExceeded: a budget of money, and nothing says what the call costs; or more agents
            stand behind one another than a budget lets.
    """
    if not specs:
        return
    tokens = _tokens(call)
    clear: Mapping[str, int] | None = None
    for spec in specs:
        pot = _pot(spec, caller, at)
        yield from _counted(progress, spec, pot, caller)
        if tokens is not None:
            yield from _token_lines(spec, pot, *tokens)
        if spec.money is not None:
            yield from _money_line(progress, spec, pot, call, tokens)
        if spec.bytes_out:
            if clear is None:
                clear = _bytes_out(progress, call, session)
            for name, cap in spec.bytes_out:
                amount = clear.get(name, 0)
                if amount:
                    yield Line(pot=pot, measure=Measure.BYTES_OUT, of=name, cap=cap, amount=amount)


def _counted(progress: Progress, spec: BudgetSpec, pot: Pot, caller: Caller) -> Iterator[Line]:
    """Yield what does not depend on what a call holds."""
    agents = len(caller.chain.agents)
    if spec.depth is not None and agents > spec.depth:
        progress.reason = Reason.BUDGET_REACHED
        raise refusal((Line(pot=pot, measure=Measure.DEPTH, cap=spec.depth, amount=agents),))
    if spec.wall is not None:
        yield Line(pot=pot, measure=Measure.WALL, cap=int(spec.wall.total_seconds()))
    if spec.fan_out is not None:
        member = _named(caller.chain.actor)
        yield Line(pot=pot, measure=Measure.FAN_OUT, cap=spec.fan_out, member=member)
    if spec.calls is not None:
        yield Line(pot=pot, measure=Measure.CALLS, cap=spec.calls, amount=1)
    if spec.concurrent is not None:
        yield Line(pot=pot, measure=Measure.CONCURRENT, cap=spec.concurrent, amount=1)


def _token_lines(
    spec: BudgetSpec, pot: Pot, tokens_in: int, tokens_out: int | None
) -> Iterator[Line]:
    at_most = None if spec.hold_at_most is None else int(spec.hold_at_most)
    both = None if tokens_out is None else tokens_in + tokens_out
    needs = (
        (Measure.TOKENS_IN, spec.tokens_in, _Need(tokens_in)),
        (Measure.TOKENS_OUT, spec.tokens_out, _Need(tokens_out)),
        (Measure.TOKENS, spec.tokens, _Need(both)),
    )
    for measure, cap, need in needs:
        if cap is not None:
            yield need.line(pot, measure, cap, at_most)


def _money_line(
    progress: Progress,
    spec: BudgetSpec,
    pot: Pot,
    call: Call,
    tokens: tuple[int, int | None] | None,
) -> Iterator[Line]:
    if isinstance(call, ModelCall):
        if tokens is None:
            return
        need = _cost(progress, call, spec, tokens)
    else:
        price = progress.core.needs.budgets.price_of_tool(call.tool)
        if price is None:
            return
        need = _Need(_price(price).cost(0, 0))
    at_most = None if spec.hold_at_most is None else _billionths(spec.hold_at_most)
    if isinstance(call, ModelCall):
        yield need.line(pot, Measure.MONEY, _billionths(spec.money or Decimal(0)), at_most)
    else:  # what it costs is known, so that nothing less will do
        yield need.line(pot, Measure.MONEY, _billionths(spec.money or Decimal(0)), None)


def _cost(
    progress: Progress, call: ModelCall, spec: BudgetSpec, tokens: tuple[int, int | None]
) -> _Need:
    price = price_of_model(progress, call)
    if price is None:
        progress.reason = Reason.BUDGET_REACHED
        raise BudgetExceeded(
            f"budget {spec.name!r} is one of money, and the policy has no price for the model",
            limits=(f"budget:{spec.name}",),
            remedy="add [[price]] with provider, model, tokens_in and tokens_out",
        )
    read, written = tokens
    if written is None and price.tokens_out:
        return _Need(None)
    return _Need(price.cost(read, written or 0))


def _tokens(call: Call) -> tuple[int, int | None] | None:
    """Return how many tokens may go in and come out; None for a call that runs no model."""
    if not isinstance(call, ModelCall):
        return None
    if call.inner:
        found = [each for each in map(_tokens, call.inner) if each is not None]
        if not found:
            return None
        outs = [written for _, written in found]
        total = None if None in outs else sum(each or 0 for each in outs)
        return sum(read for read, _ in found), total
    if call.kind not in _RUNS_A_MODEL:
        return None
    return input_bound(call), output_bound(call)


def price_of_model(progress: Progress, call: ModelCall) -> Price | None:
    """Return what a call costs; of several models in one the dearest, None if one is unknown."""
    provider = provider_of(progress, call)
    models = {each.model for each in call.inner} or {call.model}
    found = [progress.core.needs.budgets.price_of_model(each, provider) for each in models]
    prices = [_price(each) for each in found if each is not None]
    if len(prices) < len(models):
        return None
    return Price(
        tokens_in=max(each.tokens_in for each in prices),
        tokens_out=max(each.tokens_out for each in prices),
        call=max(each.call for each in prices) * max(1, len(call.inner)),
    )


def _price(spec: PriceSpec) -> Price:
    return Price(
        tokens_in=spec.tokens_in or Decimal(0),
        tokens_out=spec.tokens_out or Decimal(0),
        call=spec.call or Decimal(0),
    )


def _bytes_out(progress: Progress, call: Call, session: Session) -> Mapping[str, int]:
    """Return how many bytes leave in clear, by class and family; all of them under ``*``."""
    classes = progress.core.policy.classes
    content = call.payload if isinstance(call, ModelCall) else call.resolved
    found: dict[str, int] = {EVERYTHING: len(canonical_bytes(content))}
    if isinstance(call, ModelCall):
        found[EVERYTHING] += sum(len(each.content) for each in call.attachments)
    for name, amount in _in_clear(progress, call, session, found[EVERYTHING]).items():
        for key in (name, classes[name].family):
            found[key] = found.get(key, 0) + amount
    return found


def _in_clear(
    progress: Progress, call: Call, session: Session, everything: int
) -> Mapping[str, int]:
    """Return how many bytes of each class leave in clear.

    What was counted before and is left as it is, but cannot be found again, since it belongs to
    its class by where it stands, may be everything.
    """
    hide = obligation(progress, HideClasses)  # what becomes of each class at this provider
    classes = progress.core.policy.classes if hide is None else hide.classes
    content = call.payload if isinstance(call, ModelCall) else call.resolved
    found: dict[str, int] = {}
    find = session.finder(progress.core.classifier)
    for text in texts_of(content):
        for finding in find(text):
            size = len(text[finding.start : finding.end].encode("utf-8", "surrogatepass"))
            for name in {finding.data_class, *finding.covers}:
                found[name] = found.get(name, 0) + size
    if isinstance(call, ModelCall):
        for each in call.attachments:
            found[each.data_class] = found.get(each.data_class, 0) + len(each.content)
    for name, count in progress.classes.items():
        stays = not isinstance(call, ModelCall) or classes[name].action is Action.LABEL
        if count and stays and name not in found:
            found[name] = everything
    return found


def _pot(spec: BudgetSpec, caller: Caller, at: int) -> Pot:
    starts, ends = window_of(at, spec.per)
    owner, issuer = _owner(spec.scope, caller)
    return Pot(
        budget=spec.name,
        scope=spec.scope.value,
        owner=owner,
        issuer=issuer,
        environment=caller.environment or "",
        starts=starts,
        ends=ends,
    )


def _owner(scope: Scope, caller: Caller) -> tuple[str, str]:
    """Return whose use is counted together, and who vouches for them.

    Calls for no person, or for no tenant, are counted together.
    """
    if scope is Scope.RUN:
        return caller.account_key, ""
    if scope is Scope.TENANT:
        return caller.tenant or "", ""
    first = caller.chain.principals[0]
    if scope is Scope.AGENT:
        return caller.chain.actor.id, caller.chain.actor.issuer
    return (first.id, first.issuer) if first.kind is PrincipalKind.USER else ("", "")


def rate_of(spec: RateSpec, caller: Caller) -> RateLine:
    """Return a rate with whose calls count together under it."""
    owner = _owner(spec.scope, caller)
    parts = (spec.name, spec.scope.value, *owner, caller.environment or "")
    return RateLine(name=spec.name, rate=spec.rate, parts=parts)


def _named(principal: Principal) -> str:
    return f"{principal.issuer} {principal.id}" if principal.issuer else principal.id


def provider_of(progress: Progress, call: Call) -> str | None:
    """Return the id of the provider that a call goes to, None where it goes to none."""
    if not isinstance(call, ModelCall):
        return None
    provider = progress.core.policy.provider_of(call.origin)
    return None if provider is None else provider.id


def _billionths(amount: Decimal) -> int:
    return int(amount * MONEY_UNIT)


def refusal(lines: tuple[Line, ...]) -> BudgetExceeded:
    """Return what the caller is told of what does not fit, and when there is more."""
    told = "; ".join(sorted({_told(line) for line in lines}))
    again = [line.pot.ends for line in lines]
    when = datetime.fromtimestamp(max(again), UTC) if all(again) else None
    remedy = "raise the budget in the policy: see [budget]"
    if when is not None:
        remedy = f"it begins anew at {when:%Y-%m-%dT%H:%M:%SZ}; or {remedy}"
    return BudgetExceeded(
        told,
        limits={f"budget:{line.pot.budget}" for line in lines},
        begins_anew=when,
        remedy=remedy,
    )


def _told(line: Line) -> str:
    pot = line.pot
    return f"budget {pot.budget!r} of this {pot.scope} has not enough {line.key} left for the call"
