# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which of the user's words only repeat what untrusted content said before?

A message that quotes an e-mail does not make the e-mail the user's words. Passages count that are
lines or sentences of some length, or that hold an address beside other words; a shorter repetition
is how people talk about what they read.

INVARIANT: only what was heard before can be repeated (tests/provenance/test_echoes.py).
"""

import re
from collections.abc import Iterator

from agentguard.provenance.addresses import address_keys
from agentguard.provenance.normal import folded
from agentguard.provenance.said import Said
from agentguard.provenance.tokens import tokens_of

_ENDS = re.compile(r"\n+|(?<=[.!?\u3002])\s+|(?<=:)\s+|\"|(?<!\w)'|'(?!\w)")
# So many words in a row are a repetition.
RUN = 6
_WITH_ADDRESS = 3
_STEP = 3
# Longer passages are compared at fewer places.
_MOST_PROBES = 400


def passages_of(text: str) -> Iterator[str]:
    """Yield the lines, sentences and quotations of a normalised text, with what separates them."""
    at = 0
    for match in _ENDS.finditer(text):
        yield text[at : match.end()]
        at = match.end()
    yield text[at:]


def without_echoes(text: str, untrusted: Said) -> tuple[str, str]:
    """Return what of a user's text is new, and what was said by untrusted content before."""
    if not untrusted:
        return text, ""
    passages = list(passages_of(text))
    repeats = [_repeats(passage, untrusted) for passage in passages]
    if any(repeats):
        # Beside a repetition short lines are parts of it, such as the head of a mail.
        repeats = [
            known or _stands(passage, untrusted)
            for known, passage in zip(repeats, passages, strict=True)
        ]
    split = list(zip(passages, repeats, strict=True))
    new = (passage for passage, known in split if not known)
    return "".join(new), "".join(passage for passage, known in split if known)


def _stands(passage: str, untrusted: Said) -> bool:
    words = folded(" ".join(tokens_of(passage)))
    return bool(words) and f" {words} " in untrusted


def _repeats(passage: str, untrusted: Said) -> bool:
    written = tokens_of(passage)
    words = folded(" ".join(written)).split(" ")
    if len(written) < _WITH_ADDRESS:
        return False
    whole = len(words) >= RUN or any(address_keys(token) for token in written)
    if whole and f" {' '.join(words)} " in untrusted:
        return True
    if len(words) <= RUN:
        return False
    step = max(_STEP, len(words) // _MOST_PROBES)
    return any(_holds_run(words, at, untrusted) for at in range(0, len(words) - _STEP + 1, step))


def _holds_run(words: list[str], at: int, untrusted: Said) -> bool:
    """Say whether a run of repeated words goes through a place."""
    if f" {' '.join(words[at : at + _STEP])} " not in untrusted:
        return False
    first = max(0, at - RUN + _STEP)
    return any(
        f" {' '.join(words[start : start + RUN])} " in untrusted
        for start in range(first, min(at, len(words) - RUN) + 1)
    )
