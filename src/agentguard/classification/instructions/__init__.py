# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text speak to a model instead of to its reader?

What tools give back and what describes them is content; a sentence in it that takes the model's
earlier instructions back, poses as a turn of the conversation, speaks to an assistant by name,
tells it to keep something from the user, or says what its answer must say, is none. The common
wordings of that, in the languages that are spoken most, each behind words without which nothing is
looked at.

    wording          what a wording is
    english          those of English, and of no language
    other_languages  those of other languages

It judges wordings, not intentions: a lie in plain prose is no instruction, and a wording that
nobody has used yet is not known here.

INVARIANT: what is ordinary prose is not found, and the time grows with the text alone
(tests/classification/test_instructions.py).
"""

from agentguard.classification.engine import Rule
from agentguard.classification.instructions.english import ENGLISH
from agentguard.classification.instructions.other_languages import OTHER_LANGUAGES

__all__ = ["instruction_rules"]


def instruction_rules() -> tuple[Rule, ...]:
    """Return what finds sentences that speak to a model."""
    return tuple(wording.rule() for wording in (*ENGLISH, *OTHER_LANGUAGES))
