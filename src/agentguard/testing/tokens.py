# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How many tokens does the provider say that it used?

Counts that grow with the text; no tokeniser stands behind them.
"""

import json
from typing import Any

from agentguard.testing.answers import Answer

_CHARACTERS_A_TOKEN = 4


def tokens_in(value: Any) -> int:
    """Return how many tokens a part of a request is said to have."""
    text = value if isinstance(value, str) else json.dumps(value)
    return 1 + len(text) // _CHARACTERS_A_TOKEN


def tokens_out(answer: Answer) -> int:
    """Return how many tokens an answer is said to have."""
    said = (answer.text, answer.refusal, answer.reasoning, *(t.text for t in answer.tool_calls))
    return 1 + sum(len(text or "") for text in said) // _CHARACTERS_A_TOKEN
