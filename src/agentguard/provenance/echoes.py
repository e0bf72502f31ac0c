# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which of the user's words only repeat what untrusted content said before?

A message that quotes an e-mail does not make the e-mail the user's words. Passages count that are
lines or sentences of some length, or that hold an address beside other words; a shorter repetition
is how people talk about what they read.

INVARIANT: only what was heard before can be repeated (tests/provenance/test_repeated_words.py).
"""

import re
from collections.abc import Iterator, Sequence

from agentguard.provenance.addresses import address_keys
from agentguard.provenance.normal import folded
from agentguard.provenance.said import Said
from agentguard.provenance.tokens import tokens_of

_ENDS = re.compile(r"\n+|(?<=[.!?\u3002])\s+|(?<=:)\s+|\"|(?<!\w)'|'(?!\w)")
# So many words in a row are a repetition.
RUN = 6
_WITH_ADDRESS = 3
_STEP = 3
_LONGEST_RUN = 60
# In longer messages every run is looked for at once.
_LONG = 300


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
    words = [folded(" ".join(tokens_of(passage))).split() for passage in passages]
    repeated = _in_runs(words, untrusted)
    repeated.update(
        number for number, passage in enumerate(passages) if _names_again(passage, untrusted)
    )
    if repeated:
        # Beside a repetition short lines are parts of it, such as the head of a mail.
        repeated.update(
            number for number, run in enumerate(words) if run and _stands(run, untrusted)
        )
    new = (passage for number, passage in enumerate(passages) if number not in repeated)
    return "".join(new), "".join(passages[number] for number in sorted(repeated))


def _stands(words: Sequence[str], untrusted: Said) -> bool:
    return f" {' '.join(words)} " in untrusted


def _names_again(passage: str, untrusted: Said) -> bool:
    """Say whether a passage that names an address beside other words is said again."""
    written = tokens_of(passage)
    if len(written) < _WITH_ADDRESS or not any(address_keys(token) for token in written):
        return False
    return _stands(folded(" ".join(written)).split(" "), untrusted)


def _in_runs(words: Sequence[Sequence[str]], untrusted: Said) -> set[int]:
    """Return the numbers of the passages through which a run of repeated words goes."""
    flat = [word for run in words for word in run]
    numbers = [number for number, run in enumerate(words) for _ in run]
    if len(flat) > _LONG:
        return {numbers[place] for place in _in_long(flat, untrusted)}
    found: set[int] = set()
    for at in range(0, len(flat) - _STEP + 1, _STEP):
        if _stands(flat[at : at + _STEP], untrusted):
            found.update(numbers[place] for place in _run_through(flat, at, untrusted))
    return found


def _in_long(words: Sequence[str], untrusted: Said) -> Iterator[int]:
    """Yield the places of repeated words in a long message: one pass over all that was said."""
    runs = {tuple(words[at : at + RUN]) for at in range(len(words) - RUN + 1)}
    said: set[tuple[str, ...]] = set()
    for passage in untrusted.passages():
        others = passage.joined.split()
        said.update(
            run for at in range(len(others)) if (run := tuple(others[at : at + RUN])) in runs
        )
    for at in range(len(words) - RUN + 1):
        if tuple(words[at : at + RUN]) in said:
            yield from range(at, at + RUN)


def _run_through(words: Sequence[str], at: int, untrusted: Said) -> range:
    """Return the places of the run of repeated words that goes through one; empty if it is short."""
    first, end = at, at + _STEP
    while first and _stands(words[first - 1 : end], untrusted):
        first -= 1
    while (
        end < len(words)
        and end - first < _LONGEST_RUN
        and _stands(words[first : end + 1], untrusted)
    ):
        end += 1
    return range(first, end) if end - first >= RUN else range(0)
