# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Did somebody name a thing with some words, or do the words only happen to stand there?

A run of words names something where it is quoted, marked (``#general``), a line of its own,
written like a name, an identifier, long, or next to a word that says what it is: the name of the
argument or of what the tool is about (``file 13``, ``the general channel``). A short number needs
such a word, a mark, or a currency. What the words mean beyond that is not understood: neither
"do not write to bob@example.com" nor "my landlord".

INVARIANT: a run that is an accident in every place names nothing
(tests/provenance/test_naming.py).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from agentguard.provenance.ordinary_words import ARTICLES, GRAMMAR, ORDINARY
from agentguard.provenance.said import Place
from agentguard.provenance.sought import Sought
from agentguard.provenance.tokens import Written

_WORDS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+|[^\W\d_]+")
_COUNTED = "id ids key no nr number num ref reference index code uid uuid"
_LINKS = "called named titled is number no nr id with ids numbers"
_CURRENCIES = (
    "eur usd chf gbp jpy inr euro euros dollar dollars franc francs pound pounds cent cents "
    "percent yen bucks"
)
_COUNTING = frozenset(_COUNTED.split())
_LINKING = frozenset(_LINKS.split())
_CURRENCY = frozenset(_CURRENCIES.split())
_IDENTIFIER = re.compile(r"(?=.*\d)(?=.*[^\W\d]).+|.*\w[._/@\\]\w.*|.*\d{4,}.*", re.DOTALL)
_ADDRESSING = frozenset({"to", "with", "cc", "bcc", "an", "\u00e0"})
_LEADING_TO = frozenset({"to", "by", "of", "at"})
# How far before an amount its verb may stand.
_REACH = 8
_NEXT = 3
# A run of so many words is no accident.
_LONG = 6
_FAIRLY_LONG = 4
_NEAR = 120
_MOST_LOOKED_AT = 256


@dataclass(frozen=True, slots=True)
class Cues:
    """Words that say what an argument's value is.

    Attributes:
        nouns: what it is.
        verbs: what the tool does with it; empty for an argument that holds an identifier.
        identifies: whether the argument holds an identifier.
        things: what the tool is about, where the argument says something else of it.
    """

    nouns: frozenset[str]
    verbs: frozenset[str] = frozenset()
    identifies: bool = False
    things: frozenset[str] = frozenset()


def cues_of(tool: str, argument: str, verbs: Iterable[str] = ()) -> Cues:
    """Return the cues of an argument."""
    names = _split(argument)
    acts = _split(tool)
    own, things = words_of_name(argument), words_of_name(" ".join(acts[1:]))
    nouns = own | things
    if names and names[-1] in _COUNTING:
        return Cues(nouns | {"id", "number", "no", "nr"}, identifies=True)
    spoken = (*acts[:1], *(word for verb in verbs for word in _split(verb)))
    return Cues(nouns, frozenset(spoken) - GRAMMAR, things=things - own)


def words_of_name(name: str) -> frozenset[str]:
    """Return the words in the name of an argument or a member that say what its value is."""
    return frozenset(_singular(word) for word in _split(name)) - GRAMMAR


def _split(name: str) -> tuple[str, ...]:
    return tuple(word.lower() for word in _WORDS.findall(name))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") else word  # noqa: PLR2004 - not "is"


def is_identifier(token: str) -> bool:
    """Say whether a token is made like an identifier, which is not said by accident."""
    return _IDENTIFIER.fullmatch(token) is not None


def names_itself(value: Sought) -> bool:
    """Say whether a run of words is no accident wherever it stands."""
    tokens = value.tokens
    uncommon = sum(token not in ORDINARY for token in tokens)
    if len(tokens) >= _LONG or (len(tokens) >= _FAIRLY_LONG and uncommon > 1):
        return True
    return not value.whole and any(is_identifier(token) for token in tokens)


def named(places: Iterable[Place], value: Sought, cues: Cues) -> Place | None:
    """Return a place in which a run of tokens names something."""
    for count, place in enumerate(places):
        if count == _MOST_LOOKED_AT:
            return None
        if _names(place, value, cues):
            return place
    return None


def _names(place: Place, value: Sought, cues: Cues) -> bool:
    flags = place.passage.flags
    last = place.first + len(value.tokens) - 1
    opening, closing = flags[place.first], flags[last]
    if (opening | closing) & Written.DATE and len(value.tokens) == 1:
        return False
    if opening & Written.OPENS_QUOTE and closing & (Written.CLOSES_QUOTE | Written.ENDS_LINE):
        return True
    if opening & Written.STARTS_LINE and closing & Written.ENDS_LINE:
        return True
    before, after = surroundings(place, value)
    if value.whole:
        marked = bool((opening | closing) & Written.MARKED)
        return marked or numbered(before, after, cues) or _large(value, before, cues)
    if opening & Written.MARKED or names_itself(value):
        return True
    return _cued(value, before, after, cues) or _capital(place, value, before, after, cues)


def surroundings(place: Place, value: Sought) -> tuple[list[str], list[str]]:
    """Return a few tokens before and after a run."""
    joined, at = place.passage.joined, place.offset
    end = at + len(value.needle) - 1
    before = joined[max(0, at - _NEAR) : at].split(" ")[-8:]
    return [word for word in before if word], joined[end : end + _NEAR].split()[:4]


def numbered(before: list[str], after: list[str], cues: Cues) -> bool:
    """Say whether words around a short number say that it is what the argument holds."""
    if after and after[0] in _CURRENCY:
        return True
    if before and before[-1] in _CURRENCY:
        return True
    if _amount(before, cues):
        return True
    rest = list(before)
    while rest and (rest[-1].isdigit() or rest[-1] in {"and", "or", *_LINKING}) and len(rest) > 1:
        rest.pop()
    # "transaction 7" says which one, and not how much.
    if rest and _singular(rest[-1]) in (cues.nouns - cues.things) | cues.verbs:
        return True
    counted = next((word for word in after if word not in GRAMMAR), "")
    return bool(cues.verbs) and _singular(counted) in cues.nouns


def _large(value: Sought, before: list[str], cues: Cues) -> bool:
    """Say whether a number is too long for an accident, and not called something else."""
    if value.bare:
        return False
    return cues.identifies or not before or before[-1] in GRAMMAR


def _amount(before: list[str], cues: Cues) -> bool:
    """Say whether a number is what the user's verb is about: "pay Miller 120", "raise it to 50"."""
    if not before or cues.verbs.isdisjoint(before[-_REACH:]):
        return False
    word = before[-1]
    if word in _LEADING_TO:
        return True
    near = not cues.verbs.isdisjoint(before[-_NEXT:])
    return near and word not in ORDINARY and word.isalpha()


def _cued(value: Sought, before: list[str], after: list[str], cues: Cues) -> bool:
    if value.tokens[0] in ARTICLES:
        return False
    if after and _singular(after[0]) in cues.nouns:
        return True
    if _addressed(value, before, after):
        return True
    rest = list(before)
    linked = False
    while rest and rest[-1] in _LINKING:
        linked = True
        rest.pop()
    if not rest or _singular(rest[-1]) not in cues.nouns:
        return False
    return linked or not all(token in ORDINARY for token in value.tokens)


def _addressed(value: Sought, before: list[str], after: list[str]) -> bool:
    """Say whether a word of its own stands where somebody is addressed: "send it to bob"."""
    if len(value.tokens) > 1 or value.tokens[0] in ORDINARY or not value.tokens[0].isalpha():
        return False
    alone = not after or after[0] in GRAMMAR
    return alone and bool(before) and before[-1] in _ADDRESSING


def _capital(place: Place, value: Sought, before: list[str], after: list[str], cues: Cues) -> bool:
    """Say whether a run is written like a name, and is not a part of a longer one."""
    flags, tokens = place.passage.flags, value.tokens
    last = place.first + len(tokens) - 1
    if not flags[place.first] & Written.CAPITAL or all(token in ORDINARY for token in tokens):
        return False
    if len(tokens) > 1 and not flags[last] & Written.CAPITAL:
        return False
    if flags[place.first] & Written.BEGINS_CLAUSE and ARTICLES.intersection(after[:1]):
        return False  # "Reconcile the accounts" begins with what is to be done
    return not (
        _goes_on(flags, place.first, place.first - 1, before[-1:], cues)
        or _goes_on(flags, last + 1, last + 1, after[:1], cues)
    )


def _goes_on(flags: bytes, border: int, neighbour: int, words: list[str], cues: Cues) -> bool:
    """Say whether the word beside a run is a part of the same name."""
    if not words or not 0 <= neighbour < len(flags):
        return False
    if border < len(flags) and flags[border] & (Written.BEGINS_CLAUSE | Written.OPENS_QUOTE):
        return False
    word = words[0]
    if word in ORDINARY or _singular(word) in cues.nouns:
        return False
    return bool(flags[neighbour] & Written.CAPITAL)
