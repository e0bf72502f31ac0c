# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What do several calls in one request mean together?"""

from typing import Any

import pytest

from agentguard.canonical import freeze
from agentguard.clients.several import placed, together
from agentguard.errors import ContentRefused
from agentguard.vocabulary import (
    Attachment,
    EncodedText,
    HostedTool,
    ModelCall,
    OfferedTool,
    Reference,
    Speaker,
    Utterance,
)


def call(**more: Any) -> ModelCall:
    """Return a call."""
    plain: dict[str, Any] = {"model": "", "payload": freeze({})}
    return ModelCall(
        id="c", operation="chat", verb="POST", path="/p", origin="o", **{**plain, **more}
    )


INNER = call(
    model="m",
    model_authored=("/messages/1",),
    function_tools=(OfferedTool(name="f", pointer="/tools/0"),),
    hosted_tools=(HostedTool(type="h", arguments={}, pointer="/tools/1", removable=True),),
    references=frozenset({Reference.FILE}),
    attachments=(Attachment(pointer="/a", data_class="image", label="l", content="c"),),
    encoded=(EncodedText(pointer="/b", prefix=""),),
    utterances=(Utterance(pointer="/c", speaker=Speaker.USER),),
    forced_tool="f",
)


def test_pointers_lead_through_what_surrounds_the_body() -> None:
    """Every place that a reader noted is moved to where the body stands."""
    made = placed(INNER, "/x/0")
    assert made.model_authored == ("/x/0/messages/1",)
    assert made.function_tools[0].pointer == "/x/0/tools/0"
    assert made.hosted_tools[0].pointer == "/x/0/tools/1"
    assert made.attachments[0].pointer == "/x/0/a"
    assert made.encoded[0].pointer == "/x/0/b"
    assert made.utterances[0].pointer == "/x/0/c"


def test_the_whole_holds_what_its_parts_hold() -> None:
    """Tools, references, attachments and the model of an inner call are the whole call's."""
    whole = call(references=frozenset({Reference.CONTAINER}))
    made = together(whole, (placed(INNER, "/0"), placed(INNER, "/1")))
    assert made.model == "m"
    assert made.forced_tool == "f"
    assert made.references == {Reference.FILE, Reference.CONTAINER}
    assert [each.pointer for each in made.function_tools] == ["/0/tools/0", "/1/tools/0"]
    assert len(made.hosted_tools) == len(made.attachments) == len(made.encoded) == 2
    assert len(made.utterances) == 2
    assert len(made.model_authored) == 2
    assert together(whole, ()) is whole


@pytest.mark.parametrize("other", [{"model": "n"}, {"model": "m", "forced_tool": "g"}])
def test_what_no_one_decision_covers_is_refused(other: dict[str, Any]) -> None:
    """Two models, or two forced tools, in one request are refused."""
    with pytest.raises(ContentRefused):
        together(call(), (INNER, call(**other)))


@pytest.mark.parametrize(
    ("payload", "kept"), [({}, True), ({"store": None}, True), ({"store": False}, False)]
)
def test_an_inner_call_that_is_kept_needs_the_permission(payload: Any, *, kept: bool) -> None:
    """Where leaving a member out makes the provider keep the content, that is a reference."""
    inner = call(keeps="store", payload=freeze(payload))
    assert (Reference.STORE in together(call(), (inner,)).references) is kept
