# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is sensitive only when the pieces of a payload are read together?

A private key as an array of its lines, or a secret in the member behind the one that names it:
no piece gives it away alone. Puts the strings of a payload together, one a line, and says which
part of which piece a finding covers.
It hides nothing, and does not walk the payload.

INVARIANT: where a finding spans pieces, encoded material in any of them is covered, and the words
of the payload's structure between them, such as roles, are not (tests/redaction/test_pieces.py).
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate

from agentguard.vocabulary import Finding

Span = tuple[int, int, str]

# What names a secret in a member of its own, such as ``{"name": "AWS_SECRET_ACCESS_KEY", ...``.
_NAMED = re.compile(r"(?i)(?:secret|account)[_\-. ]?(?:access)?[_\-. ]?key")
# What these find depends on words nearby, and texts that have nothing to do with one another lie
# side by side. A name counts that stands in one of the members before.
_NEAR = frozenset({"contextual:near_name", "phone_number"})
_NAME = re.compile(
    r"(?i)[\w .:/-]{0,48}(?:key|token|secret|passw|pwd|auth|cred|phone|tel)[\w .:/-]{0,48}"
)
_MEMBERS = 3
# A piece that is a line of a key, and one that holds a whole key's lines between other text.
_LINE = re.compile(r"\s*(?:[A-Za-z0-9+/=]{16,}|(?![a-z]+\s*\Z)[A-Za-z0-9+/=]{1,15})\s*")
_LONG_RUN = re.compile(r"[A-Za-z0-9+/=]{40}|PRIVATE KEY|PuTTY-User-Key-File-|Private-(?:MAC|Hash)")


def names_a_secret(pieces: Sequence[str]) -> bool:
    """Say whether a piece may be the name of a secret that stands in another."""
    text = "\n".join(pieces)
    lowered = text.lower()
    return ("secret" in lowered or "account" in lowered) and _NAMED.search(text) is not None


def found_across(
    pieces: Sequence[str], find: Callable[[str], Sequence[Finding]]
) -> Mapping[int, list[Span]]:
    """Return what *find* finds in all pieces together, by the index of the piece, sorted.

    Args:
        pieces: the strings of a payload in order.
        find: returns sorted findings that do not overlap.
    """
    starts = [0, *accumulate(len(piece) + 1 for piece in pieces)]
    spans: dict[int, list[Span]] = {}
    for finding in find("\n".join(pieces)):
        first = bisect_right(starts, finding.start) - 1
        last = bisect_right(starts, finding.end - 1) - 1
        for index in range(first, last + 1):
            begin = max(finding.start - starts[index], 0)
            end = min(finding.end - starts[index], len(pieces[index]))
            if begin < end and (
                (first == last and _is_named(finding, pieces, index))
                or _is_material(pieces[index][begin:end])
            ):
                spans.setdefault(index, []).append((begin, end, finding.data_class))
    return spans


def _is_named(finding: Finding, pieces: Sequence[str], index: int) -> bool:
    """Say whether what was found near a word of another piece stands behind a mere name."""
    if finding.detector not in _NEAR:
        return True
    return any(map(_NAME.fullmatch, pieces[max(0, index - _MEMBERS) : index]))


def _is_material(covered: str) -> bool:
    return _LINE.fullmatch(covered) is not None or _LONG_RUN.search(covered) is not None
