# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A call that is asked about can be written down, and asks the same when it is read again."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import freeze, thaw
from agentguard.config.cases import questions_in
from agentguard.policy import IdentitySpec, PolicyDocument, ProviderSpec, ToolSpec
from agentguard.review.questions import NotAQuestion, Question, origin_of, strays, written
from agentguard.vocabulary import Assurance, Impact, ModelCall, Reference

DOCUMENT = PolicyDocument(
    name="p",
    identities=(IdentitySpec(id="agent:a"),),
    tools=(ToolSpec(name="pay", impact=Impact.REVERSIBLE, definition="sha256:" + "a" * 64),),
    providers=(ProviderSpec(id="openai", hosts=("api.openai.com",)),),
)
SCALARS = st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text(max_size=4)
ARGUMENTS = st.dictionaries(
    st.text(min_size=1, max_size=3), SCALARS | st.lists(SCALARS), max_size=3
)
TOOL_QUESTIONS = st.builds(
    Question,
    actor=st.just("agent:a"),
    person=st.sampled_from([None, "user:u"]),
    through=st.sampled_from([(), ("agent:b",)]),
    tool=st.just("pay"),
    arguments=ARGUMENTS.map(freeze),
    environment=st.sampled_from([None, "production"]),
    assurance=st.sampled_from(Assurance),
    claims=st.sampled_from([{}, {"person": MappingProxyType({"customer": "c-1"})}]),
    resources=st.sampled_from([None, ("o-1",), ("o-1", "o-2")]),
    spent=st.sampled_from([{}, {"few": Decimal("1.50")}]),
    origins=st.sampled_from([{}, {"x": ("user",)}, {"x": ("untrusted", "plain")}]),
    conversation=st.sampled_from([(), ("untrusted", "tool:pay")]),
    now=st.sampled_from([None, datetime(2026, 12, 1, 3, 4, 5, 6, tzinfo=UTC)]),
)
MODEL_QUESTIONS = st.builds(
    Question,
    actor=st.just("agent:a"),
    provider=st.just("openai"),
    operation=st.sampled_from(["chat", "POST /files"]),
    model=st.sampled_from(["", "gpt-4o"]),
    references=st.sampled_from([(), (Reference.URL, Reference.STORE)]),
    hosted=st.sampled_from([(), (("web_search", MappingProxyType({"size": "low"})),)]),
)


@settings(deadline=None)
@given(question=TOOL_QUESTIONS | MODEL_QUESTIONS)
def test_what_is_written_down_asks_the_same(question: Question) -> None:
    """A call in JSON is read as the call that was written."""
    (again,) = questions_in(json.dumps(thaw(written(question))), "a test")
    assert repr(thaw(written(again))) == repr(thaw(written(question)))
    assert again.chain() == question.chain()
    assert again.circumstances(DOCUMENT).spent == question.circumstances(DOCUMENT).spent


def test_a_model_call_goes_to_a_host_of_the_provider() -> None:
    """The call of a model is made to where the provider is, with what the table says of it."""
    call = Question(actor="agent:a", provider="openai", operation="embeddings").call(DOCUMENT)
    assert isinstance(call, ModelCall)
    assert (call.origin, call.pair) == ("https://api.openai.com:443", "POST /embeddings")
    loopback = ProviderSpec(id="l", hosts=("127.0.0.1:*",))
    assert loopback.serves(origin_of(loopback))


def test_what_is_no_call_is_told() -> None:
    """An unknown operation and an id without a kind are told with what they are."""
    with pytest.raises(NotAQuestion, match="embeddings"):
        Question(actor="agent:a", provider="openai", operation="embedings").call(DOCUMENT)
    with pytest.raises(NotAQuestion, match="expected"):
        Question(actor="refunds", tool="pay").chain()


def test_what_the_policy_does_not_declare_is_told() -> None:
    """A name that stands in the call and not in the policy is told with its key."""
    question = Question(
        actor="agent:typo", tool="py", environment="prod", spent={"limit": Decimal(1)}
    )
    assert [key for key, _ in strays(DOCUMENT, question)] == ["as", "tool", "environment", "spent"]


def test_origins_that_nothing_could_have_are_told() -> None:
    """An unknown word, an argument that is not given and an unknown state are told by key."""
    question = Question(
        actor="agent:a",
        tool="pay",
        arguments={"x": 1},
        origins={"x": ("usr", "untrusted"), "y": ("user",)},
        conversation=("asked:pay", "untrusted", "asked:nobody", "class:nothing"),
    )
    found = list(strays(DOCUMENT, question))
    assert [key for key, _ in found] == ["origins", "origins", "conversation", "conversation"]
    assert "did you mean 'user'?" in found[0][1]


def test_values_come_from_where_a_question_says() -> None:
    """Each value of an argument has the origins that are said of it, and so have its addresses."""
    question = Question(
        actor="agent:a",
        tool="pay",
        arguments={"x": ("a", "b"), "y": "c", "z": True},
        origins={"x": ("user",), "y": ("untrusted",), "z": ("user",)},
    )
    known = question.circumstances(DOCUMENT)
    assert [each.words for each in known.origins["x"]] == [frozenset({"user"})] * 2
    assert [(each.untrusted, each.carries) for each in known.origins["y"]] == [(True, True)]
    assert known.origins["z"] == ()
    assert known.conversation == frozenset()


def test_no_value_of_a_call_stands_in_a_repr() -> None:
    """Arguments, claims and objects are not in the repr of a question."""
    question = Question(
        actor="agent:a",
        tool="pay",
        arguments={"x": "canary"},
        claims={"person": {"y": "canary"}},
        resources=("canary",),
    )
    assert "canary" not in repr(question)
