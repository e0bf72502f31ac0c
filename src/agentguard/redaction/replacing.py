# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in a text instead of a value, by the action of its class?

Also says which class decides where findings of several classes lie in one place.
It finds nothing and changes no text.

INVARIANT: the strictest action among the classes found in one place decides
(tests/redaction/test_replacing.py).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias, assert_never

from agentguard.redaction.pieces import Span
from agentguard.redaction.placeholders import as_mark
from agentguard.redaction.vault import Vault
from agentguard.vocabulary import Action, DataClass, Finding

Find: TypeAlias = Callable[[str], tuple[Finding, ...]]
Treatment: TypeAlias = Callable[[DataClass], Action]

LAST_SHOWN = 4
SHORTEST_SHOWN = 9
KEPT_LAST = re.compile(r"\*{4}\w{0,4}")
_MILDEST_FIRST = (
    Action.LABEL,
    Action.TOKENISE,
    Action.FORMAT_PRESERVING,
    Action.KEEP_LAST_FOUR,
    Action.HASH,
    Action.REDACT,
    Action.BLOCK,
)
_STRICTNESS = {action: place for place, action in enumerate(_MILDEST_FIRST)}
# What shows a part or a shape of all that it covers must cover nothing of another action's.
_SHOWING = frozenset({Action.FORMAT_PRESERVING, Action.KEEP_LAST_FOUR})
_MIXED = "+"
# A class that nobody gave an action refuses the text, so it must not be lost among others.
_UNKNOWN = len(_MILDEST_FIRST)


def action_of(data_class: DataClass) -> Action:
    """Return what happens to a class before anything leaves."""
    return data_class.action


def action_in_answers(data_class: DataClass) -> Action:
    """Return what happens to a class in an answer."""
    return data_class.in_answers


def with_mixed(classes: Mapping[str, DataClass]) -> Mapping[str, DataClass]:
    """Return the classes, and those that show a part once more, redacted, for mixed places."""
    showing = [each for each in classes.values() if each.action in _SHOWING]
    if not showing:
        return classes
    mixed = {f"{each.name}{_MIXED}": replace(each, action=Action.REDACT) for each in showing}
    return {**classes, **mixed}


def strictness(name: str, classes: Mapping[str, DataClass], treatment: Treatment) -> int:
    """Return a number that is larger for a class that is treated more strictly."""
    data_class = classes.get(name)
    return _UNKNOWN if data_class is None else _STRICTNESS[treatment(data_class)]


def deciding(find: Find, classes: Mapping[str, DataClass], treatment: Treatment) -> Find:
    """Return a function that finds the same, each place under the class that decides there."""

    def decided(finding: Finding) -> Finding:
        if not finding.covers:
            return finding
        names = (finding.data_class, *sorted(finding.covers))
        name = deciding_class(names, classes, treatment)
        return finding if name == finding.data_class else replace(finding, data_class=name)

    def decided_find(text: str) -> tuple[Finding, ...]:
        found = find(text)
        return tuple(map(decided, found)) if found else found

    return decided_find


def deciding_each(find: Find, classes: Mapping[str, DataClass], treatment: Treatment) -> Find:
    """Return the same as ``deciding``, a place that passes once for each class found in it."""
    decided_find = deciding(find, classes, treatment)

    def each_class(finding: Finding) -> tuple[Finding, ...]:
        deciding_one = classes.get(finding.data_class) if finding.covers else None
        if deciding_one is None or treatment(deciding_one) is not Action.LABEL:
            return (finding,)
        names = sorted({finding.data_class, *finding.covers})
        return tuple(replace(finding, data_class=name) for name in names)

    def found_each(text: str) -> tuple[Finding, ...]:
        found = decided_find(text)
        return tuple(each for finding in found for each in each_class(finding)) if found else found

    return found_each


def deciding_class(
    names: Sequence[str], classes: Mapping[str, DataClass], treatment: Treatment
) -> str:
    """Return the class that decides in a place: the strictest, the first one among equals.

    Where it would show a part of what another action is to hide, it is its redacted double.
    """
    strictest = max(names, key=lambda each: strictness(each, classes, treatment))
    double = f"{strictest}{_MIXED}"
    if double not in classes:
        return strictest
    actions = {treatment(classes[name]) for name in names} - {Action.LABEL}
    return double if len(actions) > 1 else strictest


def united(
    first: list[Span], second: list[Span], classes: Mapping[str, DataClass], treatment: Treatment
) -> list[Span]:
    """Return sorted spans that cover both lists; the strictest, then the longest gives the class."""
    together: list[Span] = []
    for span in sorted((*first, *second)):
        if together and span[0] < together[-1][1]:
            last = together[-1]
            longest_first = sorted((last, span), key=lambda one: one[0] - one[1])
            name = deciding_class([one[2] for one in longest_first], classes, treatment)
            together[-1] = (last[0], max(last[1], span[1]), name)
        else:
            together.append(span)
    return together


def instead_of(
    value: str, data_class: DataClass, *, vault: Vault, source: str, find: Find
) -> str | None:
    """Return what stands for a value, None where its class lets it pass.

    Args:
        value: what was found.
        data_class: its class.
        vault: the session's; it remembers the value.
        source: where the value was found.
        find: says whether a surrogate happens to be a known value itself.
    """
    action = data_class.action
    if action is Action.LABEL:
        return None
    placeholder = vault.issue(
        data_class=data_class,
        value=value,
        reversible=action is Action.TOKENISE,
        source=source,
    )
    match action:
        case Action.TOKENISE | Action.REDACT | Action.BLOCK:
            return placeholder
        case Action.HASH:
            return as_mark(placeholder)
        case Action.KEEP_LAST_FOUR:
            return _last_four(value)
        case Action.FORMAT_PRESERVING:
            surrogate = vault.surrogates.of(
                data_class.name, value, lambda drawn: _holds_known_value(drawn, find)
            )
            return placeholder if surrogate is None else surrogate
        case _:
            assert_never(action)


def _last_four(value: str) -> str:
    shown = "".join(character for character in value if character.isalnum())
    return "****" + (shown[-LAST_SHOWN:] if len(shown) >= SHORTEST_SHOWN else "")


def _holds_known_value(text: str, find: Find) -> bool:
    return any(finding.detector.startswith("known_value:") for finding in find(text))
