# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which files does a scan look at, and which does it pass over?

Folders are walked in a fixed order. What is passed over inside a folder is told, never left out
in silence; what was named by hand is looked at whatever it is.
It opens no file.

INVARIANT: every file of a folder is either looked at or told as passed over, except below
``.git``; the walk ends whatever the links lead to (tests/cli/test_scan_sources.py).
"""

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path

STDIN = "-"
NEVER_ENTERED = ".git"


class Passed(StrEnum):
    """Why a file was not looked at."""

    BINARY = "binary"
    EXCLUDED = "excluded"
    LINK = "link"
    SPECIAL = "special"
    TOO_LARGE = "too_large"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Source:
    """Something to look at; ``path`` is None for standard input."""

    name: str
    path: Path | None


@dataclass(frozen=True, slots=True)
class PassedOver:
    """A file or folder that was not looked at."""

    name: str
    why: Passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What is looked at of the paths that were named.

    Attributes:
        exclude: patterns; a file or folder inside a named folder is passed over when its name or
            its path from that folder matches one.
        largest: the most bytes that a file may have, if there is a limit.
    """

    exclude: Sequence[str] = ()
    largest: int | None = None

    def over(self, names: Iterable[str]) -> Iterator[Source | PassedOver]:
        """Return the sources below the named paths, in a fixed order."""
        for name in names:
            if name == STDIN:
                yield Source(STDIN, None)
                continue
            path = Path(name)
            # Named by hand: a link is followed, a pipe is read.
            if (is_folder := _asked(path.is_dir)) is None:
                yield PassedOver(name, Passed.UNREADABLE)
            elif is_folder:
                yield from self._folder(path, path)
            elif self._is_too_large(path):
                yield PassedOver(name, Passed.TOO_LARGE)
            else:
                yield Source(name, path)

    def _folder(self, folder: Path, root: Path) -> Iterator[Source | PassedOver]:
        waiting = [folder]
        while waiting:
            here = waiting.pop()
            try:
                with os.scandir(here) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError:
                yield PassedOver(str(here), Passed.UNREADABLE)
                continue
            folders = []
            for entry in entries:
                if entry.name == NEVER_ENTERED:
                    continue
                path = Path(entry.path)
                if self._is_excluded(path, root):
                    yield PassedOver(str(path), Passed.EXCLUDED)
                elif _asked(partial(entry.is_dir, follow_symlinks=False)):
                    folders.append(path)
                else:
                    yield self._judged(entry, path)
            waiting.extend(reversed(folders))

    def _judged(self, entry: "os.DirEntry[str]", path: Path) -> Source | PassedOver:
        name = str(path)
        # What a link leads to inside the folder is met there; what lies outside was not asked for.
        if entry.is_symlink():
            return PassedOver(name, Passed.LINK)
        try:
            found = entry.stat(follow_symlinks=False)
        except OSError:
            return PassedOver(name, Passed.UNREADABLE)
        # Opening a pipe would wait for its other end.
        if not stat.S_ISREG(found.st_mode):
            return PassedOver(name, Passed.SPECIAL)
        if self.largest is not None and found.st_size > self.largest:
            return PassedOver(name, Passed.TOO_LARGE)
        return Source(name, path)

    def _is_too_large(self, path: Path) -> bool:
        if self.largest is None:
            return False
        try:
            return path.stat().st_size > self.largest
        except OSError:
            return False

    def _is_excluded(self, path: Path, root: Path) -> bool:
        inside = path.relative_to(root).as_posix()
        return any(
            fnmatchcase(path.name, pattern) or fnmatchcase(inside, pattern.removesuffix("/"))
            for pattern in self.exclude
        )


def _asked(question: Callable[[], bool]) -> bool | None:
    """Return the answer of the file system, None when it gives none."""
    try:
        return question()
    except OSError:
        return None
