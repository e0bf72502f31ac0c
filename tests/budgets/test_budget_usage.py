# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What an answer says of the tokens that it used is read as its provider means it."""

from typing import Any

import pytest

from agentguard.budgets import NOT_KNOWN, Usage, joined, usage_of


def known(tokens_in: int | None, tokens_out: int | None) -> Usage:
    """So many in, so many out."""
    return Usage(tokens_in=tokens_in, tokens_out=tokens_out)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ({"usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}}, known(7, 2)),
        ({"usage": {"prompt_tokens": 7, "total_tokens": 7}}, known(7, 0)),
        # Some compatible servers count hidden reasoning in the total, and nowhere else.
        ({"usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 99}}, known(7, 92)),
        ({"usage": {"input_tokens": 7, "output_tokens": 2, "total_tokens": 99}}, known(7, 92)),
        ({"usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 1}}, known(7, 2)),
        ({"usage": {"input_tokens": 7, "output_tokens": 2}}, known(7, 2)),
        (
            {
                "usage": {
                    "input_tokens": 1,
                    "cache_creation_input_tokens": 20,
                    "cache_read_input_tokens": 300,
                    "output_tokens": 2,
                }
            },
            known(321, 2),
        ),
        (
            {
                "type": "response.completed",
                "response": {"usage": {"input_tokens": 7, "output_tokens": 2}},
            },
            known(7, 2),
        ),
        (
            {
                "type": "message_start",
                "message": {"usage": {"input_tokens": 7, "output_tokens": 1}},
            },
            known(7, 1),
        ),
        ({"type": "message_delta", "usage": {"output_tokens": 2}}, known(None, 2)),
        ({"usage": None}, NOT_KNOWN),
        ({"usage": [1, 2]}, NOT_KNOWN),
        ({"choices": []}, NOT_KNOWN),
        ([{"usage": {"prompt_tokens": 7}}], NOT_KNOWN),
        ("usage", NOT_KNOWN),
        (None, NOT_KNOWN),
    ],
)
def test_each_form_of_answer_is_read(content: Any, expected: Usage) -> None:
    """Chat, embeddings, responses and messages, whole or as events, say what they used."""
    assert usage_of(content) == expected


@pytest.mark.parametrize("value", [-1, True, 1.5, "7", 2**40, None, [7]])
def test_only_whole_numbers_count(value: object) -> None:
    """What is no number from 0 upwards is not known, and makes nothing cheaper."""
    assert usage_of({"usage": {"prompt_tokens": value, "completion_tokens": value}}) == NOT_KNOWN


def test_events_of_a_stream_count_up() -> None:
    """Of two events the larger number of each counts, whichever came first."""
    start, end = known(7, 1), known(None, 50)
    assert joined(start, end) == joined(end, start) == known(7, 50)
    assert joined(NOT_KNOWN, NOT_KNOWN) == NOT_KNOWN
