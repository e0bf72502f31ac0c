# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How many tokens did a call use, as its answer says?

Reads the member ``usage`` of chat completions, responses, messages and embeddings, whole or as
an event of a stream. What an answer does not say is not known, and is not guessed.

INVARIANT: only whole numbers from 0 upwards count (tests/budgets/test_budget_usage.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# More than any model reads or writes in one call.
MOST_TOKENS = 2**40

_HOLDERS = ("response", "message")
_CACHED = ("cache_creation_input_tokens", "cache_read_input_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """How many tokens went in and came out; None where that is not known."""

    tokens_in: int | None = None
    tokens_out: int | None = None


NOT_KNOWN = Usage()


def usage_of(content: Any) -> Usage:
    """Return what an answer, or an event of one, says was used."""
    if not isinstance(content, Mapping):
        return NOT_KNOWN
    usage = content.get("usage")
    for holder in _HOLDERS:
        inside = content.get(holder)
        if usage is None and isinstance(inside, Mapping):
            usage = inside.get("usage")
    if not isinstance(usage, Mapping):
        return NOT_KNOWN
    return Usage(tokens_in=_in(usage), tokens_out=_out(usage))


def joined(one: Usage, other: Usage) -> Usage:
    """Return what two events of one answer say together: each counts up from its beginning."""
    return Usage(
        tokens_in=_larger(one.tokens_in, other.tokens_in),
        tokens_out=_larger(one.tokens_out, other.tokens_out),
    )


def _in(usage: Mapping[str, Any]) -> int | None:
    prompt = _count(usage.get("prompt_tokens"))
    if prompt is not None:
        return prompt
    plain = _count(usage.get("input_tokens"))
    if plain is None:
        return None
    return plain + sum(_count(usage.get(name)) or 0 for name in _CACHED)


def _out(usage: Mapping[str, Any]) -> int | None:
    """Return what came out, hidden reasoning included, which some count in the total alone."""
    said = _first(usage, "completion_tokens", "output_tokens")
    read, total = _first(usage, "prompt_tokens", "input_tokens"), _count(usage.get("total_tokens"))
    if read is None or total is None:
        return said
    return _larger(said, max(0, total - read))


def _first(usage: Mapping[str, Any], *names: str) -> int | None:
    counts = (_count(usage.get(name)) for name in names)
    return next((each for each in counts if each is not None), None)


def _count(value: object) -> int | None:
    if type(value) is int and 0 <= value < MOST_TOKENS:
        return value
    return None


def _larger(one: int | None, other: int | None) -> int | None:
    known = [each for each in (one, other) if each is not None]
    return max(known, default=None)
