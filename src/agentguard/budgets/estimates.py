# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What can a model call use up at most, and what does that cost?

A token stands for a byte of text at least, and JSON around a message is longer than what a
provider puts around it, so that the bytes of a request are a bound of its tokens. It does not hold
for what a provider adds from its own side: stored prompts, earlier turns, images, tools that run
there. What they use is known only afterwards.

INVARIANT: money is rounded up, to a billionth (tests/budgets/test_budget_estimates.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Context, Decimal

from agentguard.canonical import Frozen, canonical_bytes
from agentguard.vocabulary import MONEY_UNIT, ModelCall

# Of the module's own: the host may have set another precision for its threads.
_EXACT = Context(prec=80)
_MILLION = 10**6

_OUTPUT_LIMITS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
_TIMES = ("n", "best_of")
_WITHOUT_OUTPUT = frozenset({"/embeddings", "/moderations"})
_MOST = 2**40


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a million tokens cost, and what a call costs, in units of money."""

    tokens_in: Decimal = Decimal(0)
    tokens_out: Decimal = Decimal(0)
    call: Decimal = Decimal(0)

    def cost(self, tokens_in: int, tokens_out: int) -> int:
        """Return what a call with that many tokens costs, in billionths, rounded up."""
        read = _EXACT.multiply(self.tokens_in, tokens_in)
        written = _EXACT.multiply(self.tokens_out, tokens_out)
        tokens = _EXACT.divide(_EXACT.add(read, written), _MILLION)
        billionths = _EXACT.multiply(_EXACT.add(tokens, self.call), MONEY_UNIT)
        return int(billionths.to_integral_value(rounding=ROUND_CEILING))


def input_bound(call: ModelCall) -> int:
    """Return how many tokens a request holds at most: as many as it has bytes."""
    attached = sum(len(each.content) for each in call.attachments)
    return len(canonical_bytes(call.payload)) + attached


def output_bound(call: ModelCall) -> int | None:
    """Return how many tokens may come back at most; None where the request does not say."""
    if call.path in _WITHOUT_OUTPUT:
        return 0
    if not isinstance(call.payload, Mapping):
        return None
    limits = [_count(call.payload.get(name)) for name in _OUTPUT_LIMITS]
    known = [each for each in limits if each is not None]
    if not known:
        return None
    times = max(_count(call.payload.get(name)) or 1 for name in _TIMES)
    return max(known) * times * _prompts(call.payload.get("prompt"))


def _prompts(prompt: Frozen) -> int:
    """Return how many texts are to be gone on with, each of them as often as is asked for."""
    several = isinstance(prompt, tuple) and any(isinstance(each, str | tuple) for each in prompt)
    return len(prompt) if several and isinstance(prompt, tuple) else 1


def _count(value: Frozen) -> int | None:
    return value if type(value) is int and 0 < value < _MOST else None
