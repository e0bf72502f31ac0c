# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which lines of the user's message are somebody else's, as mail programs mark them?

A mail that is pasted before any tool has read it repeats nothing that was heard, but its lines
begin with ``>``, or follow a line that says that a message was forwarded. Text that is pasted
without such a mark cannot be told from what the user wrote.

INVARIANT: every character of a message is either the user's or quoted
(tests/provenance/test_quoted.py).
"""

import re

_QUOTED = re.compile(r"\s*>")
_FORWARDED = re.compile(
    r"\s*(?:-{2,}\s*(?:original|forwarded) message\s*-{2,}|begin forwarded message:)\s*",
    re.IGNORECASE,
)


def without_quotes(text: str) -> tuple[str, str]:
    """Return what of a user's normalised text is the user's, and what is quoted."""
    own: list[str] = []
    quoted: list[str] = []
    forwarded = False
    for line in text.splitlines(keepends=True):
        forwarded = forwarded or _FORWARDED.fullmatch(line) is not None
        (quoted if forwarded or _QUOTED.match(line) else own).append(line)
    return "".join(own), "".join(quoted)
