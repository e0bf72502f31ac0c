# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a path lead below a folder?

Two readings must agree: the text, component by component, and the place that it leads to when
every link is followed. That place is found out beforehand and given in; nothing is opened here.

INVARIANT: without the resolved path nothing is below anything, and nothing is ruled out
(tests/attacks/test_path_constraints.py).
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Self

from agentguard.canonical import Frozen
from agentguard.policy.constraints.grounds import Plain, derive, is_text, listed, varied
from agentguard.vocabulary import Chain, Circumstances

# Backslashes, control characters and separators of lines and paragraphs.
_ODD = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True, kw_only=True)
class PathBelow(Plain):
    """An absolute POSIX path strictly below one of the *roots*, links followed.

    For a deny rule a root itself counts, too, and so does every folder above one, since what is
    done to a folder is done to what lies in it; the case of letters does not.

    Attributes:
        roots: absolute paths of folders.
        paths: for texts where they lead; None where nobody found out.
    """

    roots: tuple[str, ...]
    paths: Mapping[str, str | None] | None = field(default=None, repr=False, compare=False)
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse what is no absolute path of a folder.

        Raises:
            ValueError: there is no root, or one that cannot be used.
        """
        if not self.roots:
            raise ValueError("at least one folder is needed")
        for root in self.roots:
            if components(root) is None:
                raise ValueError(
                    f"{root!r} is not an absolute POSIX path without '.', '..', '~', '\\' and"
                    " doubled or final slashes; Windows paths cannot be constrained"
                )
        derive(
            self,
            demand=f"must be an absolute path without '.', '..' and '~' below {listed(self.roots)}",
        )

    @property
    def contextual(self) -> bool:
        """Whether the answers depend on who calls and in what circumstances."""
        return True

    def in_context(self, chain: Chain, circumstances: Circumstances) -> Self:  # noqa: ARG002 - paths are the same for everybody
        """Return the constraint with where paths lead."""
        return varied(self, paths=circumstances.paths)

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        parts = components(value)
        there = self._resolved(value)
        if parts is None or there is None:
            return self.demand
        for root in self.roots:
            folder, base = components(root), self._resolved(root)
            if folder is None or base is None:
                continue
            if _is_below(parts, folder) and _is_below(there, base):
                return None
        return self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether it is known where *value* leads, and that it is not here."""
        parts, there = components(value), self._resolved(value)
        if parts is None or there is None:
            return False
        for root in self.roots:
            folder, base = components(root), self._resolved(root)
            if folder is None or base is None:
                return False
            if any(_may_touch(one, other) for one in (parts, there) for other in (folder, base)):
                return False
        return True

    def _resolved(self, text: Frozen) -> tuple[str, ...] | None:
        if self.paths is None or not isinstance(text, str):
            return None
        found = self.paths.get(text)
        return () if found == "/" else components(found)

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"path": tuple(sorted(self.roots))}


def roots_in(part: object) -> Iterator[str]:
    """Yield the folders of every constraint on files, however deep it stands in another."""
    if isinstance(part, PathBelow):
        yield from part.roots
    elif isinstance(part, tuple | frozenset):
        for each in part:
            yield from roots_in(each)
    elif is_dataclass(part):
        for each in fields(part):
            yield from roots_in(getattr(part, each.name))


def components(path: object) -> tuple[str, ...] | None:
    """Return the components of a plain absolute path, None for everything else.

    Plain is what means one place to every program: no dots, no home folders, no doubled or final
    slashes, no backslashes, no control characters.
    """
    if not is_text(path) or not path.startswith("/"):
        return None
    if _ODD.search(path):
        return None
    parts = tuple(path[1:].split("/"))
    if any(part in {"", ".", ".."} or part.startswith("~") for part in parts):
        return None
    return parts


def _is_below(parts: tuple[str, ...], folder: tuple[str, ...]) -> bool:
    return len(parts) > len(folder) and parts[: len(folder)] == folder


def _may_touch(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Say whether one path is the other, lies in it or holds it, on any file system."""
    return all(_folded(a) == _folded(b) for a, b in zip(one, other, strict=False))


def _folded(part: str) -> str:
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", part).casefold())


class Unlinked(Mapping[str, str | None]):
    """Where paths lead in a file system without links: to themselves."""

    def __getitem__(self, text: str) -> str:
        """Return the path itself."""
        return text

    def __iter__(self) -> Iterator[str]:
        """Name no path: every text is one."""
        return iter(())

    def __len__(self) -> int:
        """Count no path."""
        return 0


UNLINKED = Unlinked()
