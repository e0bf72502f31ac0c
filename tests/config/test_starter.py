# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The starter policy loads without a remark and decides as its comments say."""

import base64
import pathlib
from types import MappingProxyType

import pytest

from agentguard.canonical import freeze
from agentguard.config import Settings, check, load, starter
from agentguard.errors import ConfigError
from agentguard.vocabulary import (
    Action,
    Chain,
    Decision,
    Effect,
    ModelCall,
    Principal,
    PrincipalKind,
    ToolCall,
)

KEY = "ed25519:" + base64.b64encode(bytes(32)).decode()
ORDER = {"order": "ORD-00012345"}
MARIA = "maria.lopez@customers.example"
CHAIN = Chain(
    principals=(
        Principal(id="user:alice", kind=PrincipalKind.USER),
        Principal(id="agent:support", kind=PrincipalKind.AGENT),
    )
)


@pytest.fixture
def settings(tmp_path: pathlib.Path) -> Settings:
    """The settings of the starter policy, which must be free of remarks."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(KEY))
    assert check(path, {}) == ()
    return load(path, {})


def decide(settings: Settings, tool: str, **arguments: object) -> Decision:
    """What the starter policy says about a tool call."""
    frozen = MappingProxyType({name: freeze(value) for name, value in arguments.items()})
    call = ToolCall(id="c", tool=tool, definition="", received=frozen, resolved=frozen)
    return settings.policy.decide(call, CHAIN)


@pytest.mark.parametrize(
    ("tool", "arguments", "effect"),
    [
        ("lookup_order", ORDER, Effect.ALLOW),
        ("lookup_order", {"order": "ORD-1"}, Effect.DENY),
        ("read_customer_email", ORDER, Effect.ALLOW),
        ("refund", {**ORDER, "amount": 40, "to": MARIA}, Effect.ALLOW),
        ("refund", {**ORDER, "amount": 100, "to": MARIA}, Effect.ALLOW),
        ("refund", {**ORDER, "amount": 101, "to": MARIA}, Effect.APPROVE),
        ("refund", {**ORDER, "amount": 1000, "to": MARIA}, Effect.APPROVE),
        ("refund", {**ORDER, "amount": 1001, "to": MARIA}, Effect.DENY),
        ("refund", {**ORDER, "amount": 0, "to": MARIA}, Effect.DENY),
        ("refund", {**ORDER, "amount": 40}, Effect.DENY),
        ("refund", {**ORDER, "amount": 40, "to": "mallory@evil.example"}, Effect.DENY),
        ("refund", {**ORDER, "amount": 40, "to": f"mallory@evil.example,{MARIA}"}, Effect.DENY),
        ("delete_account", {"account": "A-1"}, Effect.DENY),
        ("drop_database", {}, Effect.DENY),
    ],
)
def test_the_starter_policy_decides_as_it_says(
    settings: Settings, tool: str, arguments: dict[str, object], effect: Effect
) -> None:
    """Small refunds run, large ones ask, outsiders and deletions are denied."""
    assert decide(settings, tool, **arguments).effect is effect


def test_a_refund_to_an_outsider_is_explained(settings: Settings) -> None:
    """The denial names the argument that the rule does not permit."""
    decision = decide(settings, "refund", **ORDER, amount=40, to="mallory@evil.example")
    assert decision.nearest is not None
    assert decision.nearest.constraint == "args.to"


@pytest.mark.parametrize("origin", ["https://api.openai.com:443", "http://127.0.0.1:40123"])
def test_the_starter_policy_lets_models_be_called(settings: Settings, origin: str) -> None:
    """The support agent may chat with OpenAI and with a server on this machine."""
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin=origin,
        model="gpt-4o-mini",
        payload=None,
    )
    assert settings.policy.decide(call, CHAIN).effect is Effect.ALLOW
    offered = settings.policy.offered_tools(CHAIN)
    assert offered == {"lookup_order", "read_customer_email", "refund"}


def test_the_starter_policy_hides_what_it_says(settings: Settings) -> None:
    """The refund tool may receive e-mail addresses and nothing else."""
    assert settings.policy.classes["customer_number"].action is Action.TOKENISE
    assert settings.policy.may_receive("refund", "email")
    assert not settings.policy.may_receive("refund", "payment_card")
    assert [own.name for own in settings.own] == ["customer_number"]


def test_the_approver_is_filled_in(tmp_path: pathlib.Path) -> None:
    """The approver and the key stand where the template leaves room, and the key is checked."""
    path = tmp_path / "agentguard.toml"
    path.write_text(starter(KEY, "user:dora"))
    (approver,) = load(path, {}).policy.profiles["leads"].approvers
    assert (approver.id, approver.key) == ("user:dora", KEY)
    path.write_text(starter("not a key"))
    with pytest.raises(ConfigError, match="32 bytes in base64"):
        load(path, {})


def test_the_flow_in_comments_can_be_taken_over(tmp_path: pathlib.Path) -> None:
    """With the `#` taken away and `targets` added, the commented flow loads without a remark."""
    text = starter(KEY).replace('name = "refund"\n', 'name = "refund"\ntargets = ["to"]\n')
    head, _, rest = text.partition("# [[flow]]\n")
    flow, _, tail = rest.partition("\n\n")
    lines = "\n".join(line.removeprefix("# ") for line in flow.splitlines())
    path = tmp_path / "agentguard.toml"
    path.write_text(f"{head}[[flow]]\n{lines}\n\n{tail}")
    assert check(path, {}) == ()
    assert [each.id for each in load(path, {}).policy.document.flows] == ["told-by-content"]
