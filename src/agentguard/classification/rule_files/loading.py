# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How does a rule of another scanner become one of ours?

Takes the members of a rule apart with a problem for each that does not fit, and makes the rule.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from agentguard.classification.engine import NOTHING, Pattern, Rule, linear

# A keyword may stand anywhere in the text, so where one stands the whole text is searched.
WHOLE_TEXT = 2**40
# A gate on a beginning lets through whatever one on the whole word would.
LONGEST_GATE = 5

Condition = Callable[[bytes, int, int], bool]
"""Says of a text and the span of a value whether the value counts."""


class RuleFileFlawed(ValueError):
    """A file of rules cannot be used.

    Attributes:
        problems: a sentence each; they hold ids and patterns, which are no secrets.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True, kw_only=True)
class Imported:
    """What a rule of any format comes down to.

    Attributes:
        name: stands in findings.
        pattern: in the dialect of RE2.
        group: number or name of the group that holds the value; None for the first one there is,
            and the whole match where there is none.
        keywords: one of them must stand in the text, in any case; empty for always.
        conditions: all must hold.
    """

    name: str
    pattern: str
    group: int | str | None = None
    keywords: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()

    def rule(self, data_class: str) -> Rule:
        """Return the rule.

        Raises:
            ValueError: RE2 refuses the pattern, or it has no such group.
        """
        compiled = linear(self.pattern)
        return Rule(
            name=self.name,
            data_class=data_class,
            pattern=compiled,
            group=_group(compiled, self.group),
            keywords=tuple(sorted({word[:LONGEST_GATE] for word in self.keywords if word})),
            any_case=True,
            before=WHOLE_TEXT,
            width=WHOLE_TEXT,
            confirm=_all_hold(self.conditions),
        )


def _group(compiled: Pattern, wanted: int | str | None) -> int:
    groups: int = compiled.groups  # type: ignore[attr-defined]  # both engines have it
    if isinstance(wanted, str):
        number: int = compiled.groupindex[wanted]  # type: ignore[attr-defined]  # both have it
        return number
    if wanted is None:
        return min(groups, 1)
    if not 0 <= wanted <= groups:
        raise ValueError(f"it has no group {wanted}")
    return wanted


def _all_hold(
    conditions: tuple[Condition, ...],
) -> Callable[[bytes, int, int], tuple[tuple[int, int], ...]]:
    def confirm(data: bytes, start: int, end: int) -> tuple[tuple[int, int], ...]:
        held = all(condition(data, start, end) for condition in conditions)
        return ((start, end),) if held else NOTHING

    return confirm


class Problems:
    """Collects what is wrong with a file of rules."""

    def __init__(self) -> None:
        self.found: list[str] = []

    def text(self, table: Mapping[str, Any], key: str, place: str) -> str:
        """Return a text member, empty when it is missing or something else."""
        value = table.get(key, "")
        if not isinstance(value, str):
            self.found.append(f"{place}: {key!r} must be text")
            return ""
        return value

    def texts(self, table: Mapping[str, Any], key: str, place: str) -> tuple[str, ...]:
        """Return a member that is a list of texts."""
        value = table.get(key, ())
        if not isinstance(value, Sequence) or isinstance(value, str):
            self.found.append(f"{place}: {key!r} must be a list")
            return ()
        if not all(isinstance(item, str) for item in value):
            self.found.append(f"{place}: {key!r} must hold texts only")
            return ()
        return tuple(value)

    def number(self, table: Mapping[str, Any], key: str, place: str) -> float:
        """Return a member that is a number of at least 0, which is what a missing one counts as."""
        value = table.get(key, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
            self.found.append(f"{place}: {key!r} must be a number of at least 0")
            return 0
        return value

    def whole(self, table: Mapping[str, Any], key: str, place: str) -> int:
        """Return a member that is a whole number of at least 0."""
        value = self.number(table, key, place)
        if not isinstance(value, int):
            self.found.append(f"{place}: {key!r} must be a whole number")
            return 0
        return value

    def tables(self, table: Mapping[str, Any], key: str, place: str) -> Iterator[Mapping[str, Any]]:
        """Yield the members of a list of tables, or the one table that stands in its place."""
        value = table.get(key, ())
        listed = (value,) if isinstance(value, Mapping) else value
        if isinstance(listed, str) or not isinstance(listed, Sequence):
            self.found.append(f"{place}: {key!r} must be a list of tables")
            return
        for item in listed:
            if isinstance(item, Mapping):
                yield item
            else:
                self.found.append(f"{place}: {key!r} must be a list of tables")

    def unknown(self, table: Mapping[str, Any], known: frozenset[str], place: str) -> None:
        """Tell every member that a loader does not know: it might narrow what is found, or widen."""
        self.found.extend(
            f"{place}: {key!r} is not a known key" for key in table if key not in known
        )

    def pattern(self, written: str, place: str) -> Pattern | None:
        """Compile a pattern of a condition, None when it cannot be."""
        try:
            return linear(written)
        except ValueError as error:
            self.found.append(f"{place}: {error}")
            return None


def id_of(table: Mapping[str, Any]) -> str:
    """Return what a rule is called, empty where that is no text."""
    name = table.get("id")
    return name if isinstance(name, str) else ""


def loaded(
    imported: Sequence[Imported], data_class: str, without: frozenset[str], problems: Problems
) -> tuple[Rule, ...]:
    """Return the rules of a file.

    Args:
        imported: what was read.
        data_class: what a match is.
        without: names of rules that are left out.
        problems: what was wrong so far.

    Raises:
        RuleFileFlawed: something is wrong; every problem is told.
    """
    rules: list[Rule] = []
    names = [each.name for each in imported]
    found = problems.found
    found += [f"rule {name!r} is left out but not there" for name in sorted(without - {*names})]
    found += [
        f"two rules are called {name!r}" for name in sorted({*names}) if names.count(name) > 1
    ]
    for each in imported:
        if each.name in without:
            continue
        try:
            rules.append(each.rule(data_class))
        except (ValueError, KeyError) as error:
            found.append(f"rule {each.name!r} cannot be used: {error}")
    if not rules and not found:
        found.append("it holds no rule")
    if found:
        raise RuleFileFlawed(found)
    return tuple(rules)
