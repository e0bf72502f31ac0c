# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a wording that speaks to a model, and how is it looked for?

INVARIANT: without one of its words a wording is not looked for
(tests/classification/test_instructions.py).
"""

from typing import NamedTuple

from agentguard.classification.classes import INSTRUCTIONS
from agentguard.classification.engine import Rule, deferred

# How far behind a word, in bytes, a wording goes on.
_WIDTH = 400


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
            pattern=deferred(self.pattern, any_case=True),
            keywords=self.keywords,
            any_case=True,
            before=self.before,
            width=_WIDTH,
        )
