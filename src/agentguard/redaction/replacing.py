# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What stands in a text instead of a value, by the action of its class?

Also says which class decides where findings of several classes lie in one place.
It finds nothing and changes no text.

INVARIANT: the strictest action among the classes found in one place decides
(tests/redaction/test_replacing.py).
"""

import re
from collections.abc import Callable, Mapping
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
# A class that nobody gave an action refuses the text, so it must not be lost among others.
_UNKNOWN = len(_MILDEST_FIRST)


def action_of(data_class: DataClass) -> Action:
    """Return what happens to a class before anything leaves."""
    return data_class.action


def action_in_answers(data_class: DataClass) -> Action:
    """Return what happens to a class in an answer."""
    return data_class.in_answers


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
        name = max(names, key=lambda each: strictness(each, classes, treatment))
        return finding if name == finding.data_class else replace(finding, data_class=name)

    return lambda text: tuple(map(decided, find(text)))


def united(
    first: list[Span], second: list[Span], classes: Mapping[str, DataClass], treatment: Treatment
) -> list[Span]:
    """Return sorted spans that cover both lists; the strictest, then the longest gives the class."""

    def weight(span: Span) -> tuple[int, int]:
        return strictness(span[2], classes, treatment), span[1] - span[0]

    together: list[Span] = []
    for span in sorted((*first, *second)):
        if together and span[0] < together[-1][1]:
            last = together[-1]
            name = max(last, span, key=weight)[2]
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
