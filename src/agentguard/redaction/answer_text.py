# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What may be shown of one text that a model wrote?

Finds on the text as it is read: invisible characters taken out, JSON escapes decoded; hides by
what each class says of answers, and turns placeholders back.
A secret becomes the placeholder of its class, an invisible character nothing, and of a remote
image the address goes, or the exclamation mark is parted from its bracket.
How a text that still grows is cut is not decided here.

INVARIANT: nothing that was found for hiding is in the result, and a value is turned back only
where the model wrote its placeholder (tests/redaction/test_answer_text.py).
"""

import json
import operator
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Protocol, TypeAlias

from agentguard.redaction import json_text
from agentguard.redaction.json_position import JsonPosition
from agentguard.redaction.json_text import (
    DEEPEST_JSON_TEXT,
    DEEPEST_LEVEL,
    Members,
    NumberText,
    Tree,
)
from agentguard.redaction.pieces import Span, found_across
from agentguard.redaction.placeholders import PLACEHOLDER, find_placeholders
from agentguard.redaction.replacing import Find, action_in_answers, deciding, united
from agentguard.redaction.spans import without
from agentguard.redaction.telling import found_behind_key, tells
from agentguard.redaction.vault import Vault
from agentguard.vocabulary import Action, DataClass, Finding

Leaf: TypeAlias = Callable[[str, str], str]

HIDDEN_UNICODE = "hidden_unicode"
REMOTE_IMAGE = "remote_image"
DATA_LINK = "data_link"
INSTRUCTIONS = "instructions"
ECHOED_INSTRUCTIONS = "echoed_instructions"
NOWHERE = "#"
WITHHELD = "[withheld]"
PARTED = "! "
SOURCE = "answer"

_REPLACED = MappingProxyType(
    {
        HIDDEN_UNICODE: "",
        REMOTE_IMAGE: NOWHERE,
        DATA_LINK: NOWHERE,
        INSTRUCTIONS: WITHHELD,
        ECHOED_INSTRUCTIONS: WITHHELD,
    }
)
_BLANKS = " \t\r\n\f\v"
_ESCAPE = re.compile(r"\\+(?:u([0-9A-Fa-f]{4})|/)")
_SURROGATE = re.compile("[\ud800-\udfff]")
_IN_ANSWERS = frozenset({Action.LABEL, Action.REDACT, Action.BLOCK})
_NO_SPANS: Mapping[int, list[Span]] = MappingProxyType({})


class AnswerWithheld(ValueError):
    """An answer, or the rest of one, is not released. The message holds no text of it."""


class AnswerBlocked(AnswerWithheld):
    """An answer holds what the policy blocks in answers.

    Attributes:
        data_class: the name of the class.
    """

    def __init__(self, data_class: str) -> None:
        super().__init__(f"an answer holds class {data_class!r}, which is blocked in answers")
        self.data_class = data_class


class AnswerUncheckable(AnswerWithheld):
    """A text of an answer is longer, without a place to cut it, than is held back."""


class Echoing(Protocol):
    """Knows what only passages asked for that speak to the model."""

    def find(self, text: str, /) -> tuple[Finding, ...]:
        """Return sorted findings that do not overlap."""

    def open_from(self, text: str, base: int, /) -> int:
        """Return where, from *base* on, something may go on; the end of the text if nothing."""


class AnswerText:
    """Checks the texts of one answer; ``counts`` says how many findings of each class there were."""

    def __init__(
        self,
        *,
        find: Find,
        classes: Mapping[str, DataClass],
        vault: Vault,
        echoes: Echoing | None = None,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._find = deciding(find, classes, action_in_answers)
        self._echoes = echoes
        self._classes = classes
        self._vault = vault

    def spans(self, text: str, *, answer: bool = False) -> list[Span]:
        """Return what is found in a text, sorted; labelled spans may overlap with others.

        Args:
            text: the text.
            answer: whether it is for the user, so that it may echo what passages asked for.
        """
        find = self._find_in_answer if answer and self._echoes is not None else self._find
        found = [(spot.start, spot.end, spot.data_class) for spot in find(text)]
        hidden = [span for span in found if span[2] == HIDDEN_UNICODE]
        escapes = list(_ESCAPE.finditer(text)) if "\\" in text else []
        if hidden or escapes:
            found = [span for span in found if span[2] != HIDDEN_UNICODE]
            copy = _Readable(text, hidden, escapes)
            again = ((spot.start, spot.end, spot.data_class) for spot in find(copy.text))
            found += [
                (*copy.span(start, end), name)
                for start, end, name in again
                if name != HIDDEN_UNICODE
            ]
        return self._settled(text, found, hidden) if found or hidden else []

    def _find_in_answer(self, text: str) -> tuple[Finding, ...]:
        found = self._find(text)
        return found if self._echoes is None else (*found, *self._echoes.find(text))

    def open_echo(self, text: str, base: int) -> int:
        """Return where a text for the user may be the beginning of an echo."""
        if self._echoes is None:
            return len(text)
        escapes = list(_ESCAPE.finditer(text)) if "\\" in text else []
        if not escapes:
            return self._echoes.open_from(text, base)
        copy = _Readable(text, [], escapes)
        place = self._echoes.open_from(copy.text, copy.place_of(base))
        return max(base, copy.origin(place)) if place < len(copy.text) else len(text)

    def _settled(self, text: str, found: list[Span], hidden: list[Span]) -> list[Span]:
        together = united(found, [], self._classes, action_in_answers)
        covering = [span for span in together if self._action(span[2]) is not Action.LABEL]
        spans = sorted([*together, *without(hidden, covering)])
        own = [span for span in find_placeholders(text) if self._vault.issued(span[2]) is not None]
        if not own:
            return spans
        # What an echo says is not told, a placeholder in it included.
        echoed = [span for span in spans if span[2] == ECHOED_INSTRUCTIONS]
        kept = without([span for span in spans if span[2] != ECHOED_INSTRUCTIONS], own)
        return sorted([*kept, *echoed])

    def _action(self, name: str) -> Action:
        data_class = self._classes.get(name)
        if data_class is None or data_class.in_answers not in _IN_ANSWERS:
            raise ValueError(f"class {name!r} was found and has no action in answers")
        return data_class.in_answers

    def released(
        self, text: str, spans: list[Span], start: int, end: int, position: JsonPosition | None
    ) -> tuple[str, str]:
        """Return the part of a text between two offsets, with placeholders and turned back.

        Args:
            text: the text.
            spans: what ``spans`` found in it.
            start: where the part begins; what was found before is cut there.
            end: where the part ends.
            position: where the user's text stands; None keeps every placeholder.

        Raises:
            AnswerBlocked: a finding in the part has a class that is blocked in answers.
        """
        crossed: list[str] = []
        shown: list[str] = []
        behind = start
        for first, last, name in spans:
            begin, stop = _trimmed(text, max(first, behind), min(last, end))
            if begin >= stop or first >= end:
                continue
            instead = self._instead(name, text[begin:stop])
            if instead is None:
                continue
            gap = text[behind:begin]
            crossed += (gap, instead)
            shown.append(self._turned(gap, position))
            shown.append(instead)
            if position is not None:
                position.advance(instead)
            behind = stop
        gap = text[behind:end]
        crossed.append(gap)
        shown.append(self._turned(gap, position))
        return "".join(crossed), "".join(shown)

    def whole(self, text: str, *, answer: bool) -> tuple[str, str]:
        """Return a whole text as it may be observed and as the user gets it."""
        text = paired(text)
        return self.released(
            text,
            self.spans(text, answer=answer),
            0,
            len(text),
            JsonPosition() if answer else None,
        )

    def data_text(self, text: str, key: str = "") -> str:
        """Return a text that is not for the user: arguments of a call, an id, JSON in a string.

        Args:
            text: the text.
            key: the name of the member that it is the value of.

        Raises:
            AnswerBlocked: as above.
            ValueError: it is JSON nested too deep.
        """
        tree = json_text.parsed(text)
        if tree is None:
            return self.leaf(text, key)
        leaves: list[str] = []

        def gathered(leaf: str, _: str) -> str:
            leaves.append(leaf)
            return leaf

        mapped(tree, key, gathered, (0, 1))
        across = found_across(leaves, self._find) if len(leaves) > 1 else _NO_SPANS
        number = -1

        def checked(leaf: str, name: str) -> str:
            nonlocal number
            number += 1
            return self.leaf(leaf, name, across.get(number, []))

        shown = mapped(tree, key, checked, (0, 1))
        return text if shown is tree else json_text.written(shown)

    def leaf(self, text: str, key: str = "", across: list[Span] | None = None) -> str:
        """Return one string of data, checked; the same object when nothing was to hide."""
        whole = paired(text)
        spans = self.spans(whole)
        further = list(across or ())
        if key and tells(key):
            further += found_behind_key(key, whole, self._find)
        if further:
            spans = self._settled(whole, [*spans, *further], [])
        if not spans and whole is text:
            return text
        shown = self.released(whole, spans, 0, len(whole), None)[0]
        return text if shown == text else shown

    def _instead(self, name: str, value: str) -> str | None:
        action = self._action(name)
        self.counts[name] += 1
        if action is Action.BLOCK:
            raise AnswerBlocked(name)
        if action is Action.LABEL:
            return None
        fixed = replaced_text(name, value)
        if fixed is not None:
            return fixed
        data_class = self._classes[name]
        return self._vault.issue(
            data_class=data_class,
            value=value,
            reversible=data_class.action is Action.TOKENISE,
            source=SOURCE,
        )

    def _turned(self, gap: str, position: JsonPosition | None) -> str:
        if position is None:
            return gap
        if "[[" not in gap:
            position.advance(gap)
            return gap
        parts: list[str] = []
        behind = 0
        for match in PLACEHOLDER.finditer(gap):
            before, placeholder = gap[behind : match.start()], match.group()
            position.advance(before)
            parts += (before, self._value(placeholder, position.levels))
            position.advance(placeholder)
            behind = match.end()
        rest = gap[behind:]
        position.advance(rest)
        return "".join((*parts, rest))

    def _value(self, placeholder: str, levels: int) -> str:
        """Return the value, escaped for the JSON strings that it is put into."""
        issued = self._vault.issued(placeholder)
        if issued is None or not issued.reversible or issued.placeholder != placeholder:
            return placeholder
        value = issued.value
        lone = levels > 0 and _SURROGATE.search(value) is not None
        for _ in range(levels):
            value = json.dumps(value, ensure_ascii=lone)[1:-1]
        return value


def replaced_text(name: str, value: str) -> str | None:
    """Return what stands instead of a finding of a class that needs no placeholder."""
    if name == REMOTE_IMAGE and value == "!":
        return PARTED
    return _REPLACED.get(name)


class _Readable:
    """A text as a reader takes it, and where its characters came from."""

    def __init__(self, text: str, hidden: list[Span], escapes: list[re.Match[str]]) -> None:
        changes = sorted([*((start, end, "") for start, end, _ in hidden), *map(_decoded, escapes)])
        parts: list[str] = []
        self._copied: list[int] = [0]
        self._original: list[int] = [0]
        self._ends: dict[int, int] = {}
        behind = size = 0
        for start, end, instead in changes:
            parts += (text[behind:start], instead)
            size += start - behind
            if instead:
                self._mark(size, start)
                self._ends[start] = end
                size += len(instead)
            self._mark(size, end)
            behind = end
        parts.append(text[behind:])
        self.text = "".join(parts)

    def _mark(self, copied: int, original: int) -> None:
        self._copied.append(copied)
        self._original.append(original)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the span of the original that a span of the copy stands for."""
        last = self._origin(end - 1)
        return self._origin(start), self._ends.get(last, last + 1)

    def place_of(self, original: int) -> int:
        """Return the place of the copy at which a place of the original stands."""
        index = bisect_right(self._original, original) - 1
        return self._copied[index] + original - self._original[index]

    def origin(self, place: int) -> int:
        """Return the place of the original that a place of the copy stands for."""
        return self._origin(place)

    def _origin(self, place: int) -> int:
        index = bisect_right(self._copied, place) - 1
        return self._original[index] + place - self._copied[index]


def _decoded(escape: re.Match[str]) -> Span:
    instead = "/" if escape[1] is None else chr(int(escape[1], 16))
    return (*escape.span(), instead)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """Leave the blanks around a finding where they are: some patterns take them along."""
    value = text[start:end]
    return start + len(value) - len(value.lstrip(_BLANKS)), end - len(value) + len(
        value.rstrip(_BLANKS)
    )


def paired(text: str) -> str:
    """Return a text in which both halves of a character are one character.

    Events cut a text where they like, and two halves that are written one after the other are
    read as one.
    """
    if text.isascii() or _SURROGATE.search(text) is None:
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def mapped(node: Tree, key: str, leaf: Leaf, place: tuple[int, int]) -> Tree:
    """Return a tree with every string, key and number replaced by what *leaf* says."""
    depth, texts = place
    if isinstance(node, NumberText):
        digits = node.digits
        shown = leaf(digits, key)
        return node if shown is digits else shown
    if isinstance(node, str):
        return _mapped_text(node, key, leaf, place)
    if node is None or isinstance(node, bool):
        return node
    if depth >= DEEPEST_LEVEL:
        raise ValueError(f"nested deeper than {DEEPEST_LEVEL} levels")
    below = (depth + 1, texts)
    if isinstance(node, list):
        items = [mapped(item, key, leaf, below) for item in node]
        return node if all(map(operator.is_, items, node)) else items
    pairs = tuple((leaf(name, ""), mapped(item, name, leaf, below)) for name, item in node.pairs)
    same = all(
        one[0] is two[0] and one[1] is two[1] for one, two in zip(pairs, node.pairs, strict=True)
    )
    return node if same else Members(pairs)


def _mapped_text(text: str, key: str, leaf: Leaf, place: tuple[int, int]) -> str:
    depth, texts = place
    tree = json_text.parsed(text)
    if tree is None:
        return leaf(text, key)
    if texts >= DEEPEST_JSON_TEXT:
        raise ValueError(f"JSON inside strings is nested deeper than {DEEPEST_JSON_TEXT} times")
    shown = mapped(tree, key, leaf, (depth, texts + 1))
    return text if shown is tree else json_text.written(shown)
