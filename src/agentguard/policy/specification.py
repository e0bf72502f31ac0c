# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What must be decided about a call, read from the rules as they are written?

The specification of ``decide``, to be read and to be compared with. Nothing is compiled, indexed
or remembered, and nothing is shared with what is, but the constraints, the globs and the entries
of hosts. What concerns origins and flows says ``flow_specification``. docs/policy-semantics.md says the same in prose.

INVARIANT: the compiled policy gives the same effect, rule, profile and charges
(tests/policy/test_specification.py).
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from fractions import Fraction
from re import fullmatch

from agentguard.canonical import LARGEST_INTEGER, Frozen
from agentguard.policy.constraints import Constraint
from agentguard.policy.document import (
    ANYBODY,
    EVERY_CLASS,
    HostedDenial,
    LimitSpec,
    PolicyDocument,
    RuleSpec,
    ToolSpec,
)
from agentguard.policy.flow_specification import (
    after_flows,
    asking_if_in_doubt,
    denied_elsewhere,
    hosted_after_flows,
    in_doubt,
    is_elsewhere,
)
from agentguard.policy.globs import Glob
from agentguard.policy.specified import (
    DENIED,
    SCALE,
    Situation,
    Specified,
    selects,
    stands_for,
)
from agentguard.vocabulary import (
    Call,
    Chain,
    Circumstances,
    Effect,
    HostedTool,
    Kind,
    ModelCall,
    Principal,
    ToolCall,
)

_BY_PAIR_ONLY = (Kind.SOCKET, Kind.CREDENTIAL, Kind.ADMIN)
_CHOOSES_A_MODEL = (Kind.INFERENCE, Kind.REMOTE_RUN, Kind.SOCKET, Kind.CREDENTIAL)


def specified(
    document: PolicyDocument,
    call: Call,
    chain: Chain,
    circumstances: Circumstances = Circumstances(),  # noqa: B008 - frozen: what is left out
) -> Specified:
    """Return what must be decided about a call.

    Grants, places of secrets, API keys and evidence stand outside of the rules and are not part
    of this.
    """
    today = _day(circumstances.now)
    now = Situation(document, call, chain, circumstances)
    over = [each for each in document.rules if _is_in_force(each, today)]
    decided = _decided(now, over)
    if today is None:
        # It may be in shadow or not: it may tighten, but it lets nothing happen.
        certain = [each for each in over if not each.shadow_until or each.effect is Effect.DENY]
        return max(_decided(now, certain), decided, key=_severity)
    shadowed = [each for each in document.rules if _is_in_shadow(each, today)]
    if not shadowed:
        return decided
    would = _decided(now, [*over, *shadowed])
    if (would.effect, would.rule) == (decided.effect, decided.rule):
        return decided
    return replace(decided, shadow=(would.effect, would.rule))


def _severity(each: Specified) -> int:
    return SCALE.index(each.effect)


# --- shadow: recorded until the end of a day; afterwards the strict side holds


def _day(now: datetime | None) -> str | None:
    return (
        None if now is None or now.utcoffset() is None else now.astimezone(UTC).date().isoformat()
    )


def _is_in_shadow(rule: RuleSpec, today: str) -> bool:
    return rule.shadow_until is not None and today <= rule.shadow_until.isoformat()


def _is_in_force(rule: RuleSpec, today: str | None) -> bool:
    if rule.shadow_until is None:
        return True
    return rule.effect is not Effect.ALLOW and (today is None or not _is_in_shadow(rule, today))


# --- one call under the rules in force


def _decided(now: Situation, rules: list[RuleSpec]) -> Specified:
    if not _may_act(now):
        return DENIED
    if isinstance(now.call, ToolCall):
        return _tool_decided(now, rules, now.call)
    return _model_decided(now, rules, now.call)


def _may_act(now: Situation) -> bool:
    """Every agent is declared, and everybody is where they may be and still is who they were."""
    declared = {each.id: each for each in now.document.identities}
    here = now.circumstances.environment
    if now.document.environments and here not in now.document.environments:
        return False
    if any(agent.id not in declared for agent in now.chain.agents):
        return False
    for principal in now.chain.principals:
        identity = declared.get(principal.id)
        if identity is not None and identity.environments and here not in identity.environments:
            return False
        if _has_expired(principal, now.circumstances.now):
            return False
    return True


def _has_expired(principal: Principal, now: datetime | None) -> bool:
    if principal.expires_at is None:
        return False
    return now is None or now.utcoffset() is None or now >= principal.expires_at


def _is_here(environments: frozenset[str], now: Situation) -> bool:
    return not environments or now.circumstances.environment in environments


def _tool_decided(now: Situation, rules: list[RuleSpec], call: ToolCall) -> Specified:
    tool = next((each for each in now.document.tools if each.name == call.tool), None)
    if tool is None or tool.hosted or not _is_here(tool.environments, now):
        return DENIED
    pinned = tool.definition is None or tool.definition == call.definition
    found: list[RuleSpec | None] = []
    for agent in now.chain.agents:
        applying = [
            asking_if_in_doubt(each, now, call.resolved)
            for each in rules
            if _names_tool(each, tool, now.document)
            and _tool_rule_applies(each, now, agent, call.resolved, pinned=pinned)
        ]
        found.append(_strictest(applying, now.document))
    decided = _of_all(found, now.document)
    if decided.effect is not Effect.DENY and tool.resource and not now.circumstances.resources:
        return DENIED
    decided = _within_limits(decided, found, now, call.resolved)
    if decided.effect is Effect.DENY:
        return decided
    doubted = {name for each in found if each for name in in_doubt(each, now, call.resolved)}
    decided = replace(decided, doubted=frozenset(doubted), classes=_narrowed(found, now.document))
    return after_flows(now, tool, call, decided)


def _of_all(found: list[RuleSpec | None], document: PolicyDocument) -> Specified:
    """Every agent must be permitted on its own; of what was found for each the strictest holds."""
    rules = [each for each in found if each is not None]
    strictest = _strictest(rules, document)
    if strictest is None or (None in found and strictest.effect is not Effect.DENY):
        return DENIED
    profile = strictest.approval if strictest.effect is Effect.APPROVE else None
    return Specified(effect=strictest.effect, rule=strictest.id, profile=profile)


def _strictest(rules: list[RuleSpec], document: PolicyDocument) -> RuleSpec | None:
    """Deny before approve before allow; of two that are as strict, by need, profile and so on."""
    needs = {each.name: each.need for each in document.profiles}

    def mildness(rule: RuleSpec) -> tuple[int, int, str, int, int, str]:
        return (
            -SCALE.index(rule.effect),
            -needs.get(rule.approval or "", 0),
            rule.approval or "",
            -len(set(rule.limits)),
            len(set(rule.references)),
            rule.id,
        )

    return min(rules, key=mildness, default=None)


# --- is a rule about this caller?


def _is_about(rule: RuleSpec, now: Situation, agent: Principal) -> bool:
    person = now.chain.person
    if not any(stands_for(name, agent.id, now.document) for name in rule.who):
        return False
    if person is None:
        if rule.persons:
            return False
    elif not any(
        name == ANYBODY or stands_for(name, person.id, now.document) for name in rule.persons
    ):
        return False
    return _is_here(rule.environments, now) and _is_sure_enough(rule, now.chain)


def _is_sure_enough(rule: RuleSpec, chain: Chain) -> bool:
    return rule.assurance is None or all(
        principal.assurance.is_at_least(rule.assurance) for principal in chain.principals
    )


# --- is a rule about this tool, and this use of it?


def _names_tool(rule: RuleSpec, tool: ToolSpec, document: PolicyDocument) -> bool:
    if rule.impacts and tool.impact not in rule.impacts:
        return False
    if not rule.tools:
        return bool(rule.impacts)
    return selects(rule.tools, tool, document)


def _tool_rule_applies(
    rule: RuleSpec,
    now: Situation,
    agent: Principal,
    arguments: Mapping[str, Frozen],
    *,
    pinned: bool,
) -> bool:
    """A rule that denies applies when it cannot be evaluated, any other does not."""
    try:
        if not _is_about(rule, now, agent):
            return False
        if rule.effect is Effect.DENY:
            return not _is_ruled_out(rule, now, arguments)
        return pinned and _is_satisfied(rule, now, arguments)
    except Exception:  # noqa: BLE001 - whatever went wrong, the answer is the strict one
        return rule.effect is Effect.DENY


def _here(constraint: Constraint, now: Situation) -> Constraint:
    return constraint.in_context(now.chain, now.circumstances)


def _is_satisfied(rule: RuleSpec, now: Situation, arguments: Mapping[str, Frozen]) -> bool:
    """Every argument is listed and fits, and none that is needed is missing."""
    listed = {each.name: each for each in rule.arguments}
    if not arguments.keys() <= listed.keys():
        return False
    for name, each in listed.items():
        if name not in arguments:
            if not each.optional:
                return False
        elif _here(each.constraint, now).problem_with(arguments[name]) is not None:
            return False
    if denied_elsewhere(rule, now, arguments):
        return False
    if rule.resource is None:
        return True
    resource = _here(rule.resource, now)
    ids = now.circumstances.resources
    return bool(ids) and all(resource.problem_with(each) is None for each in ids or ())


def _is_ruled_out(rule: RuleSpec, now: Situation, arguments: Mapping[str, Frozen]) -> bool:
    """Something that is present certainly is not what the rule is about; all of it is asked."""
    answers = [
        _here(each.constraint, now).rules_out(arguments[each.name])
        for each in rule.arguments
        if each.name in arguments
    ]
    answers += [
        is_elsewhere(each.name, each.origins, now, arguments)
        for each in rule.arguments
        if each.origins is not None
    ]
    ids = now.circumstances.resources
    if rule.resource is not None and ids:
        resource = _here(rule.resource, now)
        of_each = [resource.rules_out(each) for each in ids]
        answers.append(all(of_each))
    return any(answers)


def _narrowed(found: list[RuleSpec | None], document: PolicyDocument) -> frozenset[str] | None:
    """Return the classes that every rule with ``classes`` lets arguments hold."""
    allowed = [
        {
            each.name
            for each in document.classes
            if {EVERY_CLASS, each.name, each.family} & rule.classes
        }
        for rule in found
        if rule is not None and rule.classes is not None
    ]
    return frozenset(set.intersection(*allowed)) if allowed else None


# --- limits


def _within_limits(
    decided: Specified,
    found: list[RuleSpec | None],
    now: Situation,
    arguments: Mapping[str, Frozen],
) -> Specified:
    """Return what was decided with what it uses up, or a denial where that is too much."""
    if decided.effect is Effect.DENY:
        return decided
    limits = {each.name: each for each in now.document.limits}
    charges: dict[str, Decimal] = {}
    for name in {name for rule in found if rule is not None for name in rule.limits}:
        amount = _amount(limits[name], arguments)
        spent = now.circumstances.spent.get(f"limit:{name}")
        if amount is None or spent is None or _exceeds(spent, amount, limits[name]):
            return DENIED
        charges[name] = amount
    return replace(decided, charges=charges)


def _exceeds(spent: Decimal, amount: Decimal, limit: LimitSpec) -> bool:
    most = limit.calls if limit.calls is not None else limit.most or 0
    return Fraction(spent) + Fraction(amount) > Fraction(most)


def _amount(limit: LimitSpec, arguments: Mapping[str, Frozen]) -> Decimal | None:
    """Return what a call uses up, None where that cannot be said."""
    if limit.sum is None:
        return Decimal(1)
    value = arguments.get(limit.sum)
    amount = None
    if type(value) is int and abs(value) <= LARGEST_INTEGER:
        amount = Decimal(value)
    elif type(value) is float and abs(value) < 10**15:
        amount = Decimal(repr(value)).quantize(Decimal("1e-12"), rounding=ROUND_CEILING)
    elif type(value) is str and fullmatch(r"[+-]?[0-9]{1,15}(\.[0-9]{1,12})?", value):
        amount = Decimal(value)
    return amount if amount is not None and 0 <= amount < 10**15 else None


# --- calls of models


def _model_decided(now: Situation, rules: list[RuleSpec], call: ModelCall) -> Specified:
    decided = _one_model_decided(now, rules, call)
    for inner in call.inner:
        if decided.effect is Effect.DENY:
            break
        # The request as a whole refers to what it refers to, whichever part of it does.
        of_inner = _one_model_decided(now, rules, replace(inner, references=call.references))
        if of_inner.effect is Effect.DENY:
            return of_inner
        decided = _counted_together(now, decided, of_inner)
    return decided


def _counted_together(now: Situation, outer: Specified, inner: Specified) -> Specified:
    limits = {each.name: each for each in now.document.limits}
    charges = dict(outer.charges)
    for name, amount in inner.charges.items():
        charges[name] = charges.get(name, Decimal()) + amount
        if _exceeds(now.circumstances.spent[f"limit:{name}"], charges[name], limits[name]):
            return DENIED
    return replace(outer, charges=charges)


def _one_model_decided(now: Situation, rules: list[RuleSpec], call: ModelCall) -> Specified:
    provider = next((each for each in now.document.providers if each.serves(call.origin)), None)
    if provider is None or not _is_here(provider.environments, now):
        return DENIED
    found: list[RuleSpec | None] = []
    for agent in now.chain.agents:
        applying = [
            each
            for each in rules
            if provider.id in each.providers and _model_rule_applies(each, now, agent, call)
        ]
        found.append(_for_references(applying, call, now.document))
    decided = _of_all(found, now.document)
    if decided.effect is not Effect.DENY:
        refusal = _hosted_refusal(now, rules, call)
        if refusal is not None:
            return refusal
    return _within_limits(decided, found, now, {})


def _model_rule_applies(rule: RuleSpec, now: Situation, agent: Principal, call: ModelCall) -> bool:
    try:
        return (
            _is_about(rule, now, agent)
            and _names_operation(rule, call)
            and _names_model(rule, call)
        )
    except Exception:  # noqa: BLE001 - whatever went wrong, the answer is the strict one
        return rule.effect is Effect.DENY


def _for_references(
    applying: list[RuleSpec], call: ModelCall, document: PolicyDocument
) -> RuleSpec | None:
    """Return the strictest rule, but rather one that lists all that the call refers to."""
    full = [
        each
        for each in applying
        if each.effect is Effect.DENY or call.references <= set(each.references)
    ]
    return _strictest(full or applying, document)


def _names_operation(rule: RuleSpec, call: ModelCall) -> bool:
    denies = rule.effect is Effect.DENY
    named = rule.operations
    if named is None:
        return denies or (call.operation == "chat" and call.kind not in _BY_PAIR_ONLY)
    if f"{call.verb} {call.path}" in named:
        return True
    if call.kind in _BY_PAIR_ONLY and not denies:
        return False
    return call.operation in named or call.kind.value in named


def _names_model(rule: RuleSpec, call: ModelCall) -> bool:
    if any(Glob(name).matches(call.model) for name in rule.models):
        return True
    if rule.effect is Effect.DENY:
        left_open = not call.model and call.kind in _CHOOSES_A_MODEL
        return not rule.models or left_open
    return not rule.models and not call.model


def _hosted_refusal(now: Situation, rules: list[RuleSpec], call: ModelCall) -> Specified | None:
    """Every tool that would run at the provider must be allowed, or may be taken out."""
    for hosted in call.hosted_tools:
        tool = next((each for each in now.document.tools if hosted.type in each.hosted), None)
        decided = DENIED
        if tool is not None and _is_here(tool.environments, now):
            decided = _of_all(
                [_for_hosted(now, rules, tool, agent, hosted) for agent in now.chain.agents],
                now.document,
            )
        if decided.effect is not Effect.DENY and tool is not None:
            decided = hosted_after_flows(now, tool) or decided
        may_go = hosted.removable and now.document.hosted_denial is HostedDenial.REMOVE
        if decided.effect is Effect.DENY and not may_go:
            return decided
    return None


def _for_hosted(
    now: Situation, rules: list[RuleSpec], tool: ToolSpec, agent: Principal, hosted: HostedTool
) -> RuleSpec | None:
    applying = [
        each
        for each in rules
        if _names_tool(each, tool, now.document)
        and _tool_rule_applies(each, now, agent, hosted.arguments, pinned=True)
    ]
    return _strictest(applying, now.document)
