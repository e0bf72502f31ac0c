# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A policy that tests put their own rules into, and policies made up by chance."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest

from agentguard.canonical import Frozen, freeze
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
    NumberBetween,
    OneOf,
    Policy,
    PolicyDocument,
    ProviderSpec,
    RuleSpec,
    ToolSpec,
    compile_policy,
    flaws_of,
)
from agentguard.policy.constraints.grounds import Plain
from agentguard.vocabulary import (
    Action,
    ApprovalProfile,
    Approver,
    Assurance,
    Call,
    Chain,
    Circumstances,
    DataClass,
    Decision,
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

KEY = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
OTHER_KEY = "ed25519:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="


def profile(name: str, need: int = 1) -> ApprovalProfile:
    """An approval profile with two approvers."""
    return ApprovalProfile(
        name=name,
        approvers=(
            Approver(id="user:carol", key=KEY),
            Approver(id="user:dave", key=OTHER_KEY),
        ),
        need=need,
        decide_within=timedelta(hours=4),
        execute_within=timedelta(minutes=10),
        wait=timedelta(),
    )


BASE = PolicyDocument(
    name="base",
    identities=(
        IdentitySpec(id="agent:a", owner="user:olga"),
        IdentitySpec(id="agent:b"),
        IdentitySpec(id="service:s"),
        IdentitySpec(id="user:u1"),
    ),
    groups={"team": ("user:u1", "user:u2"), "bots": ("agent:a", "service:s")},
    tools=(
        ToolSpec(name="read", impact=Impact.READ_ONLY),
        ToolSpec(
            name="pay",
            impact=Impact.IRREVERSIBLE,
            receives=frozenset({"pii", "api_key"}),
        ),
        ToolSpec(name="any", impact=Impact.REVERSIBLE, receives=frozenset({"*"})),
    ),
    profiles=(profile("leads"), profile("both", need=2), profile("also", need=2)),
    classes=(
        DataClass(name="email", family="pii", action=Action.TOKENISE),
        DataClass(name="card", family="pii", action=Action.BLOCK),
        DataClass(name="api_key", family="secret", action=Action.REDACT),
        DataClass(name="jwt", family="secret", action=Action.REDACT),
    ),
    providers=(
        ProviderSpec(id="openai", hosts=("api.openai.com",)),
        ProviderSpec(id="loopback", hosts=("127.0.0.1:*",)),
    ),
)


NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)
HERE = ("production", "codegen")


class Broken(Plain):
    """A constraint that cannot answer."""

    demand = "must not be asked"

    def problem_with(self, value: Frozen) -> str | None:
        """Fail."""
        raise ValueError("broken")

    def rules_out(self, value: Frozen) -> bool:
        """Fail."""
        raise ValueError("broken")

    def form(self) -> dict[str, Frozen]:
        """Return a form for the digest."""
        return {"broken": True}


@dataclass(frozen=True, kw_only=True)
class Case:
    """A policy, and a call in its circumstances."""

    document: PolicyDocument
    call: Call
    chain: Chain
    circumstances: Circumstances

    def decided(self, **changes: Any) -> Decision:
        """Return what is decided, with changes to the policy."""
        policy = compile_policy(replace(self.document, **changes))
        return policy.decide(self.call, self.chain, self.circumstances)


GENERATED = replace(
    BASE,
    tool_groups={"money": ("pay", "act")},
    limits=(LimitSpec(name="few", calls=2), LimitSpec(name="sum", sum="x", most=Decimal("5.5"))),
)
CONSTRAINTS: tuple[Constraint, ...] = (
    *(IntBetween(low=0, high=1), IntBetween(low=1, high=3), NumberBetween(low=0, high=4.5)),
    *(OneOf(options=("a", 1)), Const(value=True), Const(value="a"), Match(pattern="[ab]")),
    *(Anything(),) * 3,
    EqualsClaim(holder=Holder.PERSON, claim="id"),
    EqualsClaim(holder=Holder.ACTOR, claim="team"),
    Broken(),
)
RESOURCES: tuple[Constraint | None, ...] = (
    *(None,) * 6,
    *(Match(pattern="ORD-[0-9]"), OneOf(options=("ORD-1", "x")), Broken()),
)
# What is repeated is drawn more often, so that rules and calls meet.
WHO = (
    *(("*",),) * 8,
    *(("agent:*",),) * 2,
    *(("agent:a",), ("agent:b", "agent:a"), ("service:s", "user:u1"), ("group:bots",)),
)
PERSONS: tuple[tuple[str, ...], ...] = (
    *(("user:*",),) * 8,
    *((),) * 3,
    *(("group:team",), ("user:u1", "user:u3"), ("user:u3",)),
)
MODELS: tuple[tuple[str, ...], ...] = (*(("*",),) * 3, ("gpt*",), ("o1", "*4o"), ("gpt-4o",), ())
OPERATIONS: tuple[tuple[str, ...] | None, ...] = (
    *(None, ("chat",), ("inference",), ("inference", "upload", "WS /realtime")) * 2,
    *(("upload",), ("POST /files",), ("WS /realtime",), ("socket",)),
)
SELECTIONS: tuple[tuple[str, ...], ...] = (
    *(("pay",), ("read",), ("act",), ("pay", "act"), ("group:money",), ("*",), ("a*",)),
    ("search",),
)
PROFILES = ("leads", "both", "also")
PII, KEYS = frozenset({"pii"}), frozenset({"api_key", "email"})
CLASSES: tuple[frozenset[str] | None, ...] = (*(None,) * 6, PII, KEYS)
USER, HOST, TAINT = frozenset({"user"}), frozenset({"host"}), frozenset({"untrusted"})
READ = frozenset({"tool:read"})
ACCEPTED: tuple[frozenset[str] | None, ...] = (*(None,) * 5, USER, USER | READ, HOST)
MAIL = frozenset({"untrusted", "class:email", "family:pii", "asked:pay"})
CONVERSATIONS = (*(frozenset[str](),) * 4, TAINT, MAIL, TAINT | READ | {"asked:act"}, None)
WRITING = (Impact.IRREVERSIBLE, Impact.REVERSIBLE)
LIMITS: tuple[tuple[str, ...], ...] = ((), (), ("few",), ("sum",), ("sum", "few"))
DATES = (date(2026, 6, 14), date(2026, 6, 15), date(2026, 7, 1))
PINNED = "sha256:" + "0" * 64


class Draw(random.Random):
    """Chance that is the same for the same seed."""

    def tied(self, environments: tuple[str, ...]) -> frozenset[str]:
        """Environments that something is tied to; most often none."""
        if not environments or self.random() < 0.8:
            return frozenset()
        return frozenset({self.choice(environments)})

    def rule(self, environments: tuple[str, ...]) -> RuleSpec:
        """A rule for tools or, less often, for models; it may be flawed."""
        effect = self.choice([*(Effect.ALLOW,) * 3, Effect.APPROVE, Effect.DENY])
        lets = effect is not Effect.DENY
        until = self.choice([*(None,) * 8, *DATES])
        rule = RuleSpec(
            id="r",
            who=self.choice(WHO),
            persons=self.choice(PERSONS),
            effect=effect,
            environments=self.tied(environments),
            assurance=self.choice([*(None,) * 5, Assurance.TOKEN]) if lets else None,
            shadow_until=until,
            shadow_irreversible=until is not None,
        )
        if effect is not Effect.APPROVE and self.random() < 0.4:
            return replace(
                rule,
                providers=("openai",),
                models=self.choice(MODELS),
                operations=self.choice(OPERATIONS),
                limits=self.choice([(), ("few",)]) if lets else (),
                references=self.choice([(), (Reference.FILE,)]) if lets else (),
            )
        rule = replace(
            rule,
            tools=self.choice(SELECTIONS),
            impacts=self.choice([(), (), (), WRITING]),
            arguments=self.arguments(effect),
            limits=self.choice(LIMITS) if lets else (),
            resource=self.choice(RESOURCES),
            classes=self.choice(CLASSES) if lets else None,
        )
        asks = any(e.origins and e.otherwise is Effect.APPROVE for e in rule.arguments)
        asked = self.choice(PROFILES) if asks or effect is Effect.APPROVE else None
        return replace(rule, approval=asked)

    def arguments(self, effect: Effect) -> tuple[ArgumentSpec, ...]:
        """What a rule says of arguments."""
        otherwise = (Effect.DENY,) if effect is Effect.DENY else (Effect.APPROVE, Effect.DENY)
        return tuple(
            ArgumentSpec(
                name=name,
                constraint=self.choice(CONSTRAINTS),
                optional=self.random() < 0.4,
                origins=self.choice(ACCEPTED),
                otherwise=self.choice(otherwise),
            )
            for name in self.choice([(), ("x",), ("x",), ("x", "y")])
        )

    def flow(self) -> FlowSpec:
        """A flow; it may be flawed."""
        effect = self.choice([Effect.APPROVE, Effect.DENY])
        return FlowSpec(
            id="f",
            who=self.choice([(), (), ("agent:b",), ("group:bots",)]),
            tools=self.choice([(), *SELECTIONS]),
            impacts=self.choice([(), (), WRITING]),
            outward=self.random() < 0.2,
            after=self.choice([(), ("untrusted",), ("untrusted", "family:pii"), ("tool:read",)]),
            **{f"{each}_from": self.words() for each in ("targets", "addresses", "arguments")},
            unless_asked=self.random() < 0.3,
            effect=effect,
            approval=self.choice(PROFILES) if effect is Effect.APPROVE else None,
        )

    def words(self) -> Any:
        """The words that a condition of a flow accepts; most often there is none."""
        accepted = self.choice(ACCEPTED)
        return None if accepted is None else tuple(sorted(accepted))

    def origins(self, call: Call) -> dict[str, tuple[Origins, ...]]:
        """Where the arguments of a call come from, as far as that is known."""
        arguments = call.resolved if isinstance(call, ToolCall) else {}
        found = {}
        for name, value in arguments.items():
            often = 0 if value in (None, ()) or value is True else self.choice([0, 1, 1, 1, 2])
            if self.random() < 0.9:
                found[name] = tuple(self.origin() for _ in range(often))
        return found

    def origin(self) -> Origins:
        """Where one value comes from."""
        return Origins(
            words=self.choice([frozenset(), USER, READ, USER | HOST]),
            carries=self.random() < 0.3,
            addresses=self.choice([(), (), (USER,), (frozenset(),)]),
        )

    def tools(self, environments: tuple[str, ...]) -> tuple[ToolSpec, ...]:
        """Tools of every kind."""
        read = ToolSpec(name="read", impact=Impact.READ_ONLY)
        pay, act = (
            ToolSpec(name=n, impact=i) for n, i in zip(("pay", "act"), WRITING, strict=True)
        )
        hosted = frozenset({"web_search"})
        return (
            replace(read, environments=self.tied(environments), trusted=("",)),
            replace(
                pay,
                definition=self.choice([None, PINNED]),
                targets=self.choice([("x",), ("x", "y"), ()]),
                outward=True,
                verbs=("pay",),
            ),
            replace(act, resource="order", targets=self.choice([("x",), ()]), verbs=("act",)),
            replace(read, name="search", hosted=hosted, environments=self.tied(environments)),
        )

    def document(self) -> PolicyDocument:
        """A policy without flaws."""
        environments = self.choice([(), HERE])
        document = replace(
            GENERATED,
            environments=environments,
            hosted_denial=self.choice(list(HostedDenial)),
            identities=(
                IdentitySpec(id="agent:a", owner="user:olga"),
                IdentitySpec(id="agent:b", environments=self.tied(environments)),
                IdentitySpec(id="service:s"),
                IdentitySpec(id="user:u1", environments=self.tied(environments)),
            ),
            tools=self.tools(environments),
            providers=(
                ProviderSpec(
                    id="openai", hosts=("api.openai.com",), environments=self.tied(environments)
                ),
            ),
        )
        for index in range(self.randint(1, 9)):
            document = with_rule(document, replace(self.rule(environments), id=f"r{index}"))
        for index in range(self.choice([0, 0, 0, 1, 1, 2])):
            more = (*document.flows, replace(self.flow(), id=f"f{index}"))
            if not flaws_of(replace(document, rules=(), flows=more)):
                document = replace(document, flows=more)
        if flaws_of(document):  # a tool may be out of reach where it is tied to
            return replace(document, rules=(), flows=())
        return document

    def tool_call(self, document: PolicyDocument) -> ToolCall:
        """A call of a tool, most often one that some rule is about."""
        about = [each for each in document.rules if not each.providers]
        arguments = {
            name: self.choice(VALUES)
            for name in self.choice([(), ("x",), ("x",), ("x", "y"), ("z",)])
        }
        tool = self.choice([*("pay", "read", "act") * 4, "search", "unheard_of"])
        if about and self.random() < 0.8:
            rule = self.choice(about)
            tool = {"group:money": "act", "*": "read", "a*": "act"}.get(
                rule.tools[0], rule.tools[0]
            )
            arguments = {each.name: self.fitting(each.constraint) for each in rule.arguments}
        return ToolCall(
            id="c",
            tool=tool,
            definition=self.choice([*(PINNED,) * 9, "d"]),
            received={},
            resolved=MappingProxyType({name: freeze(each) for name, each in arguments.items()}),
        )

    def fitting(self, constraint: Constraint) -> Any:
        """A value that most often satisfies a constraint, if one is known that does."""
        values = VALUES
        if not isinstance(constraint, Broken) and self.random() < 0.9:
            values = tuple(each for each in VALUES if constraint.problem_with(freeze(each)) is None)
        return self.choice(values or ("user:u1", "a"))

    def model_call(self, depth: int = 1) -> ModelCall:
        """A call of a model, perhaps of several at once."""
        hosted = HostedTool(
            type=self.choice(["web_search", "web_search", "code_interpreter"]),
            arguments=self.choice([{}, {"x": 1}, {"x": "a"}]),
            pointer="/tools/0",
            removable=self.random() < 0.5,
        )
        call = ModelCall(
            id="c",
            operation="chat",
            verb="POST",
            path="/chat/completions",
            origin="https://api.openai.com:443",
            model=self.choice(["gpt-4o", "gpt-4o", "gpt-3", "o1", ""]),
            payload=None,
            references=self.choice([frozenset(), frozenset({Reference.FILE})]),
            hosted_tools=(hosted,) if self.random() < 0.2 else (),
            inner=tuple(
                self.model_call(0) for _ in range(self.choice([0, 0, 0, 1, 2]) if depth else 0)
            ),
        )
        return replace(call, **self.choice(PARTS))

    def principal(self, name: str) -> Principal:
        """A principal with this id, known in some way for some time."""
        return Principal(
            id=name,
            kind=PrincipalKind(name.partition(":")[0]),
            assurance=self.choice([Assurance.TOKEN, Assurance.ATTESTED, Assurance.DECLARED]),
            claims=self.choice([{"team": "a"}, {"team": ("a", "b")}, {}]),
            expires_at=self.choice([*(None,) * 50, NOON + timedelta(days=30), NOON]),
        )

    def chain(self) -> Chain:
        """A chain with or without a person, of agents that are mostly declared."""
        person = self.choice([*("user:u1",) * 4, "user:u2", "user:u3", None, None])
        agents = [*("agent:a",) * 20, *("agent:b", "service:s") * 4, "agent:x"]
        names = [self.choice(agents) for _ in range(self.choice([1, 1, 2]))]
        if person is not None:
            names.insert(0, person)
        return Chain(principals=tuple(map(self.principal, names)))

    def circumstances(self, call: Call) -> Circumstances:
        """What else is known."""
        days = self.choice([timedelta(), timedelta(), timedelta(days=-1), timedelta(days=60)])
        spent = self.choice(["0", "0", "1", "2", "4.5"]), self.choice(["0", "0", "1", "4.5"])
        return Circumstances(
            now=self.choice([*(NOON + days,) * 9, None]),
            environment=self.choice([*("production",) * 20, *("codegen",) * 8, "elsewhere", None]),
            resources=self.choice([*(("ORD-1",),) * 6, ("ORD-1", "x"), (), None]),
            spent={}
            if self.random() < 0.1
            else {"limit:few": Decimal(spent[0]), "limit:sum": Decimal(spent[1])},
            origins=self.origins(call),
            conversation=self.choice(CONVERSATIONS),
        )


VALUES: tuple[Any, ...] = (
    *(1, "a") * 4,
    *(0, 2, 3, True, 1.0, 0.1, "b", "1", "2.5", None, (), 7, -1, "user:u1"),
)
PARTS: tuple[dict[str, Any], ...] = (
    *({},) * 12,
    {"operation": "embeddings", "path": "/embeddings"},
    {"operation": "POST /files", "kind": Kind.UPLOAD, "path": "/files"},
    {"operation": "POST /batches", "kind": Kind.REMOTE_RUN, "path": "/batches"},
    {"operation": "x", "kind": Kind.SOCKET, "verb": "WS", "path": "/realtime"},
    {"origin": "https://elsewhere.example:443"},
)


def with_rule(document: PolicyDocument, rule: RuleSpec) -> PolicyDocument:
    """A policy with one more rule, which is taken back as far as it is flawed."""
    tools = () if rule.providers else ("pay", "read")
    for one in (rule, replace(rule, limits=(), resource=None, tools=tools, impacts=())):
        alone = replace(document, rules=(one,))
        if not any(flaw.path[0] == "rule" for flaw in flaws_of(alone)):
            return replace(document, rules=(*document.rules, one))
    return document


def cases(seed: int, most: int) -> list[Case]:
    """A policy and some calls, by chance."""
    draw = Draw(seed)
    document = draw.document()
    calls = [
        draw.tool_call(document) if draw.random() < 0.6 else draw.model_call() for _ in range(most)
    ]
    return [
        Case(
            document=document,
            call=call,
            chain=draw.chain(),
            circumstances=draw.circumstances(call),
        )
        for call in calls
    ]


@pytest.fixture(scope="session")
def policy() -> Callable[..., Policy]:
    """Give the function that compiles the base policy with the rules it is given."""

    def compiled(*rules: RuleSpec, **changes: object) -> Policy:
        return compile_policy(replace(BASE, rules=rules, **changes))  # type: ignore[arg-type]  # varied by key

    return compiled


@pytest.fixture(scope="session")
def generated() -> Callable[[int, int], list[Case]]:
    """Give the function that makes up a policy and some calls from a seed."""
    return cases


@pytest.fixture(scope="session")
def draw() -> type[Draw]:
    """Give what makes up rules from a seed."""
    return Draw
