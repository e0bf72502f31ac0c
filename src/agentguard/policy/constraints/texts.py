# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Which texts may an argument be?

By their characters alone; what a text means as a path, a URL or an address say other modules.
An allow rule takes texts as they are. A deny rule meets every spelling that Unicode takes for the
same.

INVARIANT: no answer holds the value it is about (tests/policy/test_constraints.py).
"""

from dataclasses import dataclass, field

from agentguard.canonical import LARGEST_INTEGER, Frozen
from agentguard.matching import Find, deferred
from agentguard.policy.constraints.grounds import (
    Plain,
    composed,
    derive,
    is_text,
    spellings,
    utf8,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Plain):
    """Text that *pattern* matches from the first character to the last, in linear time."""

    pattern: str
    demand: str = field(init=False, repr=False, compare=False)
    _whole: Find = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile the pattern.

        Raises:
            ValueError: the pattern is not in the form NFC, or re2 refuses it; the message says
                which and why.
        """
        if composed(self.pattern) != self.pattern:
            raise ValueError(
                "the pattern holds decomposed characters, which text seldom does: write it in the"
                " Unicode form NFC"
            )
        try:
            # By itself first: what brackets and anchors complete is no pattern.
            deferred(self.pattern).compile()
            whole = deferred(rf"\A(?:{self.pattern})\z").compile()
        except UnicodeEncodeError:
            raise ValueError("the pattern is not one that re2 takes: not valid Unicode") from None
        except ValueError as error:
            raise ValueError(f"the pattern is not one that re2 takes: {error}") from None
        derive(self, demand=f"must match {self.pattern!r} in full", _whole=whole)

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        text = utf8(value)
        return None if text is not None and self._matches(text) else self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* has the right type and certainly does not satisfy this."""
        # Decomposed as well, for a pattern that names a combining character by its number.
        return is_text(value) and not any(
            self._matches(each.encode("utf-8")) for each in spellings(value)
        )

    def _matches(self, text: bytes) -> bool:
        return self._whole(text, 0, len(text)) is not None

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"match": self.pattern}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix(Plain):
    """Text that begins with *text*, character for character."""

    text: str
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse a prefix that every text has, or that no text in the form NFC has.

        Raises:
            ValueError: the prefix is empty, not valid Unicode or not in the form NFC.
        """
        if not self.text:
            raise ValueError("must not be empty: every text begins with nothing")
        if not is_text(self.text):
            raise ValueError("is not valid Unicode")
        if composed(self.text) != self.text:
            raise ValueError("holds decomposed characters: write it in the Unicode form NFC")
        derive(self, demand=f"must begin with {self.text!r}")

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        return None if is_text(value) and value.startswith(self.text) else self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* is text that does not begin so in any spelling."""
        return is_text(value) and not any(
            each.startswith(prefix) for each in spellings(value) for prefix in spellings(self.text)
        )

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"prefix": self.text}

    @property
    def doubt(self) -> str | None:
        """Why this prefix probably does not keep what it seems to keep, None if it may."""
        if "://" in self.text:
            return "does not keep a URL at one host: use 'url'"
        if self.text[0] in "/~\\." or self.text[1:3] in {":\\", ":/"}:
            return "does not keep a path below a folder: use 'path'"
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Length(Plain):
    """Text of *least* to *most* characters, both included."""

    least: int
    most: int
    demand: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Refuse lengths that admit nothing.

        Raises:
            ValueError: the lengths are reversed, negative or too large.
        """
        if not 0 <= self.least <= self.most <= LARGEST_INTEGER:
            raise ValueError(f"a text cannot have from {self.least} to {self.most} characters")
        derive(self, demand=f"must be text of {self.least} to {self.most} characters")

    def problem_with(self, value: Frozen) -> str | None:
        """Return what is demanded if *value* does not satisfy it, else None."""
        return None if is_text(value) and self._admits(value) else self.demand

    def rules_out(self, value: Frozen) -> bool:
        """Say whether *value* is text that has another length in every spelling."""
        return is_text(value) and not any(map(self._admits, spellings(value)))

    def _admits(self, text: str) -> bool:
        return self.least <= len(text) <= self.most

    def form(self) -> dict[str, Frozen]:
        """Return the constraint as it enters the policy's digest."""
        return {"length": (self.least, self.most)}
