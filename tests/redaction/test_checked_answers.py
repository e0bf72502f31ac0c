# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A whole answer is checked wherever in it a text stands."""

import json
from typing import Any

import pytest

from agentguard.vocabulary import Action

TOKEN = "gh" + "p_" + "0aB" * 12
MAIL = "jane.doe@customers.example"
ANSWERS = ("/choices/*/message/content", "/output/*/content/*/text")


def answer(text: str, **more: Any) -> dict[str, Any]:
    """A completion with one choice."""
    message = {"role": "assistant", "content": text, **more}
    return {"id": "c-1", "created": 1700000000, "choices": [{"index": 0, "message": message}]}


def everywhere(value: str) -> dict[str, Any]:
    """An answer that holds a value in every position that there is."""
    call = {"function": {"name": value, "arguments": json.dumps({"to": [value, {value: 1}]})}}
    return {
        **answer(value, tool_calls=[call], refusal=value),
        "output": [{"content": [{"text": value, "annotations": [{"url": value}]}]}],
        "metadata": {value: value, "deep": [[value]]},
    }


def test_a_secret_is_hidden_in_every_position(session: Any) -> None:
    """No string and no key of an answer keeps a secret, whatever it is for."""
    crossed, shown, counts = session().checked(everywhere(TOKEN), *ANSWERS)
    assert TOKEN not in json.dumps(crossed)
    assert shown == crossed
    assert counts == {"api_key": 10}


def test_placeholders_are_turned_back_only_for_the_user(session: Any) -> None:
    """Texts for the user get their values, everything else keeps its placeholders."""
    here = session([MAIL])
    (mail,) = here.placeholders
    content = everywhere(mail)
    crossed, shown, _ = here.checked(content, *ANSWERS)
    assert crossed is content
    assert shown["choices"][0]["message"]["content"] == MAIL
    assert shown["output"][0]["content"][0]["text"] == MAIL
    assert json.dumps(shown).count(MAIL) == 2
    assert json.dumps(content).count(MAIL) == 0


def test_an_answer_without_findings_is_passed_as_it_is(session: Any) -> None:
    """Nothing is copied where nothing has to change."""
    content = everywhere("hello")
    crossed, shown, counts = session().checked(content, *ANSWERS)
    assert crossed is content
    assert shown is content
    assert not counts


def test_probabilities_go_where_their_text_was_changed(session: Any) -> None:
    """The tokens beside a changed text would spell it; beside another text they stay."""
    tokens = {"content": [{"token": "g", "logprob": -1, "top_logprobs": []}]}
    content = answer(f"it is {TOKEN}")
    content["choices"][0]["logprobs"] = tokens
    content["choices"].append({"message": {"content": "hello"}, "logprobs": tokens})
    content["output"] = [{"content": [{"text": TOKEN, "logprobs": tokens["content"]}]}]
    crossed, _, _ = session().checked(content, *ANSWERS)
    assert crossed["choices"][0]["logprobs"] is None
    assert crossed["choices"][1]["logprobs"] == tokens
    assert crossed["output"][0]["content"][0]["logprobs"] == []


def test_a_number_can_be_a_finding(session: Any) -> None:
    """A card number that is no string is hidden, smaller numbers stay."""
    here = session(payment_card=Action.REDACT)
    crossed, _, _ = here.checked({"input": {"card": 4111111111111111, "n": 4, "f": 0.5}})
    assert str(crossed["input"]["card"]).startswith("[[PAYMENT_CARD:")
    assert (crossed["input"]["n"], crossed["input"]["f"]) == (4, 0.5)


@pytest.mark.parametrize("content", [{"a": object()}, {"a": b"bytes"}, {"a": (1, 2)}])
def test_what_is_no_json_is_withheld(session: Any, content: Any) -> None:
    """A value that cannot be inspected is not passed on."""
    with pytest.raises(ValueError, match="holds a value of type"):
        session().checked(content)


def test_an_answer_that_is_nested_too_deep_is_withheld(session: Any) -> None:
    """The walk ends before the stack does."""
    content: Any = TOKEN
    for _ in range(200):
        content = [content]
    with pytest.raises(ValueError, match="nested deeper"):
        session().checked(content)


def test_two_keys_that_become_one_withhold_the_answer(session: Any) -> None:
    """A member is never lost because of what was hidden in a key."""
    with pytest.raises(ValueError, match="two keys"):
        session().checked({"a\u200b": 1, "a": 2})
