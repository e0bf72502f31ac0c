# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a request can use at most is bounded by what it holds and asks for."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.budgets import Price, input_bound, output_bound
from agentguard.canonical import Frozen, canonical_bytes
from agentguard.vocabulary import Attachment, ModelCall


def call(path: str = "/chat/completions", /, **payload: Frozen) -> ModelCall:
    """A request that holds this."""
    return ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path=path,
        origin="https://api.example:443",
        model="m",
        payload=payload,
    )


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (call(), None),
        (call(max_tokens=10), 10),
        (call(max_completion_tokens=10), 10),
        (call(max_output_tokens=10), 10),
        (call(max_tokens=10, max_completion_tokens=30), 30),
        (call(max_tokens=10, n=3), 30),
        (call(max_tokens=10, n=2, best_of=5), 50),
        (call(max_tokens=10, prompt=("a", "b", "c")), 30),
        (call(max_tokens=10, prompt=((1, 2), (3,))), 20),
        (call(max_tokens=10, prompt=(1, 2, 3)), 10),
        (call(max_tokens=10, prompt="abc"), 10),
        (call(max_tokens="10"), None),
        (call(max_tokens=-10), None),
        (call(max_tokens=0), None),
        (call(max_tokens=True), None),
        (call(max_tokens=2**40), None),
        (call("/embeddings", input="a"), 0),
        (call("/moderations", input="a"), 0),
    ],
)
def test_what_may_come_back_is_what_was_asked_for(asked: ModelCall, expected: int | None) -> None:
    """The limits of a request bound its answer; without one nothing does."""
    assert output_bound(asked) == expected


def test_a_request_has_no_more_tokens_than_bytes() -> None:
    """The payload counts as it is written, and what is attached as well."""
    plain = call(messages=({"role": "user", "content": "hällo"},))
    assert input_bound(plain) == len(canonical_bytes(plain.payload))
    image = Attachment(pointer="/x", data_class="image", label="image", content=b"1234567")
    attached = ModelCall(
        id="c",
        operation="chat",
        verb="POST",
        path="/chat/completions",
        origin="https://api.example:443",
        model="m",
        payload=plain.payload,
        attachments=(image,),
    )
    assert input_bound(attached) == input_bound(plain) + 7


AMOUNTS = st.decimals(0, 10**6, allow_nan=False, places=12)


@settings(deadline=None)
@given(AMOUNTS, AMOUNTS, AMOUNTS, st.integers(0, 2**40), st.integers(0, 2**40))
def test_money_is_rounded_up_to_a_billionth(
    read: Decimal, written: Decimal, once: Decimal, tokens_in: int, tokens_out: int
) -> None:
    """A cost is never less than it is, and more by less than a billionth."""
    cost = Price(tokens_in=read, tokens_out=written, call=once).cost(tokens_in, tokens_out)
    tokens = Fraction(read) * tokens_in + Fraction(written) * tokens_out
    exact = (tokens / 10**6 + Fraction(once)) * 10**9
    assert exact <= cost < exact + 1
