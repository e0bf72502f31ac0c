# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does a text lead in the file system?

Follows every link. A file that is not there yet leads below the folder it would be made in.

INVARIANT: a text that may lead elsewhere by the time it is opened leads nowhere: a link to what is
not there, a loop of links, a folder that cannot be looked into
(tests/enforcement/test_resolving.py).
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path


def resolve_paths(texts: Iterable[str]) -> Mapping[str, str | None]:
    """Return for each text where it leads, None where that cannot be said."""
    return {text: _resolved(text) for text in texts}


def _resolved(text: str) -> str | None:
    if not text:
        return None
    try:
        # Shells begin such a path at a home folder; rules let nobody have one.
        text = str(Path(text).expanduser()) if text.startswith("~") else text
        return os.path.realpath(text, strict=True)
    except FileNotFoundError:
        return _to_be_made(text)
    except (OSError, ValueError, RuntimeError):
        return None


def _to_be_made(text: str) -> str | None:
    """Return where a file would be made, if nothing of that name is there, not even a link."""
    folder, name = os.path.split(text)
    if name in ("", ".", ".."):
        return None
    try:
        there = Path(folder or ".").resolve(strict=True) / name
    except (OSError, ValueError, RuntimeError):
        return None
    try:
        there.lstat()
    except FileNotFoundError:
        return str(there)
    except (OSError, ValueError):
        return None
    return None
