# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How much of a text has to stand around what was decoded in it?

Makes one view of all places of a text that can be decoded, each with what stands around it, so
that a name in front of a value is still seen. What is further away was looked at in the text.

INVARIANT: a view is not longer than its text and the decoded places
(tests/classification/test_views.py).
"""

from collections.abc import Iterable

from agentguard.classification.views.view import Copy, Site, View

AROUND = 512
# As far as a window is widened so that it does not begin or end inside a word.
LONGEST_WORD = 8192


def view_around(text: str, sites: Iterable[Site]) -> View | None:
    """Return a view of the text around the sites, None when there are none.

    Args:
        text: the text.
        sites: sorted; they do not overlap.
    """
    copy, behind, stop = Copy(text), 0, -1
    for site in sites:
        if site.start >= stop:
            begin = _begin(text, site.start)
            if begin > stop:
                copy.keep(behind, stop)
                copy.part()
                behind = begin
        copy.keep(behind, site.start)
        copy.put(site)
        behind = site.end
        if stop < behind + AROUND:
            stop = _stop(text, behind)
    if stop < 0:
        return None
    copy.keep(behind, stop)
    return copy.view()


def _begin(text: str, place: int) -> int:
    last = max(0, place - AROUND)
    if last == 0:
        return 0
    first = max(0, last - LONGEST_WORD)
    return max(text.rfind(" ", first, last), text.rfind("\n", first, last), first)


def _stop(text: str, place: int) -> int:
    # Twice as far as needed, so that many sites do not look for many ends.
    first = min(len(text), place + 2 * AROUND)
    last = min(len(text), first + LONGEST_WORD)
    ends = [end for end in (text.find(" ", first, last), text.find("\n", first, last)) if end >= 0]
    return min(ends, default=last)
