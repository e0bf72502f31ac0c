# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is everything that was found hidden, in every position of a payload?

Walks a frozen JSON value: strings, object keys, numbers, and JSON inside strings.
What finds, and what happens to each class, are arguments.
Placeholders that untrusted text brings along are made inert first; those of this session may
stand where the model wrote them.

INVARIANT: no text that was found survives in the result, and doing it twice changes nothing
(tests/redaction/test_payload.py).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TypeAlias, assert_never

from agentguard.canonical import Frozen, escape
from agentguard.redaction import json_text
from agentguard.redaction.json_text import Members, NumberText, Tree
from agentguard.redaction.placeholders import (
    PLACEHOLDER,
    PLACEHOLDER_LIKE,
    as_mark,
    escaped,
    find_placeholders,
)
from agentguard.redaction.vault import Vault
from agentguard.vocabulary import Action, DataClass, Finding

Find: TypeAlias = Callable[[str], tuple[Finding, ...]]
Span: TypeAlias = tuple[int, int, str]

DEEPEST_NESTING = 128
# JSON in a string in JSON: agents pass on what tools returned, seldom more than three times.
DEEPEST_JSON_TEXT = 8
# A value hidden late in a payload may stand in an earlier place, where nothing gave it away, and
# what is hidden may have covered the beginning of another. The last round has to find nothing.
MOST_ROUNDS = 6
# Keys and words such as roles and types come again and again in one payload.
LONGEST_REMEMBERED = 32
LAST_SHOWN = 4
SHORTEST_SHOWN = 9

_CREDENTIAL_KEY = re.compile(r"(?i)key|secret|token|passw|pwd|auth|cred|connection")


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A payload whose findings are hidden, and how many of each class there were."""

    payload: Frozen = field(repr=False)
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the walk stands.

    ``key`` is the nearest object key, ``authored`` says that the model wrote this in the
    session, ``texts`` counts the strings around it that held JSON.
    """

    pointer: str
    authored: bool
    key: str = field(default="", repr=False)
    depth: int = 0
    texts: int = 0


def redact_payload(
    payload: Frozen,
    *,
    find: Find,
    actions: Mapping[str, DataClass],
    vault: Vault,
    find_again: Callable[[], Find] | None = None,
    model_authored: tuple[str, ...] = (),
    source: str = "",
) -> Redacted:
    """Hide every finding in a payload by the action of its class.

    Where something was hidden, everything is looked at again until nothing more is found.

    Args:
        payload: any frozen JSON value.
        find: returns sorted findings that do not overlap.
        actions: the class of each finding by name.
        vault: the session's.
        find_again: asked at the start of a further round when the vault has grown; gives a function
            like *find* that knows what went into the vault a moment ago.
        model_authored: JSON pointers below which placeholders of this vault stay.
        source: what the payload is, put before the JSON pointer in ``Issued.source``.

    Raises:
        ValueError: a finding has a class without an action, two object keys become the same, the
            payload is nested too deep, or there is more to hide after every round. No message
            holds text of the payload.
    """
    walk = _Walk(find, actions, vault, frozenset(model_authored), source)
    counts: Counter[str] = Counter()
    for _ in range(MOST_ROUNDS):
        known = vault.version
        shown = walk.frozen(payload)
        counts.update(walk.counts)
        if shown is payload:
            return Redacted(payload=payload, counts=MappingProxyType(dict(counts)))
        payload = shown
        if find_again is not None and vault.version != known:
            find = find_again()
        # Whatever looks like a placeholder by now was issued here.
        walk = _Walk(find, actions, vault, frozenset({""}), source)
    raise ValueError("the payload does not come to rest")


class _Walk:
    """One walk over one payload; a node that holds nothing to hide is returned as it is."""

    def __init__(
        self,
        find: Find,
        actions: Mapping[str, DataClass],
        vault: Vault,
        authored: frozenset[str],
        source: str,
    ) -> None:
        self.counts: Counter[str] = Counter()
        self._find = find
        self._actions = actions
        self._vault = vault
        self._authored = authored
        self._source = source
        self._harmless: set[str] = set()

    def frozen(self, payload: Frozen) -> Frozen:
        return self._value(payload, _Place(pointer="", authored="" in self._authored))

    def _value(self, node: Frozen, place: _Place) -> Frozen:
        if isinstance(node, str):
            return self._text(node, place)
        if node is None or isinstance(node, bool):
            return node
        if isinstance(node, int | float):
            digits = json_text.plain_digits(node, repr(node))
            return self._number(digits, place) or node
        if isinstance(node, tuple):
            items = tuple(
                self._value(item, self._inside(place, str(index)))
                for index, item in enumerate(node)
            )
            return node if _unchanged(items, node) else items
        return self._object(node, place)

    def _object(self, node: Mapping[str, Frozen], place: _Place) -> Frozen:
        changed = False
        result: dict[str, Frozen] = {}
        for key, item in node.items():
            below = self._inside(place, key, member=True)
            shown, value = self._key(key, below), self._value(item, below)
            if shown in result:
                raise ValueError("two keys of an object become the same")
            changed = changed or shown != key or value is not item
            result[shown] = value
        return MappingProxyType(result) if changed else node

    def _inside(self, place: _Place, step: str, *, member: bool = False) -> _Place:
        if place.depth >= DEEPEST_NESTING:
            raise ValueError(f"nested deeper than {DEEPEST_NESTING} levels")
        pointer = f"{place.pointer}/{escape(step)}"
        return _Place(
            pointer=pointer,
            authored=place.authored or pointer in self._authored,
            key=step if member else place.key,
            depth=place.depth + 1,
            texts=place.texts,
        )

    def _key(self, key: str, place: _Place) -> str:
        return self._plain(key, place, context="")

    def _text(self, text: str, place: _Place) -> str:
        tree = json_text.parsed(text)
        if tree is None:
            return self._plain(text, place, context=place.key)
        if place.texts >= DEEPEST_JSON_TEXT:
            raise ValueError(f"JSON inside strings is nested deeper than {DEEPEST_JSON_TEXT} times")
        shown = self._tree(tree, replace(place, texts=place.texts + 1))
        return text if shown is tree else json_text.written(shown)

    def _tree(self, node: Tree, place: _Place) -> Tree:
        if place.depth >= DEEPEST_NESTING:
            raise ValueError(f"nested deeper than {DEEPEST_NESTING} levels")
        if isinstance(node, str):
            return self._text(node, place)
        if isinstance(node, NumberText):
            return self._number(node.digits, place) or node
        below = replace(place, depth=place.depth + 1)
        if isinstance(node, list):
            items = [self._tree(item, below) for item in node]
            return node if _unchanged(items, node) else items
        if isinstance(node, Members):
            pairs = tuple(
                (self._key(key, below), self._tree(item, replace(below, key=key)))
                for key, item in node.pairs
            )
            same = all(
                new[0] == old[0] and new[1] is old[1]
                for new, old in zip(pairs, node.pairs, strict=True)
            )
            return node if same else Members(pairs)
        return node

    def _number(self, digits: str, place: _Place) -> str | None:
        found = self._find(digits)
        if not found:
            return None
        return self._hidden(found[0].data_class, digits, place)

    def _plain(self, text: str, place: _Place, *, context: str) -> str:
        telling = bool(context) and _CREDENTIAL_KEY.search(context) is not None
        if text in self._harmless and not telling:
            return text
        before = text
        kept: list[tuple[int, int, str]] = []
        if "[[" in text:
            text = PLACEHOLDER_LIKE.sub(
                lambda match: (
                    match.group()
                    if place.authored and self._own(match.group())
                    else escaped(match.group())
                ),
                text,
            )
            kept = find_placeholders(text) if place.authored else []
        found = [(spot.start, spot.end, spot.data_class) for spot in self._find(text)]
        if telling:
            found = _united(found, self._found_behind_key(context, text))
        if not found:
            if len(text) <= LONGEST_REMEMBERED and "[[" not in text:
                self._harmless.add(text)
            return before if text == before else text
        parts: list[str] = []
        behind = 0
        for start, end, name in _without(found, kept):
            parts += (text[behind:start], self._hidden(name, text[start:end], place))
            behind = end
        shown = "".join((*parts, text[behind:]))
        return before if shown == before else shown

    def _own(self, placeholder: str) -> bool:
        return (
            PLACEHOLDER.fullmatch(placeholder) is not None
            and self._vault.issued(placeholder) is not None
        )

    def _found_behind_key(self, key: str, text: str) -> list[Span]:
        """Find what only its key gives away, such as the value of ``aws_secret_access_key``."""
        head = f'{key}="'
        shift = len(head)
        spans = (
            (max(spot.start - shift, 0), min(spot.end - shift, len(text)), spot.data_class)
            for spot in self._find(f'{head}{text}"')
        )
        return [span for span in spans if span[0] < span[1]]

    def _hidden(self, name: str, value: str, place: _Place) -> str:
        data_class = self._actions.get(name)
        if data_class is None:
            raise ValueError(f"class {name!r} was found and has no action")
        self.counts[name] += 1
        action = data_class.action
        placeholder = self._vault.issue(
            data_class=data_class,
            value=value,
            reversible=action is Action.TOKENISE,
            source=f"{self._source}{place.pointer}",
        )
        match action:
            case Action.TOKENISE | Action.REDACT | Action.BLOCK:
                return placeholder
            case Action.HASH:
                return as_mark(placeholder)
            case Action.KEEP_LAST_FOUR:
                return _last_four(value)
            case _:
                assert_never(action)


def _last_four(value: str) -> str:
    shown = "".join(character for character in value if character.isalnum())
    return "****" + (shown[-LAST_SHOWN:] if len(shown) >= SHORTEST_SHOWN else "")


def _unchanged(new: Iterable[object], old: Iterable[object]) -> bool:
    return all(one is other for one, other in zip(new, old, strict=True))


def _united(first: list[Span], second: list[Span]) -> list[Span]:
    """Return sorted spans that cover both lists; the longer span gives the class."""
    united: list[Span] = []
    for span in sorted((*first, *second)):
        if united and span[0] < united[-1][1]:
            last = united[-1]
            name = max(last, span, key=lambda one: one[1] - one[0])[2]
            united[-1] = (last[0], max(last[1], span[1]), name)
        else:
            united.append(span)
    return united


def _without(found: list[Span], kept: list[Span]) -> list[Span]:
    """Cut what must stay out of the spans; both lists are sorted."""
    if not kept:
        return found
    rest: list[Span] = []
    for start, end, name in found:
        begin = start
        for first, last, _ in kept:
            if last <= begin or first >= end:
                continue
            if begin < first:
                rest.append((begin, first, name))
            begin = last
        if begin < end:
            rest.append((begin, end, name))
    return rest
