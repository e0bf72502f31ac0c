# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What becomes of a text that a tool said, or that describes one?

Counts what is found in every string of a value, keys and JSON inside strings included, and takes
out what is to be taken out; the rest stays as it is, to the byte. What is found, how far it reaches
and what stands instead are arguments.

INVARIANT: nothing that was to be taken out is found in what is left, or there is no result
(tests/redaction/test_treated_texts.py).
INVARIANT: a value without anything to take out is returned itself (same file).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

from agentguard.redaction import json_text
from agentguard.redaction.answer_text import mapped
from agentguard.redaction.json_text import DEEPEST_LEVEL
from agentguard.vocabulary import Action, Finding

Find: TypeAlias = Callable[[str], Sequence[Finding]]
Said: TypeAlias = Callable[[str, Sequence[Finding]], Sequence[Finding]]
Widened: TypeAlias = Callable[[str, Sequence[Finding]], Iterable[tuple[int, int, str]]]
Instead: TypeAlias = Callable[[str, str], str]

# Members whose values are words of a protocol, which stand between the parts of a text.
_BETWEEN = frozenset({"type", "role", "id", "index", "mime_type", "mimetype", "media_type"})


class ToolTextWithheld(ValueError):
    """A text holds what may not be in it, or what cannot be taken out. It is not in the message.

    Attributes:
        data_class: the name of the class.
    """

    def __init__(self, data_class: str) -> None:
        super().__init__(f"it holds class {data_class!r}, which may not be in it")
        self.data_class = data_class


@dataclass(frozen=True, slots=True, kw_only=True)
class Treating:
    """How the texts of one value are treated.

    Attributes:
        said: finds what only such texts are searched for, beside what else was found in them;
            sorted, findings of different classes may overlap.
        find: finds what every text is searched for, sorted; None where that is done elsewhere.
        actions: what happens to each class: label, redact or block.
        widened: says how far what was found for taking out reaches.
        instead: gives what stands in its place, for the name of a class and the value.
        rewritable: whether something can be taken out of the value at all.
    """

    said: Said
    find: Find | None = None
    actions: Mapping[str, Action]
    widened: Widened
    instead: Instead
    rewritable: bool = True

    def treated(self, value: Any) -> tuple[Any, Counter[str]]:
        """Return a value without what is to be taken out, and how much was found of each class.

        Args:
            value: of dicts, lists, tuples, strings and numbers.

        Raises:
            ToolTextWithheld: something is blocked, or cannot be taken out.
            ValueError: it is nested too deep.
        """
        texts = tuple(texts_in_order(value))
        counts = self._counted(texts)
        if not any(self._action(name) is Action.REDACT for name in counts):
            return value, counts
        if not self.rewritable:
            raise ToolTextWithheld(self._first(counts))
        shown = self._value(value, 0)
        left = self._counted(tuple(texts_in_order(shown)))
        remaining = [name for name in left if self._action(name) is Action.REDACT]
        if remaining:
            raise ToolTextWithheld(remaining[0])
        return shown, counts

    def _first(self, counts: Iterable[str]) -> str:
        return next(name for name in counts if self._action(name) is Action.REDACT)

    def _action(self, name: str) -> Action:
        return self.actions.get(name, Action.LABEL)

    def _counted(self, texts: Sequence[str]) -> Counter[str]:
        """Count what is found in texts, each by itself and all of them read together."""
        together = [*self.said("\n".join(texts), ())] if texts else []
        counts: Counter[str] = Counter()
        if together or self.find is not None:
            for text in texts:
                for spot in self._spots(text, said=bool(together)):
                    self._refuse_blocked(spot)
                    counts[spot.data_class] += 1
        for spot in together:
            # Nobody can take out what only texts read together hold.
            if spot.data_class in _ACROSS and not counts[spot.data_class]:
                if self._action(spot.data_class) is not Action.LABEL:
                    raise ToolTextWithheld(spot.data_class)
                counts[spot.data_class] += 1
        return counts

    def _spots(self, text: str, *, said: bool = True) -> list[Finding]:
        found = [] if self.find is None else [*self.find(text)]
        return [*found, *self.said(text, found)] if said or found else found

    def _refuse_blocked(self, spot: Finding) -> None:
        for name in (spot.data_class, *spot.covers):
            if self._action(name) is Action.BLOCK:
                raise ToolTextWithheld(name)

    def _value(self, node: Any, depth: int) -> Any:
        if isinstance(node, str):
            return self._text(node)
        if depth >= DEEPEST_LEVEL:
            raise ValueError(f"nested deeper than {DEEPEST_LEVEL} levels")
        if isinstance(node, Mapping):
            shown = {
                self._text(key) if isinstance(key, str) else key: self._value(item, depth + 1)
                for key, item in node.items()
            }
            if len(shown) != len(node):
                raise ValueError("two keys become the same")
            same = all(map(_is_same, shown, node)) and all(
                map(_is_same, shown.values(), node.values())
            )
            if same:
                return node
            return shown if type(node) is dict else MappingProxyType(shown)
        if isinstance(node, list | tuple):
            items = [self._value(item, depth + 1) for item in node]
            if all(map(_is_same, items, node)):
                return node
            return items if type(node) is list else tuple(items)
        return node

    def _text(self, text: str) -> str:
        if not any(self._action(spot.data_class) is Action.REDACT for spot in self._spots(text)):
            return text
        tree = json_text.parsed(text)
        if tree is None:
            return self._leaf(text, "")
        shown = mapped(tree, "", self._leaf, (0, 1))
        return text if shown is tree else json_text.written(shown)

    def _leaf(self, text: str, _: str) -> str:
        found = [
            spot for spot in self._spots(text) if self._action(spot.data_class) is Action.REDACT
        ]
        if not found:
            return text
        parts: list[str] = []
        behind = 0
        for start, end, name in _apart(self.widened(text, found)):
            parts += (text[behind:start], self.instead(name, text[start:end]))
            behind = end
        return "".join((*parts, text[behind:]))


# What is aimed at a reader of everything, so that it may be spread over several texts.
_ACROSS = frozenset({"instructions"})


def texts_in_order(value: Any) -> Iterator[str]:
    """Yield every string of a value: what is said in order, then keys and words of protocols."""
    waiting: list[Any] = [value]
    names: list[str] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, Mapping):
            names.extend(key for key in node if isinstance(key, str))
            for key, item in reversed(tuple(node.items())):
                between = isinstance(item, str) and key in _BETWEEN
                (names if between else waiting).append(item)
        elif isinstance(node, list | tuple):
            waiting.extend(reversed(node))
    yield from names


def _apart(spans: Iterable[tuple[int, int, str]]) -> Iterable[tuple[int, int, str]]:
    """Return spans that overlap as one, with the class of the longest."""
    apart: list[tuple[int, int, str]] = []
    for start, end, name in sorted(spans):
        if apart and start < apart[-1][1]:
            first, last, known = apart[-1]
            longest = known if last - first >= end - start else name
            apart[-1] = (first, max(last, end), longest)
        else:
            apart.append((start, end, name))
    return apart


def _is_same(one: object, other: object) -> bool:
    return one is other
