# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which policies and calls are engines compared on?

Random ones, from a seed: every kind of constraint and every key of a rule, for tools and models,
over few names, so that rules meet. About half of the arguments fit what some rule demands, the
others nearly do, have another type, are missing, or were never heard of.
"""

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from policy_values import ODD, Values

from agentguard.canonical import Frozen
from agentguard.policy import (
    Anything,
    ArgumentSpec,
    Const,
    Constraint,
    EqualsClaim,
    FlowSpec,
    Holder,
    HostedDenial,
    IdentitySpec,
    IntBetween,
    LimitSpec,
    Match,
    OneOf,
    PolicyDocument,
    Prefix,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
)
from agentguard.vocabulary import (
    ApprovalProfile,
    Approver,
    Assurance,
    Chain,
    Circumstances,
    Effect,
    HostedTool,
    Impact,
    Kind,
    ModelCall,
    Origins,
    Principal,
    PrincipalKind,
    Reference,
    ToolCall,
)

KEYS = tuple(f"ed25519:{letter * 42}A=" for letter in "AB")
TODAY = date(2026, 6, 15)
ENVIRONMENTS = ("production", "codegen")
AGENTS = ("agent:a", "agent:b", "service:s", "user:u1")
ARGUMENTS = ("x", "y", 'z "q" (text)')
TOOLS = ("read", "pay", "send", "act")


class Situation(NamedTuple):
    """One call, by whom and in what circumstances."""

    call: ToolCall | ModelCall
    chain: Chain
    circumstances: Circumstances


class Generator:
    """What makes up policies and calls; the same seed gives the same ones."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - chosen, not secret
        self.values = Values(self.chance, 300)

    # --- policies

    def document(self) -> PolicyDocument:
        """Return a policy; it may hold flaws."""
        chance = self.chance
        environments = ENVIRONMENTS if chance.random() < 0.4 else ()
        base = PolicyDocument(
            name="generated",
            identities=tuple(
                IdentitySpec(id=each, environments=self._tied(environments, 0.15))
                for each in AGENTS
            ),
            groups={"team": ("user:u1", "user:u2"), "bots": ("agent:a", "service:s")},
            tools=(
                ToolSpec(name="read", impact=Impact.READ_ONLY, trusted=("",)),
                ToolSpec(
                    name="pay",
                    impact=Impact.IRREVERSIBLE,
                    definition=chance.choice([None, "sha256:" + "0" * 64]),
                    targets=("x",) if chance.random() < 0.3 else (),
                    outward=True,
                    verbs=("pay",),
                ),
                ToolSpec(
                    name="send",
                    impact=Impact.REVERSIBLE,
                    environments=self._tied(environments, 0.4),
                ),
                ToolSpec(name="act", impact=Impact.REVERSIBLE, resource="order"),
                ToolSpec(name="search", impact=Impact.READ_ONLY, hosted=frozenset({"web_search"})),
            ),
            tool_groups={"money": ("pay", "act"), "mild": ("read", "send")},
            profiles=tuple(self._profile(name, need) for name, need in PROFILES),
            providers=(
                ProviderSpec(
                    id="openai",
                    hosts=("api.openai.com",),
                    environments=self._tied(environments, 0.2),
                ),
            ),
            environments=environments,
            hosted_denial=chance.choice(list(HostedDenial)),
            limits=(
                LimitSpec(name="few", calls=chance.randint(1, 3)),
                LimitSpec(name="sum", sum="x", most=chance.choice(MOST)),
            ),
        )
        rules = tuple(self.rule(f"r{index}", base) for index in range(chance.randint(1, 8)))
        named = {limit for rule in rules for limit in rule.limits}
        limits = tuple(each for each in base.limits if each.name in named)
        return replace(base, rules=rules, limits=limits, flows=self._flows())

    def _flows(self) -> tuple[FlowSpec, ...]:
        chance = self.chance
        effects = chance.choices([Effect.APPROVE, Effect.DENY], k=chance.choice([0, 0, 0, 1, 2]))
        return tuple(
            FlowSpec(
                id=f"f{index}",
                who=chance.choice([(), (), ("agent:b",), ("group:bots",)]),
                effect=effect,
                approval=chance.choice(PROFILES)[0] if effect is Effect.APPROVE else None,
                after=chance.choice([(), ("untrusted",), ("untrusted", "tool:read")]),
                targets_from=self._accepted(),
                addresses_from=self._accepted(),
                arguments_from=self._accepted(),
                **chance.choice(FLOWING),
            )
            for index, effect in enumerate(effects)
        )

    def _accepted(self) -> tuple[str, ...] | None:
        return self.chance.choice([None, None, None, ("user",), ("user", "tool:read")])

    def _with_origins(self, rule: RuleSpec) -> RuleSpec:
        """Return a rule about tools that may ask where its arguments come from."""
        chance = self.chance
        if chance.random() < 0.6 or not rule.tools or rule.tools == ("search",):
            return rule
        arguments = []
        for each in rule.arguments:
            words = self._accepted()
            asks = rule.effect is not Effect.DENY and chance.random() < 0.5
            otherwise = Effect.APPROVE if asks else Effect.DENY
            origins = None if words is None else frozenset(words)
            arguments.append(replace(each, origins=origins, otherwise=otherwise))
        may_ask = any(e.origins and e.otherwise is Effect.APPROVE for e in arguments)
        approval = chance.choice(PROFILES)[0] if may_ask else rule.approval
        return replace(rule, arguments=tuple(arguments), approval=rule.approval or approval)

    def _tied(self, environments: Sequence[str], share: float) -> frozenset[str]:
        tied = bool(environments) and self.chance.random() < share
        return frozenset({self.chance.choice(environments)}) if tied else frozenset()

    def _profile(self, name: str, need: int) -> ApprovalProfile:
        return ApprovalProfile(
            name=name,
            approvers=tuple(
                Approver(id=each, key=key)
                for each, key in zip(("user:carol", "user:dave"), KEYS, strict=True)
            ),
            need=need,
            decide_within=timedelta(hours=4),
            execute_within=timedelta(minutes=10),
            wait=timedelta(),
        )

    def rule(self, name: str, base: PolicyDocument) -> RuleSpec:
        """Return a rule about tools, or less often about models."""
        chance = self.chance
        effect = chance.choices(list(Effect), weights=(5, 2, 3))[0]
        about_models = chance.random() < 0.2
        if about_models and effect is Effect.APPROVE:
            effect = Effect.ALLOW
        denies = effect is Effect.DENY
        shadow = chance.choice(SHADOWS) if chance.random() < 0.15 else None
        rule = RuleSpec(
            id=name,
            who=tuple(chance.sample(WHO, chance.randint(1, 2))),
            persons=chance.choice(PERSONS),
            effect=effect,
            approval=chance.choice(PROFILES)[0] if effect is Effect.APPROVE else None,
            environments=self._tied(base.environments, 0.3),
            assurance=chance.choice(list(Assurance))
            if not denies and chance.random() < 0.2
            else None,
            limits=() if denies or about_models or chance.random() < 0.85 else ("few",),
            shadow_until=shadow,
            shadow_irreversible=shadow is not None,
        )
        return self._about_models(rule) if about_models else self._about_tools(rule)

    def _about_tools(self, rule: RuleSpec) -> RuleSpec:
        chance = self.chance
        selection: dict[str, Any] = dict(chance.choice(SELECTIONS))
        names = chance.sample(ARGUMENTS, chance.choices([0, 1, 2, 3], weights=(2, 4, 3, 1))[0])
        arguments = tuple(
            ArgumentSpec(
                name=each,
                constraint=self.values.constraint(),
                optional=chance.random() < 0.3,
            )
            for each in names
        )
        resource = None
        if selection.get("tools") == ("act",) and chance.random() < 0.7:
            resource = chance.choice(RESOURCES)
        if selection.get("tools") == ("search",):
            # What runs at a provider can neither be held nor counted.
            effect = Effect.ALLOW if rule.effect is Effect.APPROVE else rule.effect
            return replace(
                rule, effect=effect, approval=None, limits=(), arguments=arguments, **selection
            )
        denies = rule.effect is Effect.DENY
        if not denies and chance.random() < 0.1 and "sum" not in rule.limits:
            whole = ArgumentSpec(name="x", constraint=IntBetween(low=0, high=9))
            arguments = (whole, *(each for each in arguments if each.name != "x"))
            rule = replace(rule, limits=(*rule.limits, "sum"))
        rule = replace(rule, arguments=arguments, resource=resource, **selection)
        return self._with_origins(rule)

    def _about_models(self, rule: RuleSpec) -> RuleSpec:
        chance = self.chance
        denies = rule.effect is Effect.DENY
        operations = chance.choice(DENIED if denies else ALLOWED)
        models = chance.choice([*MODELS, ()]) if denies else chance.choice(MODELS)
        if not denies and operations in NO_MODEL:
            models = ()
        count = 0 if denies else chance.randint(0, 2)
        return replace(
            rule,
            providers=("openai",),
            models=models,
            operations=operations,
            references=tuple(chance.sample(REFERENCES, count)),
        )

    # --- calls

    def situation(self, document: PolicyDocument) -> Situation:
        """Return a call, most often close to what some rule is about."""
        chance = self.chance
        rule = chance.choice(document.rules) if chance.random() < 0.85 else None
        call: ToolCall | ModelCall
        if rule is not None and (rule.providers or rule.tools == ("search",)):
            call = self._model_call(rule, document)
        else:
            call = self._tool_call(rule)
        circumstances = self._circumstances(document, rule)
        if isinstance(call, ToolCall):
            circumstances = replace(circumstances, origins=self._origins(call))
        return Situation(call, self._chain(rule), circumstances)

    def _origins(self, call: ToolCall) -> dict[str, tuple[Origins, ...]]:
        chance = self.chance
        return {
            name: tuple(
                Origins(
                    words=frozenset(chance.choice([("user",), ("user",), ("tool:read",), ()])),
                    carries=chance.random() < 0.2,
                    addresses=chance.choice([(), (frozenset({"user"}),)]),
                )
                for _ in range(chance.choice([0, 1, 3, 9]))
            )
            for name in call.resolved
            if chance.random() < 0.9
        }

    def _tool_call(self, rule: RuleSpec | None) -> ToolCall:
        chance = self.chance
        tool = chance.choice([*TOOLS, "search", "unheard_of"])
        arguments: dict[str, Frozen] = {}
        if rule is not None:
            tool = chance.choice(_meant(rule))
            for each in rule.arguments:
                if chance.random() < (0.6 if each.optional else 0.96):
                    arguments[each.name] = self.values.value(each.constraint)
        if rule is None or chance.random() < 0.05:
            arguments[chance.choice([*ARGUMENTS, "w"])] = chance.choice(ODD)
        definition = "sha256:" + chance.choice("0001") * 64
        return ToolCall(
            id="c", tool=tool, definition=definition, received=arguments, resolved=arguments
        )

    def _model_call(self, rule: RuleSpec, document: PolicyDocument) -> ModelCall:
        chance = self.chance
        call = self._plain_model_call(rule)
        rules = [each for each in document.rules if each.tools == ("search",)]
        if rules and chance.random() < 0.6:
            meant = chance.choice(rules)
            hosted = HostedTool(
                type=chance.choice(["web_search"] * 5 + ["shell"]),
                arguments={
                    each.name: self.values.value(each.constraint) for each in meant.arguments
                },
                pointer="/tools/0",
                removable=chance.random() < 0.5,
            )
            call = replace(call, hosted_tools=(hosted,))
        if chance.random() < 0.1:
            call = replace(call, inner=(self._plain_model_call(rule),))
        return call

    def _plain_model_call(self, rule: RuleSpec) -> ModelCall:
        chance = self.chance
        operation, kind, verb, path = chance.choice(OPERATIONS)
        model = chance.choice(["gpt-4o", "gpt-4o", "o1-4o", "o1", ""])
        if kind is Kind.UPLOAD or (kind is Kind.SOCKET and not rule.models):
            model = ""
        return ModelCall(
            id="c",
            operation=operation,
            kind=kind,
            verb=verb,
            path=path,
            origin=chance.choice([ORIGIN] * 9 + ["https://api.other.example:443"]),
            model=model,
            payload=None,
            references=frozenset(chance.sample(REFERENCES, chance.choice([0, 0, 0, 1, 2]))),
        )

    def _chain(self, rule: RuleSpec | None) -> Chain:
        chance = self.chance
        count = chance.choices([1, 2], weights=(4, 1))[0]
        agents = chance.choices([*AGENTS[:3], "agent:unheard_of"], weights=(9, 4, 4, 1), k=count)
        if rule is not None and chance.random() < 0.8:
            agents = [chance.choice(_standing_for(chance.choice(rule.who))) for _ in agents]
        person: list[str] = []
        if rule is None or rule.persons or chance.random() < 0.1:
            person = [chance.choice(["user:u1", "user:u1", "user:u2", "user:u3"])]
            agents = [each for each in agents if each != "user:u1"] or ["agent:a"]
        elif chance.random() < 0.1:
            agents = ["user:u1"]
        return Chain(principals=tuple(map(self._principal, [*person, *agents])))

    def _principal(self, name: str) -> Principal:
        chance = self.chance
        ends = chance.choice(MOMENTS[1:]) if chance.random() < 0.05 else None
        return Principal(
            id=name,
            kind=PrincipalKind(name.partition(":")[0]),
            assurance=Assurance.ATTESTED if chance.random() < 0.8 else chance.choice(LEVELS),
            claims=chance.choice(CLAIMS),
            expires_at=ends,
        )

    def _circumstances(self, document: PolicyDocument, rule: RuleSpec | None) -> Circumstances:
        chance = self.chance
        environment = None
        if document.environments and chance.random() < 0.95:
            known = sorted(rule.environments) if rule and rule.environments else ENVIRONMENTS
            environment = chance.choice(known)
        spent = {
            f"limit:{limit.name}": chance.choice(
                [Decimal(0), Decimal(1), Decimal(2), Decimal("4.5")]
            )
            for limit in document.limits
            if limit.calls is None or chance.random() < 0.95
        }
        for limit in document.limits:
            if limit.calls is not None and f"limit:{limit.name}" in spent:
                spent[f"limit:{limit.name}"] = Decimal(chance.randint(0, 3))
        return Circumstances(
            now=chance.choice(MOMENTS) if chance.random() < 0.3 else MOMENTS[1],
            environment=environment,
            paths={"/srv/x": "/srv/x", "/srv/x/a": "/srv/x/a"},
            resources=chance.choice(OBJECTS),
            spent=spent,
            conversation=chance.choice(SEEN),
        )


MOST: tuple[int | Decimal, ...] = (5, Decimal("7.5"))
SPENT = (Decimal(0), Decimal(0), Decimal(1), Decimal(2), Decimal("4.5"))
OBJECTS = (None, (), ("o1",), ("o1",), ("o1", "o2"), ("c1",), ("\u00e9",))
LEVELS = tuple(Assurance)
PROFILES = (("leads", 1), ("both", 2), ("also", 2))
WHO = ("agent:a", "agent:b", "service:s", "user:u1", "group:bots", "agent:*", "*")
PERSONS = (
    *((), (), ("user:u1",), ("group:team",), ("user:*",), ("user:*",)),
    ("group:team", "user:u3"),
)
SHADOWS = (TODAY - timedelta(days=1), TODAY, TODAY + timedelta(days=30))
SELECTIONS: tuple[dict[str, Any], ...] = (
    {"tools": ("pay",)},
    {"tools": ("read",)},
    {"tools": ("act",)},
    {"tools": ("search",)},
    {"tools": ("pay", "send")},
    {"tools": ("group:money",)},
    {"tools": ("s*nd", "group:mild")},
    {"tools": ("*",), "impacts": (Impact.REVERSIBLE,)},
    {"impacts": (Impact.READ_ONLY, Impact.IRREVERSIBLE)},
)
RESOURCES: tuple[Constraint, ...] = (
    OneOf(options=("o1", "o2")),
    Const(value="o1"),
    EqualsClaim(holder=Holder.PERSON, claim="customer"),
    Match(pattern="o[0-9]"),
    Prefix(text="o"),
    Anything(),
)
CLAIMS: tuple[dict[str, Frozen], ...] = (
    {},
    {"customer": "c1"},
    {"customer": ("c1", "o1", 7)},
    {"customer": None},
    {"customer": ("c1", None)},
    {"customer": "\u00e9"},
)
FLOWING: tuple[dict[str, Any], ...] = (
    {"tools": ("pay",)},
    {"tools": ("pay",), "unless_asked": True},
    {"outward": True},
    {"impacts": (Impact.REVERSIBLE,)},
    {"tools": ("search", "read")},
    {},
)
SEEN: tuple[frozenset[str] | None, ...] = (
    None,
    frozenset(),
    frozenset({"untrusted"}),
    frozenset({"untrusted", "tool:read", "asked:pay"}),
)
MOMENTS: tuple[datetime | None, ...] = (
    None,
    datetime(2026, 6, 15, 12, tzinfo=UTC),
    datetime(2026, 6, 15, 23, 59, 59, 999999, tzinfo=UTC),
    datetime(2026, 6, 16, tzinfo=UTC),
    datetime(2027, 1, 1, tzinfo=UTC),
)
ORIGIN = "https://api.openai.com:443"
MODELS = (("gpt-4o",), ("gpt*",), ("o1", "*4o"), ("*",), ("*",))
NO_MODEL = (("upload",), ("POST /files",))
ALLOWED = (None, ("chat",), ("chat", "embeddings"), ("inference",), ("WS /realtime",), *NO_MODEL)
DENIED = (None, ("chat",), ("embeddings", "inference"), ("upload",), ("socket",), ("WS /realtime",))
REFERENCES = (Reference.FILE, Reference.URL, Reference.STORE)
OPERATIONS = (
    ("chat", Kind.INFERENCE, "POST", "/chat/completions"),
    ("chat", Kind.INFERENCE, "POST", "/chat/completions"),
    ("embeddings", Kind.INFERENCE, "POST", "/embeddings"),
    ("POST /files", Kind.UPLOAD, "POST", "/files"),
    ("POST /batches", Kind.REMOTE_RUN, "POST", "/batches"),
    ("x", Kind.SOCKET, "WS", "/realtime"),
)


def _meant(rule: RuleSpec) -> Sequence[str]:
    """Return tools that a rule may be about."""
    groups = {"group:money": ("pay", "act"), "group:mild": ("read", "send")}
    named = [tool for name in rule.tools for tool in groups.get(name, (name,))]
    return [tool for tool in named if tool in TOOLS] or TOOLS


def _standing_for(name: str) -> Sequence[str]:
    """Return identities that a name in a rule stands for."""
    groups = {"group:bots": ("agent:a", "service:s"), "agent:*": ("agent:a", "agent:b")}
    return groups.get(name, AGENTS[:3] if name == "*" else (name,))
