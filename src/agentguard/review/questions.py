# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which call is a policy asked about, when nobody makes it?

A call in the words of a policy file: who, for whom, what, with what. Putting it to a policy makes
the values that ``decide`` takes. Nothing is looked up: links are taken to lead nowhere else, and a
limit of which nothing is said is unused.

INVARIANT: a question that is written down and read again asks the same
(tests/review/test_questions.py).
"""

from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from types import MappingProxyType

from agentguard.canonical import Frozen
from agentguard.operations import Operation, closest, table_of
from agentguard.operations.table import SDKS
from agentguard.policy import PolicyDocument, ProviderSpec, parse_host
from agentguard.policy.constraints import UNLINKED
from agentguard.policy.flow_flaws import state_flaws
from agentguard.policy.flows import ASKED
from agentguard.policy.limits import key_of_limit
from agentguard.policy.origin_flaws import word_flaws
from agentguard.policy.sourcing import NOWHERE as UNHEARD
from agentguard.policy.sourcing import values_in
from agentguard.vocabulary import (
    Assurance,
    Call,
    Chain,
    Circumstances,
    HostedTool,
    ModelCall,
    Origins,
    Principal,
    PrincipalKind,
    Reference,
    ToolCall,
)

PERSON, ACTOR = "person", "actor"
UNTRUSTED, PLAIN = "untrusted", "plain"
_OTHERS = frozenset({UNTRUSTED, PLAIN, UNHEARD})
NOWHERE = "https://nowhere.invalid:443"
UNPINNED = "sha256:" + "0" * 64
_ANY_LOOPBACK_PORT = 8000
_NOTHING: Mapping[str, Frozen] = MappingProxyType({})


class NotAQuestion(ValueError):
    """What is asked is no call; ``key`` says what of it, the message why."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A call of a tool or of a model, as a policy is asked about it.

    Attributes:
        actor: the id of who makes it.
        person: the id of whom it is made for, None for nobody.
        through: the ids of the agents between them, the first one first.
        tool: the tool, None for a call of a model.
        arguments: the tool's arguments.
        definition: the digest of the tool's definition; None for the one that is pinned.
        provider: the provider, None for a call of a tool.
        operation: its name in the semantic conventions, or verb and path.
        model: the model, empty for none.
        references: what the provider would use or keep.
        hosted: the tools that would run at the provider, each its type and members.
        environment: the environment that it is made in.
        assurance: how surely everybody is known.
        claims: what is known of the ``person`` and the ``actor``.
        resources: the objects that it is about; None where no hook says so.
        paths: where texts lead in the file system; one that is not named leads to itself.
        spent: what the session has used up, by the name of a limit.
        origins: by argument the words of where it comes from: those of rules, ``untrusted``, and
            ``plain`` for what holds no address. An argument that is not named comes from nowhere.
        conversation: what has happened before, in the words of ``after``, and ``asked:TOOL``.
        now: the time, None for none.
    """

    actor: str
    person: str | None = None
    through: tuple[str, ...] = ()
    tool: str | None = None
    arguments: Mapping[str, Frozen] = field(default_factory=dict, repr=False)
    definition: str | None = None
    provider: str | None = None
    operation: str = "chat"
    model: str = field(default="", repr=False)
    references: tuple[Reference, ...] = ()
    hosted: tuple[tuple[str, Mapping[str, Frozen]], ...] = field(default=(), repr=False)
    environment: str | None = None
    assurance: Assurance = Assurance.DECLARED
    claims: Mapping[str, Mapping[str, Frozen]] = field(default_factory=dict, repr=False)
    resources: tuple[str, ...] | None = field(default=None, repr=False)
    paths: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    spent: Mapping[str, Decimal] = field(default_factory=dict)
    origins: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    conversation: tuple[str, ...] = ()
    now: datetime | None = None

    @property
    def agents(self) -> tuple[str, ...]:
        """Everybody who must be permitted on their own."""
        return (*self.through, self.actor)

    def call(self, document: PolicyDocument) -> Call:
        """Return the call.

        Raises:
            NotAQuestion: it names no operation that is known.
        """
        if self.tool is None:
            return self._model_call(document)
        pinned = next((each.definition for each in document.tools if each.name == self.tool), None)
        return ToolCall(
            id="asked",
            tool=self.tool,
            definition=self.definition or pinned or UNPINNED,
            received=self.arguments,
            resolved=self.arguments,
        )

    def chain(self) -> Chain:
        """Return who stands behind the call.

        Raises:
            NotAQuestion: an id is not one.
        """
        ids = (*(() if self.person is None else (self.person,)), *self.agents)
        principals = [_principal(name, self.assurance) for name in ids]
        if self.person is not None:
            principals[0] = replace(principals[0], claims=self.claims.get(PERSON, _NOTHING))
        principals[-1] = replace(principals[-1], claims=self.claims.get(ACTOR, _NOTHING))
        return Chain(principals=tuple(principals))

    def circumstances(self, document: PolicyDocument) -> Circumstances:
        """Return what else a decision depends on."""
        spent = {each.name: self.spent.get(each.name, Decimal()) for each in document.limits}
        return Circumstances(
            now=self.now,
            environment=self.environment,
            paths=ChainMap(dict(self.paths), UNLINKED),  # type: ignore[arg-type]  # read only
            resources=self.resources,
            spent={key_of_limit(name): amount for name, amount in spent.items()},
            origins={
                name: (_origins(words),) * sum(values_in(self.arguments.get(name)))
                for name, words in self.origins.items()
            },
            conversation=frozenset(self.conversation),
        )

    def _model_call(self, document: PolicyDocument) -> ModelCall:
        operation = operation_of(self.operation)
        provider = next((each for each in document.providers if each.id == self.provider), None)
        return ModelCall(
            id="asked",
            operation=operation.label,
            kind=operation.kind,
            verb=operation.verb,
            path=operation.path,
            origin=NOWHERE if provider is None else origin_of(provider),
            model=self.model,
            payload=None,
            references=frozenset(self.references),
            hosted_tools=tuple(
                HostedTool(type=name, arguments=members, pointer=f"/tools/{index}", removable=True)
                for index, (name, members) in enumerate(self.hosted)
            ),
        )


def operation_of(word: str) -> Operation:
    """Return the operation that a word names: a pair, or the first one of that name.

    Raises:
        NotAQuestion: there is none.
    """
    found = _operations().get(word)
    if found is not None:
        return found
    near = closest(word)
    hint = f"; did you mean {near!r}?" if near else ""
    raise NotAQuestion("operation", f"{word!r} is no operation{hint}")


@lru_cache(maxsize=1)
def _operations() -> Mapping[str, Operation]:
    found: dict[str, Operation] = {}
    for sdk in SDKS:
        for operation in table_of(sdk):
            found.setdefault(operation.pair, operation)
            found.setdefault(operation.label, operation)
    return found


def origin_of(provider: ProviderSpec) -> str:
    """Return an origin that a provider is reached at."""
    entry = parse_host(provider.hosts[0])
    port = _ANY_LOOPBACK_PORT if entry.any_port else min(entry.ports)
    return f"https://{entry.name}:{port}"


def _origins(words: tuple[str, ...]) -> Origins:
    """Return the origins of one value; its addresses come from where it comes from."""
    relied = frozenset(words) - _OTHERS
    if words == (UNHEARD,):
        return Origins(nowhere=True)
    if PLAIN in words:
        return Origins(words=relied, untrusted=UNTRUSTED in words)
    return Origins(
        words=relied, untrusted=UNTRUSTED in words, carries=not relied, addresses=(relied,)
    )


def _principal(name: str, assurance: Assurance) -> Principal:
    kind, colon, rest = name.partition(":")
    if not colon or not rest or kind not in set(PrincipalKind):
        raise NotAQuestion("who", f"{name!r} is no id: expected 'agent:...' or 'user:...'")
    return Principal(id=name, kind=PrincipalKind(kind), assurance=assurance)


def strays(document: PolicyDocument, question: Question) -> Iterator[tuple[str, str]]:
    """Find what a question names and the policy does not declare, by key.

    Such a call is refused, so that a slip of the pen would look like a policy that holds.
    """
    declared = {each.id for each in document.identities}
    for key, names in (("as", (question.actor,)), ("through", question.through)):
        for name in names:
            if name not in declared:
                yield key, f"identity {name!r} is not declared"
    named: tuple[tuple[str, str | None, Iterable[str]], ...] = (
        ("tool", question.tool, (each.name for each in document.tools)),
        ("provider", question.provider, (each.id for each in document.providers)),
        ("environment", question.environment, document.environments),
    )
    for key, wanted, known in named:
        if wanted is not None and wanted not in set(known):
            yield key, f"{key} {wanted!r} is not declared"
    for name in sorted(question.spent.keys() - {each.name for each in document.limits}):
        yield "spent", f"limit {name!r} is not declared"
    types = frozenset(name for tool in document.tools for name in tool.hosted)
    for name, _ in question.hosted:
        if name not in types:
            yield "hosted", f"{name!r} is no type of a declared tool"
    yield from _stray_words(document, question)


def _stray_words(document: PolicyDocument, question: Question) -> Iterator[tuple[str, str]]:
    """Find words of origins and states that nothing of the policy could ever have."""
    for name, words in question.origins.items():
        if name not in question.arguments:
            yield "origins", f"argument {name!r} is not given"
        relied = frozenset(words) - {UNTRUSTED, PLAIN}
        for flaw in word_flaws((), relied, document) if relied else ():
            yield "origins", flaw.message
    asked = {f"{ASKED}{each.name}" for each in document.tools}
    for flaw in state_flaws((), (w for w in question.conversation if w not in asked), document):
        yield "conversation", flaw.message


def written(question: Question) -> dict[str, Frozen]:
    """Return a question as ``config.cases`` reads it, without what says nothing."""
    plain: dict[str, Frozen] = {
        "as": question.actor,
        "for": question.person,
        "through": question.through,
        "tool": question.tool,
        "args": question.arguments,
        "definition": question.definition,
        "provider": question.provider,
        "operation": None if question.provider is None else question.operation,
        "model": question.model,
        "references": tuple(each.value for each in question.references),
        "hosted": tuple({"type": name, "args": members} for name, members in question.hosted),
        "environment": question.environment,
        "assurance": None if question.assurance is Assurance.DECLARED else question.assurance.value,
        "claims": question.claims,
        "resource": question.resources,
        "paths": question.paths,
        "spent": {name: str(amount) for name, amount in question.spent.items()},
        "origins": question.origins,
        "conversation": question.conversation,
        "at": None if question.now is None else question.now.isoformat(),
    }
    return {key: value for key, value in plain.items() if value not in (None, "", (), {})}
