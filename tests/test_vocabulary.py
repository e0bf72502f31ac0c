# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Are the nouns values, and do their reprs hold no payload?"""

import dataclasses
import inspect
from enum import StrEnum

import pytest

from agentguard import vocabulary
from agentguard.vocabulary import (
    Attachment,
    Chain,
    EncodedText,
    HostedTool,
    KnownValue,
    ModelCall,
    OfferedTool,
    Principal,
    PrincipalKind,
    ToolCall,
)

NOUNS = [
    noun
    for _, noun in inspect.getmembers(vocabulary, inspect.isclass)
    if noun.__module__.startswith("agentguard.vocabulary")
]
PAYLOAD_FIELDS = {
    "payload", "received", "resolved", "value", "shown", "values", "function_tools", "forced_tool",
    "model",
}  # fmt: skip
# A commitment has the name of what it commits to.
COMMITMENTS = {("ApprovalRequest", "received"), ("ApprovalRequest", "resolved")}


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_is_a_frozen_value_or_a_choice(noun: type) -> None:
    """Nothing that passes between stages can be changed on the way."""
    if dataclasses.is_dataclass(noun):
        assert noun.__dataclass_params__.frozen  # type: ignore[attr-defined]  # set by dataclass
        assert "__slots__" in vars(noun)
    else:
        assert issubclass(noun, StrEnum)


def test_no_payload_field_stands_in_a_repr() -> None:
    """Fields that hold payload are left out of reprs."""
    shown = [
        (noun.__name__, each.name)
        for noun in NOUNS
        if dataclasses.is_dataclass(noun)
        for each in dataclasses.fields(noun)
        if each.name in PAYLOAD_FIELDS and each.repr
    ]
    assert set(shown) <= COMMITMENTS


def test_calls_and_known_values_hide_what_they_hold() -> None:
    """The repr of a call names it without its content."""
    secret = "canary"
    call = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/p",
        origin="o",
        model=secret,
        payload=secret,
        address=secret,
        function_tools=(OfferedTool(name=secret, pointer=secret),),
        forced_tool=secret,
        hosted_tools=(
            HostedTool(type=secret, arguments={secret: secret}, pointer=secret, removable=True),
        ),
        attachments=(Attachment(pointer=secret, data_class="c", label="l", content=secret),),
        encoded=(EncodedText(pointer=secret, prefix=secret),),
    )
    tool = ToolCall(
        id="c", tool="t", definition="d", received={secret: 1}, resolved={secret: secret}
    )
    known = KnownValue(value=secret, data_class="x")
    assert secret not in repr(call) + repr(tool) + repr(known)


def test_a_chain_tells_person_actor_and_agents() -> None:
    """The person stands first, the actor last, and every agent is permitted on its own."""
    ids = (("user:a", PrincipalKind.USER), ("agent:b", PrincipalKind.AGENT))
    chain = Chain(principals=tuple(Principal(id=i, kind=k) for i, k in ids))
    assert chain.person is not None
    assert (chain.person.id, chain.actor.id) == ("user:a", "agent:b")
    assert [each.id for each in chain.agents] == ["agent:b"]
