# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What is a documented format?

The shape of a row, and the pieces of patterns that many rows share.
"""

from dataclasses import dataclass, fields

from agentguard.classification.engine import Rule, Scope, linear

# A token begins behind what is no word character, and behind an escape or an underscore, whose last
# character would make it look like the inside of a word.
START = r"(?:\b|_|\\[bfnrt]|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}|%[0-9A-Fa-f]{2})"
LONGEST_START = 6
ASSIGNED = r"""["']?\s{0,8}(?:=>|:=|==|=|:|\s)\s{0,8}["']?"""
# In lists of variables a word or two stand between a name and its value: its type, or "value:".
BETWEEN = r"""(?:[A-Za-z_]{1,16}["']?\s{0,2}[:=,]?\s{1,8}["']?){0,2}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenFormat(Scope):
    """One documented format.

    Attributes:
        pattern: in the dialect of RE2.
        documentation: the page that the pattern was written from.
    """

    pattern: str
    documentation: str

    def rule(self) -> Rule:
        """Return the rule that finds this format."""
        scope = {each.name: getattr(self, each.name) for each in fields(Scope)}
        return Rule(pattern=linear(self.pattern), **scope)
