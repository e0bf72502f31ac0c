# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What was a decider told in its table of the policy?

Every option is known and has the right type, or the decider is not made. Messages name options,
never what they hold.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

from agentguard.canonical import Frozen

_MOST_BYTES = 16 * 1024 * 1024


class Options:
    """The options of a decider; each is read once, and what is left over is a mistake."""

    def __init__(self, given: Mapping[str, Frozen], folder: Path) -> None:
        self._left = dict(given)
        self._folder = folder

    def text(self, name: str) -> str | None:
        """Return an option that is text, None where it is left out.

        Raises:
            ValueError: it is not, or empty.
        """
        value = self._left.pop(name, None)
        if value is None:
            return None
        if not isinstance(value, str) or not value:
            raise ValueError(f"{name!r} must be text")
        return value

    def needed(self, name: str) -> str:
        """Return an option that is text and must be there.

        Raises:
            ValueError: it is not.
        """
        value = self.text(name)
        if value is None:
            raise ValueError(f"{name!r} is needed")
        return value

    def names(self, name: str) -> frozenset[str]:
        """Return an option that is a list of names, empty where it is left out.

        Raises:
            ValueError: it is not.
        """
        value = self._left.pop(name, ())
        given = value if isinstance(value, tuple) else (None,)
        found = frozenset(each for each in given if isinstance(each, str) and each)
        if len(found) < len(given):
            raise ValueError(f"{name!r} must be a list of different names")
        return found

    def seconds(self, name: str, default: float) -> float:
        """Return an option that is a number of seconds, from 0.05 to 60.

        Raises:
            ValueError: it is not.
        """
        value = self._left.pop(name, default)
        if type(value) not in (int, float) or not _SHORTEST <= value <= _LONGEST:  # type: ignore[operator]  # a number, as just seen
            raise ValueError(f"{name!r} must be a number of seconds, from 0.05 to 60")
        return float(value)  # type: ignore[arg-type]  # a number, as just seen

    def file(self, name: str, *, needed: bool = True) -> str | None:
        """Return the text of a file, whose name is relative to the policy file.

        Raises:
            ValueError: it is missing, cannot be read or is too large.
        """
        named = self.needed(name) if needed else self.text(name)
        if named is None:
            return None
        path = self._folder / named
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise ValueError(f"the file of {name!r} is too large")
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problem = type(error).__name__
        raise ValueError(f"the file of {name!r} cannot be read ({problem})")

    def refuse_others(self, known: Iterable[str]) -> None:
        """Refuse options that nobody asked for.

        Raises:
            ValueError: there are some.
        """
        if self._left:
            expected = ", ".join(map(repr, sorted(known)))
            raise ValueError(f"has an option that is not known; expected are {expected}")


_SHORTEST, _LONGEST = 0.05, 60
