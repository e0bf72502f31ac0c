# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Rules name operations by name, kind or pair, and grant what a request may refer to."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from agentguard.policy import CoverageSpec, Policy, RuleSpec
from agentguard.vocabulary import (
    Action,
    Chain,
    DataClass,
    Effect,
    Facts,
    Kind,
    ModelCall,
    Principal,
    PrincipalKind,
    Reason,
    RecordBeforeDispatch,
    Reference,
    ReferOnly,
)

Compiled = Callable[..., Policy]


def chain(*agents: str) -> Chain:
    """Agents that act one for the other, for user:u1."""
    person = Principal(id="user:u1", kind=PrincipalKind.USER)
    return Chain(
        principals=(person, *(Principal(id=each, kind=PrincipalKind.AGENT) for each in agents))
    )


FOR_ALICE = chain("agent:a")


def call(pair: str, kind: Kind, operation: str | None = None, **changes: Any) -> ModelCall:
    """A model call without a model."""
    verb, _, path = pair.partition(" ")
    made = ModelCall(
        id="c",
        operation=operation or pair,
        kind=kind,
        verb=verb,
        path=path,
        origin="https://api.openai.com:443",
        model="",
        payload=None,
    )
    return replace(made, **changes)


CHAT = call("POST /chat/completions", Kind.INFERENCE, "chat", model="gpt-4o")
EMBEDDINGS = call("POST /embeddings", Kind.INFERENCE, "embeddings", model="small")
UPLOAD = call("POST /files", Kind.UPLOAD)
LISTING = call("GET /files", Kind.READ)
SOCKET = call("WS /responses", Kind.SOCKET, "chat", model="gpt-4o")
SECRET = call("POST /realtime/client_secrets", Kind.CREDENTIAL)
ADMIN = call("GET /organization/users", Kind.ADMIN)
BATCH = call("POST /batches", Kind.REMOTE_RUN)
EVERY = (CHAT, EMBEDDINGS, UPLOAD, LISTING, SOCKET, SECRET, ADMIN, BATCH)


def rule(name: str, effect: Effect = Effect.ALLOW, **changes: Any) -> RuleSpec:
    """A rule for agent:a at the first provider, for anybody and any model."""
    shape: dict[str, Any] = {"who": ("agent:a",), "providers": ("openai",), "models": ("*",)}
    return RuleSpec(id=name, effect=effect, persons=("user:*",), **(shape | changes))


def allowed(found: Policy, agents: Chain = FOR_ALICE) -> set[str]:
    """The pairs that a policy allows."""
    return {each.pair for each in EVERY if found.decide(each, agents).effect is Effect.ALLOW}


# --- operations ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("operations", "expected"),
    [
        (None, {CHAT.pair}),
        (("chat",), {CHAT.pair}),
        (("embeddings", "chat"), {CHAT.pair, EMBEDDINGS.pair}),
        (("inference",), {CHAT.pair, EMBEDDINGS.pair}),
        (("upload", "read"), {UPLOAD.pair, LISTING.pair}),
        (("POST /files",), {UPLOAD.pair}),
        (("WS /responses",), {SOCKET.pair}),
        ((SECRET.pair, ADMIN.pair), {SECRET.pair, ADMIN.pair}),
    ],
)
def test_a_rule_allows_the_operations_that_it_names(
    policy: Compiled, operations: tuple[str, ...] | None, expected: set[str]
) -> None:
    """A name, a kind or a pair allows what it stands for and nothing else."""
    assert allowed(policy(rule("r", operations=operations))) == expected


def test_what_needs_its_pair_is_not_allowed_by_another_name(policy: Compiled) -> None:
    """A socket is not allowed by the name of the operation that it carries."""
    found = policy(rule("r", operations=("chat", "inference", "upload", "read", "remote-run")))
    for refused in (SOCKET, SECRET, ADMIN):
        decision = found.decide(refused, FOR_ALICE)
        assert decision.reason is Reason.NOT_ALLOWLISTED
        assert decision.hint == f"add {refused.pair!r} to the operation of rule 'r'"


def test_a_rule_that_denies_without_operations_denies_every_one(policy: Compiled) -> None:
    """A deny rule that names no operation and no model is about every call to the provider."""
    every = rule("every", operations=tuple(each.pair for each in EVERY))
    assert len(allowed(policy(every))) == len(EVERY)
    assert allowed(policy(every, rule("no", Effect.DENY, models=()))) == set()


@pytest.mark.parametrize("word", ["socket", "chat", "WS /responses"])
def test_a_rule_that_denies_finds_a_socket_by_any_name(policy: Compiled, word: str) -> None:
    """A deny rule is about a socket by its kind and its operation, too."""
    every = rule("every", operations=(SOCKET.pair,))
    found = policy(every, rule("no", Effect.DENY, operations=(word,)))
    assert found.decide(SOCKET, FOR_ALICE).rule == "no"


# --- models --------------------------------------------------------------------------------


def test_a_call_without_a_model_is_allowed_by_every_model_or_by_none(policy: Compiled) -> None:
    """Only a rule that names no model, or ``*``, allows a call that names none."""
    for models, effect in (
        ((), Effect.ALLOW),
        (("*",), Effect.ALLOW),
        (("gpt*",), Effect.DENY),
        (("gpt-4o",), Effect.DENY),
    ):
        found = policy(rule("r", operations=("POST /files",), models=models))
        assert found.decide(UPLOAD, FOR_ALICE).effect is effect


def test_a_rule_without_a_model_allows_no_call_with_one(policy: Compiled) -> None:
    """A pair that is allowed without a model does not let every model in."""
    found = policy(rule("r", operations=("POST /chat/completions",), models=()))
    decision = found.decide(CHAT, FOR_ALICE)
    assert decision.effect is Effect.DENY
    assert (
        str(decision.nearest) == "nearest rule 'r': model must be absent: the rule names no model"
    )


def test_leaving_the_model_out_does_not_lead_out_of_a_deny_rule(policy: Compiled) -> None:
    """Where the provider would choose the model, a rule that denies some models applies."""
    every = rule("every", operations=("inference", "remote-run", "upload"))
    found = policy(every, rule("no", Effect.DENY, models=("gpt-4*",)))
    assert found.decide(replace(CHAT, model=""), FOR_ALICE).rule == "no"
    assert found.decide(BATCH, FOR_ALICE).rule == "no"
    assert found.decide(replace(CHAT, model="o1"), FOR_ALICE).rule == "every"
    assert found.decide(UPLOAD, FOR_ALICE).rule == "every"


# --- explanations --------------------------------------------------------------------------


def test_a_denied_operation_is_named_with_the_line_that_would_allow_it(policy: Compiled) -> None:
    """The hint names the operation as a rule would, by its pair where it must."""
    found = policy(rule("r"))
    for refused, word in ((EMBEDDINGS, "embeddings"), (UPLOAD, "POST /files")):
        decision = found.decide(refused, FOR_ALICE)
        assert str(decision.nearest) == "nearest rule 'r': operation must be one of 'chat'"
        assert decision.hint == f"add {word!r} to the operation of rule 'r'"
    nothing = policy().decide(UPLOAD, FOR_ALICE)
    assert nothing.nearest is None
    assert nothing.hint == (
        "allow it in a rule with provider = 'openai' and operation = ['POST /files']"
    )


def test_a_failing_model_or_person_has_no_other_hint(policy: Compiled) -> None:
    """Where the nearest rule says what to change, nothing is added."""
    found = policy(rule("r", models=("o1",)))
    assert found.decide(CHAT, FOR_ALICE).hint is None
    assert found.decide(CHAT, chain("agent:b")).hint is None


# --- references ----------------------------------------------------------------------------


def refers(found: Policy, made: ModelCall, agents: Chain = FOR_ALICE) -> frozenset[Reference]:
    """What an allowed call may refer to."""
    decision = found.decide(made, agents)
    assert decision.effect is Effect.ALLOW
    (only,) = (each for each in decision.obligations if isinstance(each, ReferOnly))
    return only.references


FILE, URL, STORE = Reference.FILE, Reference.URL, Reference.STORE


def test_a_rule_grants_the_references_that_it_lists(policy: Compiled) -> None:
    """Nothing may be referred to unless the rule lists it."""
    assert refers(policy(rule("r")), CHAT) == frozenset()
    assert refers(policy(rule("r", references=(FILE, URL))), CHAT) == {FILE, URL}


def test_a_chain_may_refer_to_what_each_agent_may(policy: Compiled) -> None:
    """Along a chain only what every agent's rule lists is granted."""
    found = policy(
        rule("a", references=(FILE, URL)),
        rule("b", who=("agent:b",), references=(URL, STORE)),
    )
    for agents in (chain("agent:a", "agent:b"), chain("agent:b", "agent:a")):
        assert refers(found, CHAT, agents) == {URL}
    none = policy(rule("a", references=(FILE,)), rule("b", who=("agent:b",)))
    assert refers(none, CHAT, chain("agent:a", "agent:b")) == frozenset()


def test_one_rule_grants_all_that_a_call_refers_to(policy: Compiled) -> None:
    """Of several rules the one that grants everything decides; two are not added up."""
    plain, files, urls = rule("m"), rule("a", references=(FILE,)), rule("z", references=(URL,))
    found = policy(plain, files, urls)
    asking = replace(CHAT, references=frozenset({FILE}))
    assert found.decide(asking, FOR_ALICE).rule == "a"
    assert refers(found, asking) == {FILE}
    both = replace(CHAT, references=frozenset({FILE, URL}))
    assert not both.references <= refers(found, both)


@pytest.mark.parametrize("names", [("a", "z"), ("z", "a")])
def test_a_call_that_refers_to_nothing_gets_the_narrowest_grant(
    policy: Compiled, names: tuple[str, str]
) -> None:
    """Whatever the rules are called, content is not kept at the provider without being asked."""
    plain, storing = names
    found = policy(rule(plain), rule(storing, references=(STORE,)))
    assert refers(found, CHAT) == frozenset()


# --- obligations and settling --------------------------------------------------------------

IMAGE = DataClass(name="image", family="media", action=Action.BLOCK)
REMOTE = DataClass(
    name="remote_image", family="answer", action=Action.REDACT, in_answers=Action.BLOCK
)


def test_what_changes_state_is_written_down_first(policy: Compiled) -> None:
    """The intent of an upload or a run is on disk before it; that of a chat need not be."""
    found = policy(rule("every", operations=tuple(each.pair for each in EVERY)))
    durable = {
        each.pair
        for each in EVERY
        if RecordBeforeDispatch() in found.decide(each, FOR_ALICE).obligations
    }
    quick = {CHAT.pair, EMBEDDINGS.pair, LISTING.pair}
    assert durable == {each.pair for each in EVERY} - quick


def test_media_pass_with_a_label_and_are_blocked_otherwise(policy: Compiled) -> None:
    """An image that is blocked refuses the call with the line that would let it pass."""
    held = policy(rule("r"), classes=(IMAGE,), tools=())
    decision = held.decide(CHAT, FOR_ALICE)
    settled = held.settle(decision, Facts(counts={"image": 1}))
    assert (settled.effect, settled.reason) == (Effect.DENY, Reason.CLASS_BLOCKED)
    assert settled.hint == "let it pass, counted: [[class]] name = 'image', action = 'label'"
    labelled = policy(rule("r"), classes=(replace(IMAGE, action=Action.LABEL),), tools=())
    decision = labelled.decide(CHAT, FOR_ALICE)
    assert labelled.settle(decision, Facts(counts={"image": 1})) is decision


def test_no_tool_receives_media(policy: Compiled) -> None:
    """A tool that may receive every class may receive none of media or answers."""
    found = policy(classes=(*policy().classes.values(), IMAGE, REMOTE))
    assert not found.may_receive("any", "image")
    assert not found.may_receive("any", "remote_image")
    assert found.may_receive("any", "email")


def test_the_required_surfaces_are_the_policys(policy: Compiled) -> None:
    """A policy says which client libraries must be guarded."""
    assert policy().required_surfaces == frozenset()
    wanted = policy(coverage=CoverageSpec(require=frozenset({"openai"})))
    assert wanted.required_surfaces == {"openai"}
