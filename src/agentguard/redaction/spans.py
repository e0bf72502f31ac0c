# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is left of the places to hide when others must stay?

INVARIANT: nothing that must stay is covered, and everything else still is
(tests/redaction/test_spans_left.py).
"""

from agentguard.redaction.pieces import Span


def without(found: list[Span], kept: list[Span]) -> list[Span]:
    """Cut what must stay out of the spans; both lists are sorted."""
    if not kept:
        return found
    rest: list[Span] = []
    for start, end, name in found:
        begin = start
        for first, last, _ in kept:
            if last <= begin or first >= end:
                continue
            if begin < first:
                rest.append((begin, first, name))
            begin = last
        if begin < end:
            rest.append((begin, end, name))
    return rest
