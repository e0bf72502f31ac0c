# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The compiled table says what a plain reading of the rules says, in whatever order they stand."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, freeze
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Const,
    Constraint,
    IntBetween,
    Match,
    OneOf,
    Policy,
    RuleSpec,
)
from agentguard.vocabulary import (
    AskApproval,
    Chain,
    Decision,
    Effect,
    Facts,
    Kind,
    ModelCall,
    Principal,
    PrincipalKind,
    ToolCall,
)

Compiled = Callable[..., Policy]
SCALE = [Effect.ALLOW, Effect.APPROVE, Effect.DENY]
GROUPS = {"team": ("user:u1", "user:u2"), "bots": ("agent:a", "service:s")}


def principal(name: str) -> Principal:
    """A principal of the kind that its id says."""
    return Principal(id=name, kind=PrincipalKind(name.partition(":")[0]))


def chain(*names: str) -> Chain:
    """A chain of principals."""
    return Chain(principals=tuple(map(principal, names)))


def tool_call(tool: str, arguments: Mapping[str, object], definition: str = "d") -> ToolCall:
    """A tool call with frozen arguments."""
    frozen = MappingProxyType({name: freeze(value) for name, value in arguments.items()})
    return ToolCall(id="c", tool=tool, definition=definition, received={}, resolved=frozen)


def model_call(model: str = "gpt-4o", **changes: Any) -> ModelCall:
    """A chat call to the first provider."""
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="https://api.openai.com:443",
        model=model,
        payload=None,
    )
    return replace(call, **changes)


NAMES = ("agent:a", "agent:b", "service:s", "user:u1")
VALUES = st.sampled_from([0, 1, 2, 3, True, 1.0, "a", "b", "1", None, (), 7])
CONSTRAINTS: st.SearchStrategy[Constraint] = st.sampled_from(
    [
        IntBetween(low=0, high=1),
        IntBetween(low=1, high=3),
        OneOf(options=("a", 1)),
        Const(value=True),
        Const(value="a"),
        Match(pattern="[ab]"),
        Anything(),
    ]
)
ARGUMENTS = st.lists(
    st.builds(
        ArgumentSpec,
        name=st.sampled_from(["x", "y"]),
        constraint=CONSTRAINTS,
        optional=st.booleans(),
    ),
    max_size=2,
    unique_by=lambda each: each.name,
).map(tuple)
WHO = st.lists(st.sampled_from([*NAMES, "group:bots", "agent:*", "*"]), min_size=1, max_size=2).map(
    tuple
)
PERSONS = st.lists(st.sampled_from(["user:u1", "user:u3", "group:team", "user:*"]), max_size=2).map(
    tuple
)
EFFECTS = st.sampled_from([(Effect.ALLOW, None), (Effect.DENY, None)])
ASKING = st.sampled_from([(Effect.APPROVE, name) for name in ("leads", "both", "also")])


MODELS = st.sampled_from([("gpt-4o",), ("gpt*",), ("o1", "*4o"), ("*",)])
SHARED = st.sampled_from(
    [None, ("chat",), ("chat", "embeddings"), ("inference",), ("upload",), ("WS /realtime",)]
)
ALLOWED = st.fixed_dictionaries({"models": MODELS, "operations": SHARED}) | st.fixed_dictionaries(
    {"operations": st.sampled_from([("upload",), ("POST /files",), ("WS /realtime",)])}
)
DENIED = st.fixed_dictionaries(
    {"models": MODELS | st.just(()), "operations": SHARED | st.just(("socket",))}
)


@st.composite
def rule_specs(draw: st.DrawFn) -> RuleSpec:
    """Rules for tools and, less often, for models."""
    if draw(st.integers(0, 3)) == 0:
        effect, approval = draw(EFFECTS)
        return RuleSpec(
            id="r",
            who=draw(WHO),
            persons=draw(PERSONS),
            effect=effect,
            providers=("openai",),
            **draw(DENIED if effect is Effect.DENY else ALLOWED),
        )
    effect, approval = draw(EFFECTS | ASKING)
    return RuleSpec(
        id="r",
        who=draw(WHO),
        persons=draw(PERSONS),
        effect=effect,
        tools=draw(st.sampled_from([("pay",), ("read",), ("pay", "read")])),
        arguments=draw(ARGUMENTS),
        approval=approval,
    )


RULES = st.lists(rule_specs(), max_size=6).map(
    lambda rules: [replace(each, id=f"r{index}") for index, each in enumerate(rules)]
)
CHAINS = st.builds(
    lambda person, agents: chain(*person, *agents),
    st.sampled_from([(), ("user:u1",), ("user:u2",), ("user:u3",)]),
    st.lists(
        st.sampled_from(["agent:a", "agent:b", "service:s", "agent:x"]), min_size=1, max_size=2
    ),
)
CALLS = st.one_of(
    st.builds(
        tool_call,
        st.sampled_from(["pay", "read", "any", "unheard_of"]),
        st.dictionaries(st.sampled_from(["x", "y", "z"]), VALUES, max_size=2),
    ),
    st.builds(
        lambda model, parts: model_call(model, **parts),
        st.sampled_from(["gpt-4o", "gpt-3", "o1", ""]),
        st.sampled_from(
            [
                {"operation": "chat"},
                {"operation": "embeddings", "path": "/embeddings"},
                {"operation": "POST /files", "kind": Kind.UPLOAD, "path": "/files"},
                {"operation": "POST /batches", "kind": Kind.REMOTE_RUN, "path": "/batches"},
                {"operation": "x", "kind": Kind.SOCKET, "verb": "WS", "path": "/realtime"},
            ]
        ),
    ),
)


def stands_for(name: str, one: str) -> bool:
    """Whether a name in a rule stands for one id."""
    if name.startswith("group:"):
        return one in GROUPS[name.removeprefix("group:")]
    return name in {"*", one} or (name == "agent:*" and one.startswith("agent:"))


def right_type(constraint: Constraint, value: Frozen) -> bool:
    """Whether a value has the type that a constraint is about."""
    match constraint:
        case IntBetween():
            return type(value) is int
        case OneOf(options=options):
            return any(type(value) is type(option) for option in options)
        case Const(value=wanted):
            return type(value) is type(wanted)
        case Match():
            return type(value) is str
    return True


def names_caller(spec: RuleSpec, actor: str, person: str | None) -> bool:
    """Whether a rule is about this actor and this person."""
    if not any(stands_for(name, actor) for name in spec.who):
        return False
    if person is None:
        return not spec.persons
    return any(name == "user:*" or stands_for(name, person) for name in spec.persons)


def names_operation(spec: RuleSpec, call: ModelCall) -> bool:
    """Whether a rule is about the operation of a model call."""
    denies = spec.effect is Effect.DENY
    named = spec.operations
    if named is None:
        return denies or call.operation == "chat"
    if f"{call.verb} {call.path}" in named:
        return True
    return (denies or call.kind is not Kind.SOCKET) and (
        call.operation in named or call.kind.value in named
    )


def names_model(spec: RuleSpec, call: ModelCall) -> bool:
    """Whether a rule is about the model of a model call."""
    if not spec.models:
        return spec.effect is Effect.DENY or not call.model
    if not call.model and spec.effect is Effect.DENY and call.kind is not Kind.UPLOAD:
        return True  # the provider would choose one
    return any(
        model in (call.model, "*")
        or (model == "gpt*" and call.model.startswith("gpt"))
        or (model == "*4o" and call.model.endswith("4o"))
        for model in spec.models
    )


def forbids(spec: RuleSpec, arguments: dict[str, Frozen]) -> bool:
    """Whether no present argument of the right type fails to satisfy its constraint."""
    return all(
        each.name not in arguments
        or not right_type(each.constraint, arguments[each.name])
        or each.constraint.problem_with(arguments[each.name]) is None
        for each in spec.arguments
    )


def permits(spec: RuleSpec, arguments: dict[str, Frozen]) -> bool:
    """Whether every argument is listed and satisfied, and only optional ones are missing."""
    for each in spec.arguments:
        if each.name not in arguments:
            if not each.optional:
                return False
        elif each.constraint.problem_with(arguments.pop(each.name)) is not None:
            return False
    return not arguments


def naive_applies(
    spec: RuleSpec, call: ToolCall | ModelCall, actor: str, person: str | None
) -> bool:
    """Whether a rule applies, read from the rule as written."""
    if not names_caller(spec, actor, person):
        return False
    if isinstance(call, ModelCall):
        return (
            "openai" in spec.providers and names_operation(spec, call) and names_model(spec, call)
        )
    if call.tool not in spec.tools:
        return False
    reading = forbids if spec.effect is Effect.DENY else permits
    return reading(spec, dict(call.resolved))


def naive_effect(
    rules: list[RuleSpec], call: ToolCall | ModelCall, callers: Chain
) -> tuple[Effect, str | None]:
    """The effect and the profile, rule by rule."""
    person = callers.ids[0] if callers.ids[0].startswith("user:") else None
    actors = callers.ids[1:] if person else callers.ids
    effects: list[tuple[Effect, str | None]] = []
    for actor in actors:
        if actor not in NAMES:
            return Effect.DENY, None
        applying = [each for each in rules if naive_applies(each, call, actor, person)]
        if not applying:
            effects.append((Effect.DENY, None))
        effects += [(each.effect, each.approval) for each in applying]
    strictest = max(effects, key=lambda each: SCALE.index(each[0]))[0]
    if strictest is not Effect.APPROVE:
        return strictest, None
    asked = {approval for effect, approval in effects if effect is Effect.APPROVE}
    return strictest, next(name for name in ("also", "both", "leads") if name in asked)


def asked_profile(decision: Decision) -> str | None:
    """The profile that is asked, if one is."""
    asked = [each.profile for each in decision.obligations if isinstance(each, AskApproval)]
    return asked[0] if asked else None


@settings(deadline=None, max_examples=400)
@given(rules=RULES, call=CALLS, callers=CHAINS)
def test_the_table_agrees_with_a_naive_reading(
    policy: Compiled, rules: list[RuleSpec], call: ToolCall | ModelCall, callers: Chain
) -> None:
    """The compiled table gives the effect and the profile that reading the rules one by one gives."""
    decision = policy(*rules).decide(call, callers)
    assert (decision.effect, asked_profile(decision)) == naive_effect(rules, call, callers)


@settings(deadline=None)
@given(rules=RULES, call=CALLS, callers=CHAINS, data=st.data())
def test_the_order_of_the_rules_decides_nothing(
    policy: Compiled,
    rules: list[RuleSpec],
    call: ToolCall | ModelCall,
    callers: Chain,
    data: st.DataObject,
) -> None:
    """Rules in another order give the same decision, digest included."""
    shuffled = data.draw(st.permutations(rules))
    assert policy(*rules).decide(call, callers) == policy(*shuffled).decide(call, callers)


@settings(deadline=None)
@given(rules=RULES, extra=rule_specs(), call=CALLS, callers=CHAINS)
def test_adding_a_deny_rule_never_allows_more(
    policy: Compiled,
    rules: list[RuleSpec],
    extra: RuleSpec,
    call: ToolCall | ModelCall,
    callers: Chain,
) -> None:
    """With one more deny rule, no decision becomes milder and no more tools are offered."""
    deny = replace(extra, id="deny", effect=Effect.DENY, approval=None)
    before, after = policy(*rules), policy(*rules, deny)
    effect = before.decide(call, callers).effect
    assert SCALE.index(after.decide(call, callers).effect) >= SCALE.index(effect)
    assert after.offered_tools(callers) <= before.offered_tools(callers)


@settings(deadline=None)
@given(rules=RULES, call=CALLS, callers=CHAINS)
def test_what_may_run_is_offered(
    policy: Compiled, rules: list[RuleSpec], call: ToolCall | ModelCall, callers: Chain
) -> None:
    """A tool that some call may run is among the offered tools."""
    found = policy(*rules)
    if isinstance(call, ToolCall) and found.decide(call, callers).effect is not Effect.DENY:
        assert call.tool in found.offered_tools(callers)


@settings(deadline=None)
@given(
    rules=RULES,
    call=CALLS,
    callers=CHAINS,
    counts=st.dictionaries(
        st.sampled_from(["email", "card", "jwt", "undeclared"]), st.integers(0, 2)
    ),
)
def test_settling_only_tightens(
    policy: Compiled,
    rules: list[RuleSpec],
    call: ToolCall | ModelCall,
    callers: Chain,
    counts: dict[str, int],
) -> None:
    """A settled decision is the same decision or a denial."""
    found = policy(*rules)
    decision = found.decide(call, callers)
    settled = found.settle(decision, Facts(counts=counts))
    assert settled is decision or settled.effect is Effect.DENY
