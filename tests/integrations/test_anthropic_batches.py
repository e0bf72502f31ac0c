# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a batch of requests to Anthropic taken for?"""

from typing import Any

import pytest

from agentguard.errors import ContentRefused
from agentguard.integrations.anthropic.batches import PATH, model_call
from agentguard.pipeline.tools import removed
from agentguard.vocabulary import Kind, ModelCall, Reference

LOOK = {"name": "look", "input_schema": {"type": "object"}}


def params(**members: Any) -> dict[str, Any]:
    """Return the parameters of a request in a batch."""
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Well,"}]
    return {"model": "claude-opus-5", "max_tokens": 8, "messages": messages, **members}


def read(*requests: Any, **members: Any) -> ModelCall:
    """Return the call that a batch of requests with these parameters means."""
    listed = [{"custom_id": f"r-{at}", "params": each} for at, each in enumerate(requests)]
    body = {"requests": listed, **members}
    return model_call("c-1", body, origin="https://a:443", extra_fields=frozenset())


def test_a_batch_runs_at_the_provider() -> None:
    """A batch is a remote run with one model, and what creates it gives no answer."""
    call = read(params(), params())
    assert (call.operation, call.kind) == (f"POST {PATH}", Kind.REMOTE_RUN)
    assert (call.model, call.answers, call.streams) == ("claude-opus-5", (), False)


def test_each_request_is_read_like_one_of_its_own() -> None:
    """Tools, references and the model's own words are found in every request of a batch."""
    search = {"type": "web_search_20260318", "name": "web_search"}
    call = read(params(tools=[LOOK]), params(tools=[search], container="container_01"))
    assert [tool.pointer for tool in call.function_tools] == ["/requests/0/params/tools/0"]
    assert [tool.pointer for tool in call.hosted_tools] == ["/requests/1/params/tools/0"]
    assert call.references == {Reference.CONTAINER}
    assert call.model_authored == (
        "/requests/0/params/messages/1/content",
        "/requests/1/params/messages/1/content",
    )
    left: Any = removed(call, frozenset({"/requests/0/params/tools/0"}))
    assert "tools" not in left.payload["requests"][0]["params"]
    assert "tools" in left.payload["requests"][1]["params"]


def test_a_tool_that_one_request_forces_is_held_against_the_policy() -> None:
    """A tool that a request in a batch makes the model use is the batch's."""
    choice = {"type": "tool", "name": "look"}
    forcing = params(tools=[LOOK], tool_choice=choice)
    assert read(params(), forcing, forcing).forced_tool == "look"
    see = {**forcing, "tool_choice": {"type": "tool", "name": "see"}}
    with pytest.raises(ContentRefused, match="different tools"):
        read(forcing, see)


@pytest.mark.parametrize(
    ("requests", "problem"),
    [
        ((), "no model, or several"),
        ((params(), params(model="claude-haiku-5")), "no model, or several"),
        ((params(model=None),), "'model'"),
        ((params(stream=True),), "asks for a stream"),
        ((params(stream="yes"),), "neither true nor false"),
        (("Hi",), "is no object"),
        ((params(unlisted_member="x"),), "does not know"),
        ((params(fallbacks="default"),), "another model"),
        ((params(messages=[]),), "no list of messages"),
    ],
)
def test_what_cannot_be_decided_as_one_call_is_refused(
    requests: tuple[Any, ...], problem: str
) -> None:
    """A batch of several models, of streams, or of what a request alone may not hold is refused."""
    with pytest.raises(ContentRefused, match=problem):
        read(*requests)


def test_an_unknown_member_of_a_batch_is_refused() -> None:
    """A batch and its requests have no members beyond the documented ones."""
    with pytest.raises(ContentRefused, match="does not know"):
        read(params(), callback_url="https://a.example")
    body = {"requests": [{"custom_id": "r", "params": params(), "webhook": "https://a.example"}]}
    with pytest.raises(ContentRefused, match="does not know"):
        model_call("c-1", body, origin="https://a:443", extra_fields=frozenset())
