# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Where does one value stand, and may that be relied on?

The order of what counts: what the user said counts even where untrusted content says it, too;
what a tool said counts only where untrusted content does not. What a person approved, and what
the program told, count as they are.

INVARIANT: a value that stands in a trusted field and in untrusted content is not from the tool
(tests/provenance/test_looking.py).
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from agentguard.provenance.addresses import accounts_in, address_keys
from agentguard.provenance.blurred import Blurred
from agentguard.provenance.composed import parts_of
from agentguard.provenance.naming import Cues, named, numbered, surroundings
from agentguard.provenance.normal import folded, hides, normalise
from agentguard.provenance.numbers import plainly
from agentguard.provenance.ordinary_words import GRAMMAR
from agentguard.provenance.records import Records, identity_of
from agentguard.provenance.said import Said, Source
from agentguard.provenance.sought import Sought, elements_of, keys_in, sought
from agentguard.provenance.tokens import tokens_of
from agentguard.provenance.unseen import Unseen
from agentguard.vocabulary import Origins

_MOST_SOURCES = 4
# Of a value that stands in more places than these the others are not looked at.
_MOST_PLACES = 64
_APPROVED = frozenset({"approved"})
_USER = frozenset({"user"})
# A text of so many words is somebody's if most of its words stand there in runs.
_TEXT = 6
_LARGELY = 0.8
_SHINGLE = 3


class Voices:
    """Everything that was said in a conversation, by who said it."""

    __slots__ = (
        "_approved",
        "blind",
        "blurred",
        "computed",
        "followed",
        "given",
        "model",
        "records",
        "relied",
        "spoken",
        "system",
        "unseen",
        "untrusted",
        "user",
    )

    def __init__(self) -> None:
        self.user = Said()
        self.system = Said()
        self.model = Said()
        self.untrusted = Said()
        # What the agent itself gave to tools that change something, out of nothing that counts.
        self.given = Said()
        self.blurred = Blurred()
        # What outsiders may have written, and what the model wrote, to look for what is in neither.
        self.unseen = Unseen()
        self.spoken = Unseen()
        # Numbers that stood nowhere when they were given to a tool that changes something.
        self.computed: dict[str, None] = {}
        self.relied: dict[str, Said] = {}
        self.followed: dict[str, None] = {}
        self.records = Records()
        self.blind = False
        self._approved: dict[tuple[str, str, str], None] = {}

    def rely(
        self,
        word: str,
        value: str | float,
        source: Source,
        *,
        prose: bool,
        given: frozenset[str] = frozenset(),
    ) -> None:
        """Remember a value that may be relied on under a word.

        Args:
            word: the word.
            value: a text or a number.
            source: where it came from.
            given: what the call that gave the value was made with; a tool that repeats it says
                nothing about it.
            prose: whether a text is all that was said, so that its lines, the items of its lists
                and the addresses in it count as well. A text that is one field of many counts as
                a whole: what somebody writes into a name is not what the field is trusted for.
        """
        said = self.relied.setdefault(word, Said())
        for text in _elements(value, prose=prose):
            found = sought(text)
            if identity_of(found) not in given:
                said.add(found.tokens, _whole_keys(text, found), source)
        if prose and isinstance(value, str):
            text = normalise(value)
            inside = (key for key in keys_in(text, tokens_of(text)) if key[0] in "mua")
            said.add((), (key for key in inside if key not in given), source)

    def approve(self, tool: str, place: str, value: str | float) -> None:
        """Remember an approved value."""
        self._approved[(tool, place, repr(value))] = None

    def is_approved(self, tool: str, place: str, value: str | float) -> bool:
        """Say whether a value was approved in this place of the arguments of this tool."""
        return (tool, place, repr(value)) in self._approved

    def asks(self, verbs: Sequence[str]) -> bool:
        """Say whether the user's words hold one of some verbs."""
        return any(
            f" {form} " in self.user
            for verb in verbs
            for form in _inflected(folded(" ".join(tokens_of(normalise(verb)))))
        )


def _whole_keys(value: str | float, found: Sought) -> Iterator[str]:
    """Yield the forms in which the whole of a value is remembered."""
    if found.odd:
        yield f"x:{found.odd}"
        return
    if not found.lost:
        yield f"e:{' '.join(found.tokens)}"
    if len(found.groups) == 1 and not found.lost:
        text = normalise(value) if isinstance(value, str) else plainly(value)
        yield from keys_in(text, tokens_of(text))


def _inflected(verb: str) -> tuple[str, ...]:
    if not verb or " " in verb:
        return (verb,) if verb else ()
    stem = verb.removesuffix("e")
    return (verb, f"{verb}s", f"{verb}es", f"{stem}ed", f"{stem}ing")


def _elements(value: str | float, *, prose: bool) -> Iterable[str | float]:
    """Return a value and, for a text of several lines or a list, its lines and items."""
    if not isinstance(value, str):
        return (value,)
    if not prose:
        return dict.fromkeys((value, *elements_of(value)))
    found = [value]
    for line in value.splitlines():
        found.append(line)
        found.extend(part for part in line.replace(";", ",").split(","))
        found.extend(part for part in line.split(":", 1)[1:])
    return [each for each in dict.fromkeys(part.strip() for part in found) if each]


def look(
    voices: Voices,
    value: str | float,
    *,
    tool: str,
    place: str,
    cues: Cues,
    computed: bool = False,
) -> tuple[Origins, ...]:
    """Return where one text or number of a call stands, or the parts that it is put together of.

    Whether it stands nowhere is looked for only if it may be *computed*, since that takes longer.
    """
    origins = _looked(voices, value, cues)
    if computed and _is_nowhere(voices, value, origins):
        origins = replace(origins, nowhere=True)
    if not voices.is_approved(tool, place, value):
        return _composed(voices, value, origins, cues) or (origins,)
    return (_approved(origins),)


def _is_nowhere(voices: Voices, value: str | float, origins: Origins) -> bool:
    """Say whether nobody is known to have said a number, a date or a time, in any form.

    What the model said before may be what it was told, unless the value stood nowhere then.
    """
    if voices.blind or origins.words or origins.untrusted or origins.carries:
        return False
    found = sought(value)
    if not voices.unseen.lacks(found):
        return False
    return identity_of(found) in voices.computed or voices.spoken.lacks(found)


def _composed(
    voices: Voices, value: str | float, origins: Origins, cues: Cues
) -> tuple[Origins, ...]:
    """Return the origins of the parts of a text that is put together of what was said."""
    if origins.words or origins.untrusted or origins.carries or not isinstance(value, str):
        return ()
    parts = parts_of(sought(value).tokens, voices.user, tuple(voices.relied.values()))
    return tuple(
        Origins(words=_USER, sources=("the user's words",))
        if part.said
        else _origins(voices, part.value, cues)
        for part in parts
    )


def _approved(origins: Origins) -> Origins:
    return replace(
        origins,
        words=origins.words | _APPROVED,
        carries=False,
        addresses=tuple(each | _APPROVED for each in origins.addresses),
        sources=(*origins.sources[: _MOST_SOURCES - 1], "a value that was approved"),
    )


def _looked(voices: Voices, value: str | float, cues: Cues) -> Origins:
    found = sought(value)
    if not isinstance(value, str) or found.lost or found.groups:
        whole = _origins(voices, found, cues)
        if isinstance(value, str) and found.lost and (found.leads or hides(value)):
            return replace(whole, carries=True)  # what is in it cannot be told
        if any(key[0] in "mua" for group in found.groups for key in group):
            return replace(whole, carries=not whole.words, addresses=(whole.words,))
        return whole
    plain = _origins(voices, found, cues)
    inside = _inside(voices, value, cues)
    carries = any(not each.words for each in inside)
    words = plain.words
    if not words and len(found.tokens) >= _TEXT and not carries:
        words = _largely(voices, found)
    return Origins(
        words=frozenset() if carries and "user" not in plain.words else words,
        untrusted=plain.untrusted or any(each.untrusted for each in inside),
        carries=carries,
        addresses=tuple(each.words for each in inside),
        sources=tuple(
            dict.fromkeys(source for each in (plain, *inside) for source in each.sources)
        )[:_MOST_SOURCES],
    )


def _inside(voices: Voices, value: str, cues: Cues) -> list[Origins]:
    """Return where the addresses, links and accounts inside a text stand."""
    text = normalise(value)
    tokens = tokens_of(text)
    keys = dict.fromkeys(key for token in tokens for key in address_keys(token) if key[0] in "mu")
    found = [_origins(voices, Sought(groups=((key,),), leads=True), cues) for key in keys]
    for key in dict.fromkeys(accounts_in(text)):
        account = _origins(voices, Sought(groups=((key,),), leads=True), cues)
        if account.untrusted:
            found.append(account)
    return found


def _origins(voices: Voices, found: Sought, cues: Cues) -> Origins:
    if found.lost:
        return Origins()
    words: set[str] = set()
    sources: list[Source] = []
    untrusted = _stands(voices.untrusted, found, cues)
    for word, said in (("user", voices.user), ("system", voices.system)):
        if (source := _said_by(said, found, cues)) is not None:
            words.add(word)
            sources.append(source)
    made = bool(_stands(voices.given, found, cues))
    through = None if made or "user" in words else _through_record(voices, found, cues)
    if through is not None:
        words.add("user")
        sources.append(Source(f"what the user named in {through.told}"))
    for word, said in tuple(voices.relied.items()):
        if not (places := _relied(said, found)):
            continue
        sources.extend(places[:1])
        if word == "host" or not (
            untrusted or voices.blind or made or _contested(voices, word, found, words)
        ):
            words.add(word)
    if any(source.told in voices.followed for source in untrusted):
        words.add("approved")
    sources.extend(untrusted)
    if not sources and _stands(voices.model, found, cues):
        sources.append(Source("the model's own words"))
    told = tuple(dict.fromkeys(source.told for source in sources))[:_MOST_SOURCES]
    return Origins(words=frozenset(words), untrusted=bool(untrusted), sources=told)


def _through_record(voices: Voices, found: Sought, cues: Cues) -> Source | None:
    def names(value: Sought, name_cues: Cues) -> bool:
        return _said_by(voices.user, value, name_cues) is not None

    return voices.records.named(found, cues, names) if found.tokens else None


def _contested(voices: Voices, word: str, found: Sought, words: set[str]) -> bool:
    """Say whether untrusted content names the record of a value, and the user does not."""

    def says(name: Sought, cues: Cues) -> bool:
        return bool(_stands(voices.untrusted, name, cues)) or _blurs(voices, name)

    if "user" in words:
        return False
    return _blurs(voices, found) or voices.records.contested(word, found, says)


def _blurs(voices: Voices, found: Sought) -> bool:
    """Say whether untrusted content names what has several parts in a form of its own."""
    parted = found.leads or len(found.tokens) > 1
    return parted and voices.blurred.names("".join(found.tokens))


def _said_by(said: Said, found: Sought, cues: Cues) -> Source | None:
    """Return the source if somebody whose words count named a value."""
    if not said:
        return None
    if found.odd:
        return said.quotes(found.odd)
    if found.groups and not found.whole:
        places = said.of_kind(found)
        return places[0] if places else None
    if (
        found.whole
        and not cues.identifies
        and (written := said.holds(f"N{found.groups[0][0][1:]}"))
    ):
        return written[0]
    place = named(said.places(found.needle), found, cues) if found.needle else None
    return None if place is None else place.passage.source


def _relied(said: Said, found: Sought) -> list[Source]:
    """Return where a value is the whole of what stands in a place that may be relied on."""
    if found.odd:
        return said.holds(f"x:{found.odd}")
    if found.groups and (places := said.of_kind(found)):
        return places
    if found.tokens and (whole := said.holds(f"e:{' '.join(found.tokens)}")):
        return whole
    return []


def _stands(said: Said, found: Sought, cues: Cues) -> list[Source]:
    """Return where a value stands in what may not be relied on."""
    if found.bare:
        return _meant(said, found, cues)
    if found.groups and (places := said.of_kind(found)):
        return places
    if not found.needle:
        return []
    places_of = itertools.islice(said.places(found.needle), _MOST_PLACES)
    return list(dict.fromkeys(place.passage.source for place in places_of))


def _meant(said: Said, found: Sought, cues: Cues) -> list[Source]:
    """Return where a short number stands as what the argument holds, or too often to tell."""
    sources = dict.fromkeys(said.holds(f"N{found.groups[0][0][1:]}"))
    for count, place in enumerate(said.places(found.needle), 1):
        alone = place.passage.joined == found.needle
        if count == _MOST_PLACES or alone or numbered(*surroundings(place, found), cues):
            sources[place.passage.source] = None
        if count == _MOST_PLACES:
            break
    return list(sources)


def _largely(voices: Voices, found: Sought) -> frozenset[str]:
    """Return whose words a long text largely consists of."""
    tokens = found.tokens
    words = set()
    for word, said in (("user", voices.user), ("system", voices.system)):
        covered = {at for at, token in enumerate(tokens) if token in GRAMMAR}
        for at in range(len(tokens) - _SHINGLE + 1):
            if f" {' '.join(tokens[at : at + _SHINGLE])} " in said:
                covered.update(range(at, at + _SHINGLE))
        others = [token for at, token in enumerate(tokens) if at not in covered]
        if len(others) <= (1 - _LARGELY) * len(tokens) and not any(
            f" {token} " in voices.untrusted for token in others
        ):
            words.add(word)
    return frozenset(words)
