# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is a text searched for very many patterns at once?

    rules     keyword gate, windows, matches
    keywords  keywords in any case, for an automaton that knows no cases
    alarms    the database of the fast engine: which patterns may match at all
    spans     merging, and offsets in bytes and characters

It knows nothing of any format.
"""

from agentguard.classification.engine.rules import (
    NOTHING,
    Confirm,
    Rule,
    RuleSet,
    Scope,
    whole,
)
from agentguard.classification.engine.spans import character_start, merge, to_characters
from agentguard.matching import Engine, Match, Pattern, automaton, deferred, installed, linear

__all__ = [
    "NOTHING",
    "Confirm",
    "Engine",
    "Match",
    "Pattern",
    "Rule",
    "RuleSet",
    "Scope",
    "automaton",
    "character_start",
    "deferred",
    "installed",
    "linear",
    "merge",
    "to_characters",
    "whole",
]
