# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is left of the places to hide when others must stay?

INVARIANT: nothing that must stay is covered, and everything else still is
(tests/redaction/test_spans_left.py).
"""

from agentguard.redaction.pieces import Span


def without(found: list[Span], kept: list[Span]) -> list[Span]:
    """Cut what must stay out of the spans.

    Args:
        found: sorted; they may overlap.
        kept: sorted; they do not overlap.
    """
    if not kept:
        return found
    rest: list[Span] = []
    passed = 0
    for start, end, name in found:
        while passed < len(kept) and kept[passed][1] <= start:
            passed += 1
        begin, at = start, passed
        while at < len(kept) and kept[at][0] < end:
            first, last, _ = kept[at]
            if begin < first:
                rest.append((begin, first, name))
            begin, at = last, at + 1
        if begin < end:
            rest.append((begin, end, name))
    return rest
