# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""How is everything that was found hidden, in every position of a payload?

Walks a frozen JSON value: strings, object keys, numbers, and JSON inside strings.
Where a secret is found, the strings are also read together, since a key may come in lines.
What finds, and what happens to each class, are arguments.
A number that is found becomes a string: a field that must be a number makes the provider refuse
the request, which is better than the number leaving.
Placeholders that untrusted text brings along are made inert first; those of this session may
stand where the model wrote them.

INVARIANT: no text that was found survives in the result, and doing it twice changes nothing
(tests/redaction/test_payload.py).
"""

import json
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import NamedTuple

from agentguard.canonical import Frozen, escape
from agentguard.redaction import json_text
from agentguard.redaction.authored import AUTHORED, Marks, marked
from agentguard.redaction.json_text import (
    DEEPEST_JSON_TEXT,
    DEEPEST_LEVEL,
    Members,
    NumberText,
    Tree,
    strings_in,
)
from agentguard.redaction.pieces import Span, found_across, names_a_secret
from agentguard.redaction.placed import NOT_PLACED, Placing, Standing, names_a_part
from agentguard.redaction.placeholders import (
    PLACEHOLDER,
    PLACEHOLDER_LIKE,
    escaped,
    find_placeholders,
)
from agentguard.redaction.recalled import UNCHANGED, Became, Edit, RecallingFind, edited, mark_of
from agentguard.redaction.replacing import (
    KEPT_LAST,
    Find,
    action_of,
    deciding_class,
    deciding_each,
    instead_of,
    united,
    with_mixed,
)
from agentguard.redaction.spans import without
from agentguard.redaction.telling import found_behind_key, name_of, tells
from agentguard.redaction.vault import BY_PLACE, Vault
from agentguard.vocabulary import Action, DataClass

# A value hidden late in a payload may stand in an earlier place, where nothing gave it away, and
# what is hidden may have covered the beginning of another. The last round has to find nothing.
MOST_ROUNDS = 6
# Keys and words such as roles and types come again and again in one payload.
LONGEST_REMEMBERED = 32
SECRET = "secret"  # noqa: S105 - the name of a family of classes
# A key of the payload may be as long as it likes; where a value was found need not.
LONGEST_SOURCE = 512
# A key this long, unlike those that only name a member, may be a piece of what is looked for.
SHORTEST_TELLING = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Redacted:
    """A payload whose findings are hidden, and how many of each class there were."""

    payload: Frozen = field(repr=False)
    counts: Mapping[str, int]


class _Place(NamedTuple):
    """What surrounds the node that the walk looks at.

    ``marks`` leads to what the model authored below this place, ``depth`` counts levels,
    ``texts`` counts the strings around it that held JSON, ``standing`` is what names and paths say.
    """

    marks: Marks
    depth: int
    texts: int
    standing: Standing


def redact_payload(  # noqa: PLR0913 - each is a fact about one payload
    payload: Frozen,
    *,
    find: Find,
    actions: Mapping[str, DataClass],
    vault: Vault,
    find_again: Callable[[], Find] | None = None,
    model_authored: tuple[str, ...] = (),
    placing: Placing = NOT_PLACED,
    source: str = "",
) -> Redacted:
    """Hide every finding in a payload by the action of its class.

    Where something was hidden, everything is looked at again until nothing more is found.

    Args:
        payload: any frozen JSON value.
        find: returns sorted findings that do not overlap.
        actions: the class of each finding by name.
        vault: the session's.
        find_again: asked at the start of a further round; gives what finds from then on. It knows
            what went into the vault a moment ago, and may leave out what only *find* can judge: the
            texts as they came.
        model_authored: JSON pointers below which placeholders of this vault stay.
        placing: what belongs to a class because of where it stands.
        source: what the payload is, put before the JSON pointer in ``Issued.source``.

    Raises:
        ValueError: a finding has a class without an action, two object keys become the same, the
            payload is nested too deep, or there is more to hide after every round. No message
            holds text of the payload.
    """
    authored = marked(model_authored)
    known = vault.version
    walk = _Walk(find, actions, vault, authored, source, placing)
    shown = walk.frozen(payload)
    if walk.secret or names_a_secret(walk.pieces):
        # Pieces that are put together are no text that somebody wrote.
        across = found_across(walk.pieces, find if find_again is None else find_again())
        if across:
            walk = _Walk(find, actions, vault, authored, source, placing, across)
            shown = walk.frozen(payload)
    counts: Counter[str] = Counter()
    for _ in range(MOST_ROUNDS):
        counts.update(walk.counts)
        if shown is payload:
            return Redacted(payload=payload, counts=MappingProxyType(dict(counts)))
        payload = shown
        grown = vault.version != known
        if find_again is not None:
            find = find_again()
        known = vault.version
        # What the vault learned may stand in a text that was harmless until now.
        walk = walk.further(find, everything=grown)
        shown = walk.frozen(payload)
    raise ValueError("the payload does not come to rest")


class _Walk:
    """One walk over one payload; a node that holds nothing to hide is returned as it is.

    ``pieces`` are the strings that it came by, ``secret`` says that one of them held a secret,
    ``harmless`` are the short strings in which its detectors find nothing, and ``changed`` are the
    ids of the nodes that it made.
    """

    def __init__(
        self,
        find: Find,
        actions: Mapping[str, DataClass],
        vault: Vault,
        authored: Marks,
        source: str,
        placing: Placing,
        across: Mapping[int, list[Span]] = MappingProxyType({}),
    ) -> None:
        self.counts: Counter[str] = Counter()
        self.pieces: list[str] = []
        self.secret = False
        self._known_actions = actions
        self._actions = with_mixed(actions)
        self._find = deciding_each(find, self._actions, action_of)
        self._recalled = find.recalled.by(actions) if isinstance(find, RecallingFind) else None
        self._vault = vault
        self._marks = authored
        self._source = source
        self._placed, self._area = placing
        self._by_place = False
        self._again = False
        self._only: set[int] | None = None
        self.changed: set[int] = set()
        self._across = across
        self._path: list[str] = []
        self.harmless: set[str] = set()
        self._telling: dict[str, bool] = {"": False}

    def further(self, find: Find, *, everything: bool) -> "_Walk":
        """Return a walk over the result of this one; whatever looks like a placeholder is issued.

        Args:
            find: what finds now.
            everything: whether to look at what this walk left as it was, too.
        """
        placing = Placing(self._placed, self._area)
        walk = _Walk(find, self._known_actions, self._vault, AUTHORED, self._source, placing)
        walk._again = True
        if not everything:
            walk._only, walk.harmless = self.changed, self.harmless
        return walk

    def frozen(self, payload: Frozen) -> Frozen:
        standing = self._placed.of(self._area)
        return self._value(payload, "", _Place(self._marks, 0, 0, standing))

    def _value(self, node: Frozen, key: str, place: _Place) -> Frozen:
        if self._only is not None and id(node) not in self._only:
            return node
        shown = self._shown(node, key, place)
        if shown is not node:
            self.changed.add(id(shown))
        return shown

    def _shown(self, node: Frozen, key: str, place: _Place) -> Frozen:
        if isinstance(node, str):
            return self._text(node, key, place)
        if node is None or isinstance(node, bool):
            return self._flag(node, place)
        if isinstance(node, int | float):
            return self._number(json_text.plain_digits(node, repr(node)), key, place) or node
        if place.depth >= DEEPEST_LEVEL:
            raise ValueError(f"nested deeper than {DEEPEST_LEVEL} levels")
        if isinstance(node, tuple):
            return self._array(node, key, place)
        return self._object(node, key, place)

    def _array(self, node: tuple[Frozen, ...], key: str, place: _Place) -> Frozen:
        changed = False
        items: list[Frozen] = []
        for index, item in enumerate(node):
            step = str(index)
            self._path.append(step)
            standing = self._below(place, step, item, named=False)
            below = _Place(place.marks.below(step), place.depth + 1, place.texts, standing)
            shown = self._value(item, name_of(index, node, key), below)
            self._path.pop()
            changed = changed or shown is not item
            items.append(shown)
        return tuple(items) if changed else node

    def _object(self, node: Mapping[str, Frozen], outer: str, place: _Place) -> Frozen:
        changed = False
        result: dict[str, Frozen] = {}
        for key, item in node.items():
            self._path.append(key)
            standing = self._below(place, key, item, named=True)
            below = _Place(place.marks.below(key), place.depth + 1, place.texts, standing)
            shown = self._key(key, below._replace(standing=place.standing))
            value = self._value(item, name_of(key, node.items(), outer), below)
            self._path.pop()
            if shown in result:
                raise ValueError("two keys of an object become the same")
            changed = changed or shown is not key or value is not item
            result[shown] = value
        return MappingProxyType(result) if changed else node

    def _key(self, key: str, place: _Place) -> str:
        piece = len(key) >= SHORTEST_TELLING or self._is_telling(key)
        if place.standing.data_class and names_a_part(key, place.standing):
            place = place._replace(standing=replace(place.standing, data_class=""))
        return self._plain(key, "", place, piece=piece)

    def _below(self, place: _Place, step: str, node: object, *, named: bool) -> Standing:
        if not self._placed:
            return place.standing
        return self._placed.below(place.standing, step, node, named=named)

    def _text(self, text: str, key: str, place: _Place) -> str:
        tree = json_text.parsed(text)
        if tree is None:
            return self._lines(text, key, place) if self._placed else self._plain(text, key, place)
        if place.texts >= DEEPEST_JSON_TEXT:
            raise ValueError(f"JSON inside strings is nested deeper than {DEEPEST_JSON_TEXT} times")
        if self._again:
            late = (found.group() for found in PLACEHOLDER.finditer("\n".join(strings_in(tree))))
            if any(placeholder not in text for placeholder in late):
                raise ValueError("a placeholder shows itself only on a second look")
        marks = place.marks.inside_text()
        standing = self._placed.inside_text(place.standing) if self._placed else place.standing
        shown = self._tree(tree, key, _Place(marks, place.depth, place.texts + 1, standing))
        return text if shown is tree else json_text.written(shown)

    def _lines(self, text: str, key: str, place: _Place) -> str:
        """Look at the lines of a text one by one if each holds JSON, then at all of it."""
        lines = text.split("\n") if "\n" in text and text.lstrip()[:1] == "{" else []
        if not lines or any(line.strip() and json_text.parsed(line) is None for line in lines):
            return self._plain(text, key, place)
        shown = [self._text(line, key, place) if line.strip() else line for line in lines]
        same = all(map(operator.is_, shown, lines))
        whole = place._replace(marks=AUTHORED, standing=replace(place.standing, data_class=""))
        if same:
            return self._plain(text, key, place, piece=False)
        return self._plain("\n".join(shown), key, whole, piece=False)

    def _tree(self, node: Tree, key: str, place: _Place) -> Tree:
        if isinstance(node, str):
            return self._text(node, key, place)
        if isinstance(node, NumberText):
            return self._number(node.digits, key, place) or node
        if node is None or isinstance(node, bool):
            return self._flag(node, place)
        if place.depth >= DEEPEST_LEVEL:
            raise ValueError(f"nested deeper than {DEEPEST_LEVEL} levels")
        below = place._replace(depth=place.depth + 1)
        if isinstance(node, list):
            items = [
                self._tree(item, name_of(index, node, key), self._at(below, index, item))
                for index, item in enumerate(node)
            ]
            return node if _unchanged(items, node) else items
        if isinstance(node, Members):
            pairs = tuple(
                (
                    self._key(name, below),
                    self._tree(item, name_of(name, node.pairs, key), self._at(below, name, item)),
                )
                for name, item in node.pairs
            )
            same = all(map(_unchanged, pairs, node.pairs))
            return node if same else Members(pairs)
        return node

    def _at(self, place: _Place, step: str | int, node: object) -> _Place:
        if not self._placed:
            return place
        named = isinstance(step, str)
        return place._replace(standing=self._below(place, str(step), node, named=named))

    def _flag(self, flag: bool | None, place: _Place) -> bool | str | None:  # noqa: FBT001 - a JSON value
        name = place.standing.data_class
        if flag is None or not name:
            return flag
        return self._hidden(name, json.dumps(flag), by_place=True) or flag

    def _number(self, digits: str, key: str, place: _Place) -> str | None:
        name, telling = place.standing.data_class, self._is_telling(key)
        if digits in self.harmless and not name and not telling:
            return None
        names = [finding.data_class for finding in self._find(digits)]
        if not names and not name and not telling:
            self.harmless.add(digits)
            return None
        if telling:
            names += [span[2] for span in found_behind_key(key, digits, self._find)]
        names += [name] if name else []
        if not names or self._vault.surrogates.issued(digits):
            return None
        deciding = deciding_class(names, self._actions, action_of)
        return self._hidden(deciding, digits, by_place=bool(name))

    def _is_telling(self, key: str) -> bool:
        telling = self._telling.get(key)
        if telling is None:
            telling = self._telling[key] = tells(key)
        return telling

    def _plain(self, text: str, key: str, place: _Place, *, piece: bool = True) -> str:
        across: list[Span] | None = None
        if piece:
            across = self._across.get(len(self.pieces)) if self._across else None
            self.pieces.append(text)
        telling = self._is_telling(key)
        name = place.standing.data_class
        if text in self.harmless and not telling and not across and not name:
            return text
        authored = place.marks.authored
        if name:
            across = [*(across or ()), *self._of_place(name, text)]
        if self._recalled is None or telling or across or len(text) <= LONGEST_REMEMBERED:
            self._by_place = bool(name)
            shown = self._looked_at(text, key if telling else "", across, authored=authored)[0]
            self._by_place = False
            return shown
        mark = mark_of(text, authored=authored)
        became = self._recalled.of(mark)
        if became is not None:
            for name in became.classes:
                self._count(self._class_of(name))
            return edited(text, became.edits) if became.edits else text
        shown, became = self._looked_at(text, "", across, authored=authored)
        if became is not None:
            self._recalled.keep(mark, became)
        return shown

    def _of_place(self, name: str, text: str) -> list[Span]:
        """Return the whole of a text, or nothing where it passes or was hidden already."""
        data_class = self._class_of(name)
        if data_class.action is Action.LABEL:
            self._count(data_class)
            return []
        kept = data_class.action is Action.KEEP_LAST_FOUR and KEPT_LAST.fullmatch(text)
        return [(0, len(text), name)] if text and not kept else []

    def _looked_at(
        self, text: str, key: str, across: list[Span] | None, *, authored: bool
    ) -> tuple[str, Became | None]:
        """Return a text as it may leave, and what became of it if that can be recalled."""
        safe = self._without_forgeries(text, authored=authored) if "[[" in text else text
        found = [(spot.start, spot.end, spot.data_class) for spot in self._find(safe)]
        if key:
            behind = found_behind_key(key, safe, self._find)
            found = united(found, behind, self._actions, action_of)
        if across:
            found = united(found, across, self._actions, action_of)
        if found:
            kept = find_placeholders(safe) if authored else []
            left = without(without(found, kept), self._vault.surrogates.within(safe, found))
            edits = self._edits(safe, left)
            shown = edited(safe, edits)
            became = Became(edits, tuple(name for _, _, name in left)) if safe == text else None
            return text if shown == text else shown, became
        if safe != text:
            return safe, None
        if len(text) <= LONGEST_REMEMBERED and "[[" not in text:
            self.harmless.add(text)
        return text, UNCHANGED

    def _without_forgeries(self, text: str, *, authored: bool) -> str:
        """Make inert what looks like a placeholder and is not the model's own; the length stays."""
        return PLACEHOLDER_LIKE.sub(
            lambda match: (
                match.group() if authored and self._own(match.group()) else escaped(match.group())
            ),
            text,
        )

    def _own(self, placeholder: str) -> bool:
        return (
            PLACEHOLDER.fullmatch(placeholder) is not None
            and self._vault.issued(placeholder) is not None
        )

    def _edits(self, text: str, spans: list[Span]) -> tuple[Edit, ...]:
        hidden = (
            (start, end, self._hidden(name, text[start:end], by_place=self._by_place))
            for start, end, name in spans
        )
        return tuple((start, end, instead) for start, end, instead in hidden if instead is not None)

    def _hidden(self, name: str, value: str, *, by_place: bool) -> str | None:
        """Return what stands for a value; None lets it pass, counted."""
        data_class = self._class_of(name)
        self._count(data_class)
        return instead_of(
            value,
            data_class,
            vault=self._vault,
            source=f"{BY_PLACE}{self._place()}" if by_place else self._place(),
            find=self._find,
        )

    def _class_of(self, name: str) -> DataClass:
        data_class = self._actions.get(name)
        if data_class is None:
            raise ValueError(f"class {name!r} was found and has no action")
        return data_class

    def _count(self, data_class: DataClass) -> None:
        if self._again and data_class.action is Action.LABEL:
            return  # what passes is met again in every round
        self.counts[data_class.name] += 1
        self.secret = self.secret or data_class.family == SECRET

    def _place(self) -> str:
        """Return where the walk stands, as a JSON pointer, cut where it is very long."""
        parts, left = [self._source], LONGEST_SOURCE
        for step in self._path:
            if left <= 0:
                break
            parts += ("/", escape(step[:left]))
            left -= len(step) + 1
        return "".join(parts)


def _unchanged(new: Iterable[object], old: Iterable[object]) -> bool:
    return all(one is other for one, other in zip(new, old, strict=True))
