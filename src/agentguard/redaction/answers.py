# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may be shown of a whole answer, wherever in it a text stands?

Walks the JSON value: texts for the user, everything else as data, keys and numbers included.
Probabilities of tokens spell the text that they stand beside, so they go where it was changed.

INVARIANT: no string of an answer is left out (tests/redaction/test_checked_answers.py).
"""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from agentguard.redaction import json_text
from agentguard.redaction.answer_text import AnswerText, Echoing
from agentguard.redaction.json_text import DEEPEST_LEVEL
from agentguard.redaction.replacing import Find
from agentguard.redaction.telling import tells
from agentguard.redaction.vault import Vault
from agentguard.vocabulary import DataClass

Treat: TypeAlias = Callable[[str], tuple[str, str]]
Both: TypeAlias = tuple[Any, Any]

# Smaller numbers have fewer digits than anything that is looked for.
SMALLEST_TELLING = 10**11
# Ids, roles, types and model names come again with every event.
LONGEST_REMEMBERED = 64
MOST_REMEMBERED = 4096
ANY = "*"
PROBABILITIES = "logprobs"


def checked_answer(
    content: Any,
    *,
    answers: Iterable[str],
    find: Find,
    classes: Mapping[str, DataClass],
    vault: Vault,
    harmless: set[str] | None = None,
    echoes: Echoing | None = None,
) -> tuple[Any, Any, Counter[str]]:
    """Return an answer as it may be observed, as its caller gets it, and what was found.

    The content is not changed; what needed no change is in the results as it is.

    Args:
        content: a JSON value.
        answers: JSON pointers, with ``*`` for any step, to the texts for the user; only there
            are placeholders turned back.
        find: returns sorted findings that do not overlap.
        classes: the class of each finding by name.
        vault: the session's.
        harmless: the short strings in which the same *find* found nothing, in earlier answers; more
            are added.
        echoes: what texts for the user are searched for beside that.

    Raises:
        AnswerBlocked: a finding has a class that is blocked in answers.
        ValueError: a finding has a class without an action in answers, or the content is nested
            too deep or holds what is no JSON. No message holds text of it.
    """
    check = AnswerText(find=find, classes=classes, vault=vault, echoes=echoes)
    walk = AnswerWalk(check, harmless)
    texts = {pointer: lambda text: check.whole(text, answer=True) for pointer in answers}
    crossed, shown = walk.both(content, texts)
    return crossed, shown, check.counts


class AnswerWalk:
    """Walks the content of one answer, which may come in many events."""

    def __init__(self, check: AnswerText, harmless: set[str] | None = None) -> None:
        self._check = check
        self._harmless: set[str] = set() if harmless is None else harmless

    def both(self, content: Any, texts: Mapping[str, Treat]) -> Both:
        """Return content as it may be observed and as its caller gets it.

        Args:
            content: a JSON value.
            texts: what to do with the strings at these JSON pointers, instead of taking them as
                data.
        """
        return self._value(content, "", _Paths.to(texts), 0)

    def _value(self, node: Any, key: str, paths: "_Paths", depth: int) -> Both:
        if isinstance(node, str):
            if paths.here is not None:
                return paths.here(node)
            data = self._string(node, key)
            return data, data
        if node is None or isinstance(node, bool):
            return node, node
        if isinstance(node, int | float):
            number = self._number(node, key)
            return number, number
        if depth >= DEEPEST_LEVEL:
            raise ValueError(f"an answer is nested deeper than {DEEPEST_LEVEL} levels")
        if isinstance(node, dict):
            return self._object(node, paths, depth + 1)
        if isinstance(node, list):
            return self._array(node, key, paths, depth + 1)
        raise ValueError(f"an answer holds a value of type {type(node).__name__}")

    def _array(self, node: list[Any], key: str, paths: "_Paths", depth: int) -> Both:
        pairs = [
            self._value(item, key, paths.below(str(index)), depth)
            for index, item in enumerate(node)
        ]
        crossed = [first for first, _ in pairs]
        shown = [second for _, second in pairs]
        if all(map(_same, crossed, node)):
            crossed = node
        return crossed, crossed if all(map(_same, shown, crossed)) else shown

    def _object(self, node: dict[str, Any], paths: "_Paths", depth: int) -> Both:
        crossed: dict[str, Any] = {}
        shown: dict[str, Any] = {}
        changed = differs = False
        # Probabilities last, when it is known whether what they stand beside was changed.
        last = PROBABILITIES in node
        for key in sorted(node, key=_is_probabilities) if last else node:
            item = node[key]
            name = self._string(key, "")
            if name in crossed:
                raise ValueError("two keys of an object of the answer become the same")
            spelled = changed and _is_probabilities(key)
            below = paths.below(key)
            first, second = _without_text(item) if spelled else self._value(item, key, below, depth)
            changed = changed or first is not item or name is not key
            differs = differs or second is not first
            crossed[name], shown[name] = first, second
        if not changed:
            crossed = node
        return crossed, shown if differs else crossed

    def _string(self, text: str, key: str) -> str:
        telling = key != "" and tells(key)
        if text in self._harmless and not telling:
            return text
        before = self._check.counts.total()
        checked = self._check.data_text(text, key)
        found = telling or checked is not text or before != self._check.counts.total()
        if not found and len(text) <= LONGEST_REMEMBERED:
            if len(self._harmless) >= MOST_REMEMBERED:
                self._harmless.clear()
            self._harmless.add(text)
        return checked

    def _number(self, number: float, key: str) -> float | str:
        if -SMALLEST_TELLING < number < SMALLEST_TELLING:
            return number
        digits = json_text.plain_digits(number, repr(number))
        checked = self._check.leaf(digits, key)
        return number if checked is digits else checked


class _Paths:
    """What is to be done with the strings below one place."""

    __slots__ = ("_below", "here")

    def __init__(self, paths: Iterable[tuple[Sequence[str], Treat]]) -> None:
        self.here: Treat | None = None
        self._below: dict[str, list[tuple[Sequence[str], Treat]]] = {}
        for steps, treat in paths:
            if steps:
                self._below.setdefault(steps[0], []).append((steps[1:], treat))
            else:
                self.here = treat

    @classmethod
    def to(cls, texts: Mapping[str, Treat]) -> "_Paths":
        return cls((steps_of(pointer), treat) for pointer, treat in texts.items())

    def below(self, step: str) -> "_Paths":
        paths = [*self._below.get(step, ()), *self._below.get(ANY, ())]
        return _Paths(paths) if paths else _NOWHERE


_NOWHERE = _Paths(())


@functools.lru_cache(maxsize=256)
def steps_of(pointer: str) -> Sequence[str]:
    """Return the steps of a JSON pointer (RFC 6901)."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


def _without_text(item: Any) -> Both:
    nothing: list[Any] | None = [] if isinstance(item, list) else None
    return nothing, nothing


def _same(one: object, other: object) -> bool:
    return one is other


def _is_probabilities(key: str) -> bool:
    return key == PROBABILITIES
