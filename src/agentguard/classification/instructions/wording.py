# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a wording that speaks to a model, and how is it looked for?

INVARIANT: without one of its words a wording is not looked for
(tests/classification/test_instructions.py).
"""

import re
from typing import NamedTuple

from agentguard.classification.classes import INSTRUCTIONS
from agentguard.classification.engine import Rule, deferred

# How far behind a word, in bytes, a wording goes on.
_WIDTH = 480

# Lines are wrapped and indented anywhere, so a blank between two words may be several.
_BLANKS = r"\s{1,12}"
_MAYBE_BLANKS = r"\s{0,12}"
_ATOM = re.compile(r"\\.|\[\^?(?:\\.|[^\]\\])*\]| |[^\\\[ ]+")
_REPEATED = ("{", "*", "+")


class Wording(NamedTuple):
    """A wording, and the words without which it does not stand.

    ``before`` says how far before one of them, in bytes, it may begin.
    """

    name: str
    keywords: tuple[str, ...]
    pattern: str
    before: int = 0

    def rule(self) -> Rule:
        """Return the rule that finds it, in any case; its pattern is compiled when needed."""
        return Rule(
            name=f"{INSTRUCTIONS}:{self.name}",
            data_class=INSTRUCTIONS,
            pattern=deferred(_wrapped(self.pattern), any_case=True),
            keywords=self.keywords,
            any_case=True,
            before=self.before,
            width=_WIDTH,
        )


def _wrapped(pattern: str) -> str:
    """Return a pattern in which every blank between words may be the end of a line."""
    parts = _ATOM.findall(pattern)
    for index, part in enumerate(parts):
        after = parts[index + 1] if index + 1 < len(parts) else ""
        if part not in (" ", r"\s"):
            continue
        if after.startswith("?"):
            parts[index], parts[index + 1] = _MAYBE_BLANKS, after[1:]
        elif not after.startswith(_REPEATED):
            parts[index] = _BLANKS
    return "".join(parts)
