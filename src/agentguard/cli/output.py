# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a command say what it found?

INVARIANT: text that came from a call or from the store is shown with its control and direction
characters made visible, so that it cannot pretend to be something else
(tests/cli/test_approvals_command.py).
"""

import json
import unicodedata
from collections.abc import Sequence
from typing import Any

_MOST_SHOWN = 5

# Categories of characters that are not shown as they are: control, format, line and paragraph
# separators, private use, unassigned, surrogates.
_HIDDEN = {"Cc", "Cf", "Zl", "Zp", "Co", "Cn", "Cs"}


class CommandFailed(Exception):
    """A command cannot be carried out; the message says why and what to do."""


def print_json(value: Any) -> None:
    """Print a value as JSON with sorted keys."""
    print(json.dumps(value, indent=2, sort_keys=True))


def shortened(names: Sequence[str]) -> str:
    """Return a list of names, and of a long one how many more there are."""
    shown, more = ", ".join(names[:_MOST_SHOWN]), len(names) - _MOST_SHOWN
    return f"{shown} and {more} more" if more > 0 else shown


def visible(text: str) -> str:
    """Return *text* with every character that a reader could not see written as an escape."""
    return "".join(
        char if unicodedata.category(char) not in _HIDDEN else f"\\u{{{ord(char):04x}}}"
        for char in text
    )
