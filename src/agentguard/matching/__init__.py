# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a text matched against patterns and words, with the libraries that are installed?

    engines         which libraries look, and which of them are installed
    patterns        one pattern of the dialect of RE2 over bytes
    words           many words at once, in text or in bytes
    translation     a pattern of RE2 in the dialect of ``re``
    unicode_ranges  the classes of Unicode that ``re`` does not know

It knows nothing of what is looked for. All engines find the same.
"""

from agentguard.matching.engines import Engine, installed
from agentguard.matching.patterns import Find, Linear, Match, Pattern, Spans, deferred, linear
from agentguard.matching.words import Occurrences, automaton

__all__ = [
    "Engine",
    "Find",
    "Linear",
    "Match",
    "Occurrences",
    "Pattern",
    "Spans",
    "automaton",
    "deferred",
    "installed",
    "linear",
]
