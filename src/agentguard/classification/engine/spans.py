# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How do findings of many detectors become one list that covers everything once?

Merges overlapping findings into covering ones, and turns offsets in UTF-8 bytes into offsets in
characters.

INVARIANT: the merged findings cover every character that some finding covered
(tests/classification/test_spans.py).
"""

from collections.abc import Callable, Iterable

from agentguard.vocabulary import Finding

Rank = Callable[[Finding], tuple[int, ...]]


def merge(
    findings: Iterable[Finding], rank: Rank, *, yields: Callable[[Finding], bool] = lambda _: False
) -> tuple[Finding, ...]:
    """Return sorted findings that do not overlap and cover the same characters.

    Args:
        findings: in any order.
        rank: the least rank among overlapping findings gives class and detector.
        yields: says which finding's class is not told where one of less rank covers all of it.
    """
    merged: list[Finding] = []
    group: list[Finding] = []
    end = -1
    for finding in sorted(findings, key=lambda found: (found.start, -found.end)):
        if group and finding.start >= end:
            merged.append(_covering(group, end, rank, yields))
            group = []
        end = max(end, finding.end) if group else finding.end
        group.append(finding)
    if group:
        merged.append(_covering(group, end, rank, yields))
    return tuple(merged)


def _covering(
    group: list[Finding], end: int, rank: Rank, yields: Callable[[Finding], bool]
) -> Finding:
    if len(group) == 1:
        return group[0]
    first = min(group, key=rank)
    told = [
        each
        for each in group
        if not (yields(each) and first.start <= each.start and each.end <= first.end)
    ]
    names = {first.data_class}.union(*({each.data_class} | each.covers for each in told))
    return Finding(
        start=group[0].start,
        end=end,
        data_class=first.data_class,
        detector=first.detector,
        covers=frozenset(names - {first.data_class}),
    )


def to_characters(data: bytes, offsets: Iterable[int]) -> dict[int, int]:
    """Map offsets in UTF-8 bytes to offsets in characters, in one pass.

    An offset inside a character maps to the next character, as the end of a span does; move the
    start of a span to the first byte of its character beforehand (``character_start``).
    """
    mapping: dict[int, int] = {}
    last = count = 0
    for offset in sorted(set(offsets)):
        whole = offset
        while whole < len(data) and data[whole] & 0xC0 == 0x80:  # noqa: PLR2004 - UTF-8
            whole += 1
        count += len(data[last:whole].decode("utf-8"))
        last = whole
        mapping[offset] = count
    return mapping


def character_start(data: bytes, offset: int) -> int:
    """Return the first byte of the character that the byte at *offset* belongs to."""
    while 0 < offset < len(data) and data[offset] & 0xC0 == 0x80:  # noqa: PLR2004 - UTF-8
        offset -= 1
    return offset
