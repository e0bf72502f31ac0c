# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is this an e-mail address?"""

import re
from collections.abc import Iterable

from agentguard.classification.engine import NOTHING

_FILE_SUFFIXES = frozenset(
    b"png jpg jpeg gif svg webp avif ico css js mjs cjs ts tsx jsx json html htm map txt md "
    b"py pyc rst toml yaml yml xml pdf zip gz tgz tar whl lock".split()
)


# The name of a file has only numbers before its suffix: ``icon@2x.png``, ``pkg@4.17.21.tgz``.
_NUMBERED = re.compile(rb"[0-9]+x?(?:\.[0-9]+x?)*")
_REPOSITORY = re.compile(rb"(?::[\w.~-]*)?/[\w.~-]")


def confirmed(data: bytes, start: int, end: int) -> Iterable[tuple[int, int]]:
    """Confirm an e-mail address: not a file such as ``icon@2x.png``, not a repository's login."""
    local, _, domain = data[start:end].rpartition(b"@")
    name, _, suffix = domain.rpartition(b".")
    is_file = suffix.lower() in _FILE_SUFFIXES and _NUMBERED.fullmatch(name)
    if is_file or (local == b"git" and _REPOSITORY.match(data, end)):
        return NOTHING
    return ((start, end),)
