# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""In which form are two texts compared?

Letters that only look alike stay different: a name in other letters leads somewhere else.

INVARIANT: normalising twice changes nothing more (tests/provenance/test_normal.py).
"""

import re
import unicodedata

# Characters that nobody sees. They can carry anything, so a value that holds one is nobody's word.
_HIDDEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000e0000-\U000e0fff]"
)
_SAME = str.maketrans(
    dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u2e3a\u2e3b", "-")
    | dict.fromkeys("\u2018\u2019\u201a\u201b\u2032\u02bc\u2039\u203a", "'")
    | dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\u00ab\u00bb", '"')
)


def normalise(text: str) -> str:
    """Return a text in the form in which tokens are looked for; upper and lower case are kept."""
    if text.isascii():
        return text
    shown = _HIDDEN.sub("", text)
    return unicodedata.normalize("NFKC", shown).translate(_SAME)


def folded(text: str) -> str:
    """Return a normalised text without the difference between upper and lower case."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", text.casefold())


def hides(text: str) -> bool:
    """Say whether a text holds characters that nobody sees."""
    return not text.isascii() and _HIDDEN.search(text) is not None
