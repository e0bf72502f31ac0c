# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which libraries look for patterns here?

It names the engines and says which one is installed; what they do stands in ``patterns`` and
``words``.

INVARIANT: all engines find the same in the same text
(tests/classification/test_engine_equivalence.py).
"""

import functools
from enum import StrEnum


class Engine(StrEnum):
    """The libraries that look for words and patterns, from the slowest to the fastest."""

    # The standard library alone.
    PORTABLE = "portable"
    # ahocorasick_rs and google-re2.
    DEFAULT = "default"
    # These, behind a database of hyperscan that holds all patterns.
    FAST = "fast"


@functools.cache
def installed() -> Engine:
    """Return the engine that is ready at once with the libraries that can be imported.

    ``FAST`` is not among them: its database takes a second to compile.
    """
    try:
        import ahocorasick_rs  # noqa: F401 - asked whether it is there
        import re2  # noqa: F401 - asked whether it is there
    except ImportError:
        return Engine.PORTABLE
    return Engine.DEFAULT
