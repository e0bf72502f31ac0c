# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a name fit a glob?

The only wildcard is ``*``, for any run of characters, the empty one included.
Matching looks at each character of the name a bounded number of times; there is no backtracking.
"""

from dataclasses import dataclass, field


def is_glob(pattern: str) -> bool:
    """Say whether a name in the policy is a glob."""
    return "*" in pattern


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled glob."""

    pattern: str
    _head: str = field(init=False, repr=False, compare=False)
    _middle: tuple[str, ...] = field(init=False, repr=False, compare=False)
    _tail: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Cut the pattern at its wildcards."""
        head, *rest = self.pattern.split("*")
        tail = rest.pop() if rest else ""
        object.__setattr__(self, "_head", head)
        object.__setattr__(self, "_middle", tuple(part for part in rest if part))
        object.__setattr__(self, "_tail", tail)

    def matches(self, name: str) -> bool:
        """Say whether the whole *name* fits."""
        if not is_glob(self.pattern):
            return name == self.pattern
        start, end = len(self._head), len(name) - len(self._tail)
        if start > end or not name.startswith(self._head) or not name.endswith(self._tail):
            return False
        for part in self._middle:
            found = name.find(part, start, end)
            if found < 0:
                return False
            start = found + len(part)
        return True
