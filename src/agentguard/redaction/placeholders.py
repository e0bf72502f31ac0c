# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in a text instead of a value, and what only looks like it?

A placeholder is a label and eight characters of base 32 between double brackets,
``[[EMAIL:7KQ2M4XA]]``: ASCII, the same in JSON, XML, Markdown, shell and SQL.
With ``#`` instead of the colon it is a mark, which is never turned back.

INVARIANT: an escaped text holds nothing that looks like a placeholder, damaged ones included
(tests/redaction/test_placeholders.py).
"""

import re

PLACEHOLDER = re.compile(r"\[\[[A-Z][A-Z0-9_.-]{0,63}[:#][A-Z2-7]{8}\]\]")

# A model may change the case, lose a character or add a blank; such a text is no longer data.
PLACEHOLDER_LIKE = re.compile(
    r"\[\[\s{0,8}[A-Za-z][A-Za-z0-9_.-]{0,63}\s{0,8}[:#]\s{0,8}[A-Za-z0-9]{4,12}\s{0,8}\]\]"
)


def find_placeholders(text: str) -> list[tuple[int, int, str]]:
    """Return start, end and text of each well-formed placeholder or mark."""
    if "[[" not in text:
        return []
    return [(*match.span(), match.group()) for match in PLACEHOLDER.finditer(text)]


def escape_placeholders(text: str) -> str:
    """Make everything that looks like a placeholder inert: ``[[A:B]]`` becomes ``[{A:B}]``."""
    if "[[" not in text:
        return text
    return PLACEHOLDER_LIKE.sub(lambda match: escaped(match.group()), text)


def escaped(placeholder: str) -> str:
    """Return the inert form of one text that looks like a placeholder."""
    return f"[{{{placeholder[2:-2]}}}]"


def as_mark(placeholder: str) -> str:
    """Return the mark that belongs to a placeholder."""
    return placeholder.replace(":", "#", 1)


def as_placeholder(mark: str) -> str:
    """Return the placeholder that a mark belongs to; a placeholder stays as it is."""
    return mark.replace("#", ":", 1)
