# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""One engine for all tests of this package, since it is immutable, and one that counts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from agentguard.classification import Classifier, build_classifier
from agentguard.classification.engine import Match, Pattern, Rule, RuleSet
from agentguard.classification.formats import TOKEN_FORMATS, private_keys
from agentguard.classification.formats.detect_secrets_patterns import borrowed_rules
from agentguard.classification.personal import PERSONAL_FORMATS


@pytest.fixture(scope="session")
def engine() -> Classifier:
    """The engine as it is without anything of the organisation's own."""
    return build_classifier()


class Counted:
    """A pattern that adds up how many bytes it was made to look at."""

    def __init__(self, pattern: Pattern, add: Callable[[int], None]) -> None:
        self._pattern = pattern
        self._add = add

    def search(self, data: bytes, pos: int, endpos: int) -> Match | None:
        """Search, and count to the end of the match, or of all when there is none."""
        found = self._pattern.search(data, pos, endpos)
        self._add(1 + (endpos if found is None else found.span()[1]) - pos)
        return found

    def match(self, data: bytes, pos: int, endpos: int) -> Match | None:
        """Match at *pos*, and count the same way."""
        found: Match | None = self._pattern.match(data, pos, endpos)  # type: ignore[attr-defined]  # only re's patterns are matched
        self._add(1 + (endpos if found is None else found.span()[1]) - pos)
        return found


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """Return a function that says how many bytes all patterns together read of a text."""
    total = 0

    def add(count: int) -> None:
        nonlocal total
        total += count

    wrapped: dict[int, Pattern] = {}

    def counted(rule: Rule) -> Rule:
        requires = rule.requires
        if requires is not None:
            # Rules that require the same share their windows.
            requires = wrapped.setdefault(id(requires), Counted(requires, add))
        return replace(rule, pattern=Counted(rule.pattern, add), requires=requires)

    documented = (row.rule() for row in (*TOKEN_FORMATS, *PERSONAL_FORMATS))
    rules = RuleSet(map(counted, (*documented, *borrowed_rules())))
    for name in ("_BODY", "_END_LINE", "_LINES", "_PUTTY_END"):
        monkeypatch.setattr(private_keys, name, Counted(getattr(private_keys, name), add))

    def read(text: str) -> int:
        nonlocal total
        total = 0
        rules.detect(text)
        return total

    return read
