# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does an answer say what only a passage asked for that speaks to the model?

Compares an answer with such passages word by word. It finds a name, an address or an id that stands
in one of them and that nobody asked for; and any run of words of one that is long enough to be no
accident. What the user, the program or a trusted tool said excuses it. Other content of tools
excuses a run that it holds, too, but a name only together with a word beside it: a name is easily
put into other content as well.
Words are compared, not meanings: a passage that is told in other words, without its names, is not
recognised.

INVARIANT: without passages nothing is found, and a text that shares no two words and no name with
one holds no finding (tests/classification/test_echoes.py).
INVARIANT: what is found in a text that still grows does not change once more words follow it
(tests/classification/test_echoes.py).
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from agentguard.classification.classes import ECHOED_INSTRUCTIONS
from agentguard.classification.passages import texts_in
from agentguard.vocabulary import Finding

# So many words of a passage that say something make a run of it.
LONG_RUN = 4
SHORTEST_ID = 6
SHORTEST_NAME = 4
# Words beside a name that other content must hold, too.
MOST_PLACES = 16
MOST_WORDS = 20_000

_UNSEEN = "\u00ad\u034f\u200b-\u200f\u2060-\u2064\ufeff"
_WIDE = "\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3"
# An escape, as in JSON, is no letter of the word behind it.
_WORD = re.compile(rf"\\[nrtbf]|[{_WIDE}]|(?:[^\W_{_WIDE}][{_UNSEEN}]*)+")
_HIDDEN = re.compile(f"[{_UNSEEN}]+")
_ADDRESS = re.compile(
    r"(?i)(?:https?://)?(?:[\w.+-]{1,64}@)?(?:[a-z0-9-]{1,63}\.){1,6}[a-z]{2,24}(?:[/?#][^\s\"'<>`]*)?"
    r"|\[\[[A-Z_]{2,40}:[0-9A-Z]{4,16}\]\]"
)
_SENTENCE_ENDS = re.compile(r"[.!?:;\u3002\uff01\uff1f\n*#>\"'\u201c(\[{]|-\s")
_NOTHING_SAID = frozenset(
    [
        "a",
        "an",
        "and",
        "are",
        "as",
        "at",
        "be",
        "by",
        "for",
        "from",
        "has",
        "have",
        "i",
        "if",
        "in",
        "is",
        "it",
        "its",
        "me",
        "my",
        "no",
        "not",
        "of",
        "on",
        "or",
        "so",
        "that",
        "the",
        "their",
        "them",
        "there",
        "this",
        "to",
        "was",
        "we",
        "were",
        "will",
        "with",
        "you",
        "your",
        "he",
        "she",
        "they",
        "do",
        "does",
        "did",
        "am",
        "been",
        "but",
        "der",
        "die",
        "das",
        "den",
        "dem",
        "ein",
        "eine",
        "und",
        "ist",
        "zu",
        "im",
        "in",
        "von",
        "mit",
        "für",
        "auf",
        "es",
        "sich",
        "nicht",
        "le",
        "la",
        "les",
        "un",
        "une",
        "et",
        "est",
        "de",
        "des",
        "du",
        "en",
        "que",
        "qui",
        "pour",
        "dans",
        "avec",
        "el",
        "los",
        "las",
        "y",
        "es",
        "por",
        "con",
        "para",
        "se",
        "il",
        "lo",
        "gli",
        "di",
        "e",
        "per",
        "che",
        "non",
        "o",
        "da",
        "do",
        "os",
        "uma",
        "em",
        "het",
        "een",
        "van",
    ]
)
# Capitalised wherever they stand, and in every text.
_COMMON = frozenset(
    [
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
        "english",
        "please",
        "thanks",
        "thank",
        "important",
        "attention",
        "note",
        "todo",
        "instead",
        "ignore",
        "system",
        "user",
        "assistant",
        "information",
        "instruction",
        "instructions",
        "signed",
        "dear",
        "hello",
        "gpt",
        "chatgpt",
        "claude",
        "gemini",
        "llama",
        "mistral",
        "openai",
        "anthropic",
        "assistant",
        "model",
        "email",
        "subject",
        "body",
        "title",
        "mr",
        "mrs",
        "ms",
        "dr",
        "yes",
        "however",
        "also",
    ]
)


_PARTED = " \n "


class _Word(NamedTuple):
    """A word as it is compared, where it stands, and how it is written.

    ``begins`` says that a sentence or a line begins with it, so that its capital means nothing.
    """

    folded: str
    start: int
    end: int
    capital: bool
    begins: bool

    def __repr__(self) -> str:
        return f"_Word({self.start} to {self.end})"


class Words:
    """What somebody said, as words that may be looked for in any run."""

    __slots__ = ("_single", "_text")

    def __init__(self, texts: Iterable[str], *, without: Iterable["Passage"] = ()) -> None:
        """Take texts in; no run goes from one into the next.

        Args:
            texts: what was said.
            without: passages that stand in them and were said by somebody else.
        """
        parts = (
            " ".join(word.folded for word in _words(part))
            for text in texts
            for part in texts_in(text)
        )
        said = f" {_PARTED.join(parts)} "
        for passage in without:
            if passage.words:
                said = said.replace(f" {' '.join(passage.words)} ", _PARTED)
        self._text = said
        self._single = frozenset(said.split())

    def __repr__(self) -> str:
        return f"Words({len(self._single)} words)"

    def hold(self, run: Sequence[str]) -> bool:
        """Say whether these words stand one after the other."""
        if not all(word in self._single for word in run):
            return False
        return f" {' '.join(run)} " in self._text

    def __contains__(self, word: str) -> bool:
        return word in self._single


class Passage:
    """A passage that speaks to a model, ready to be compared."""

    __slots__ = ("begins", "capitals", "ids", "words")

    def __init__(self, text: str) -> None:
        found = _words(text)[:MOST_WORDS]
        self.words = tuple(word.folded for word in found)
        self.capitals = tuple(word.capital for word in found)
        self.begins = tuple(word.begins for word in found)
        self.ids = tuple(_ids(text, found))

    def __repr__(self) -> str:
        return f"Passage({len(self.words)} words)"


class _Run(NamedTuple):
    """Words ``start`` to ``end`` of an answer, which stand in a passage from ``place`` on."""

    start: int
    end: int
    passage: Passage
    place: int


class Echoes:
    """Looks for passages in answers; immutable, so that threads may share it."""

    __slots__ = ("_asked", "_names", "_other", "_pairs", "_singles")

    def __init__(self, passages: Iterable[Passage], *, asked: Words, other: Words) -> None:
        """Prepare.

        Args:
            passages: what speaks to the model.
            asked: what may be relied on: the words of the user, of the program, of trusted tools.
            other: what else stands in the conversation, without the passages.
        """
        self._asked = asked
        self._other = other
        self._pairs: dict[tuple[str, str], list[tuple[Passage, int]]] = {}
        self._singles: set[str] = set()
        self._names: set[str] = set()
        for passage in passages:
            self._learn(passage)

    def __repr__(self) -> str:
        return f"Echoes({len(self._pairs)} pairs of words)"

    def _learn(self, passage: Passage) -> None:
        words, capitals = passage.words, passage.capitals
        for place in range(len(words) - 1):
            places = self._pairs.setdefault((words[place], words[place + 1]), [])
            if len(places) < MOST_PLACES:
                places.append((passage, place))
        for place, word in enumerate(words):
            alone = (capitals[place] and not passage.begins[place]) and not any(
                capitals[near] for near in (place - 1, place + 1) if 0 <= near < len(words)
            )
            if alone and len(word) >= SHORTEST_NAME and self._is_new(word):
                self._singles.add(word)
        for first, last in passage.ids:
            if last - first == 1 and self._is_new(words[first]):
                self._singles.add(words[first])

    def _is_new(self, word: str) -> bool:
        return word not in _COMMON and word not in self._asked and word not in self._other

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return sorted findings that do not overlap."""
        words = _words(text)
        found = [span for run in self._runs(words) for span in self._judged(run, words)]
        found += [(at, at + 1) for at, word in enumerate(words) if word.folded in self._singles]
        return tuple(
            Finding(
                start=words[start].start,
                end=words[end - 1].end,
                data_class=ECHOED_INSTRUCTIONS,
                detector=ECHOED_INSTRUCTIONS,
            )
            for start, end in _together(sorted(found))
        )

    def open_from(self, text: str, base: int) -> int:
        """Return where, from *base* on, a run stands that the next words may go on with.

        The end of the text if there is none. The last word counts as one that may still grow.
        """
        words = _words(text)
        start = len(text)
        for run in self._runs(words[:-1]):
            if run.end >= len(words) - 2:
                start = min(start, words[run.start].start)
        near = words[-3:]
        if near and base <= near[0].start:
            start = min(start, near[0].start)
        return max(base, start)

    def _runs(self, words: Sequence[_Word]) -> Iterator[_Run]:
        """Yield the longest runs of each passage that stand in the words."""
        for start in range(len(words) - 1):
            pair = (words[start].folded, words[start + 1].folded)
            before = words[start - 1].folded if start else None
            for passage, place in self._pairs.get(pair, ()):
                if before is not None and place and passage.words[place - 1] == before:
                    continue  # a part of a run that was found
                yield _Run(start, _extent(words, start, passage.words, place), passage, place)

    def _judged(self, run: _Run, words: Sequence[_Word]) -> Iterator[tuple[int, int]]:
        """Yield the parts of a run that are an echo."""
        folded = [word.folded for word in words[run.start : run.end]]
        telling = [
            word for word in dict.fromkeys(folded) if _tells(word) and word not in self._asked
        ]
        weight = sum(0.5 if _is_wide(word) else 1.0 for word in telling)
        if weight >= LONG_RUN and not self._asked.hold(folded) and not self._other.hold(folded):
            yield run.start, run.end
            return
        yield from self._named(run, words)
        for first, last in run.passage.ids:
            start, end = (run.start + place - run.place for place in (first, last))
            if run.start <= start and end <= run.end and last - first > 1:
                said = [word.folded for word in words[start:end]]
                if not self._asked.hold(said) and not self._other.hold(said):
                    yield start, end

    def _named(self, run: _Run, words: Sequence[_Word]) -> Iterator[tuple[int, int]]:
        """Yield the names in a run: capital words side by side, here or in the passage."""
        at = run.start
        while at < run.end:
            stop = at
            while stop < run.end and (
                words[stop].capital or run.passage.capitals[run.place + stop - run.start]
            ):
                stop += 1
            first = run.place + at - run.start
            begins = at < stop and words[at].begins and run.passage.begins[first]
            if self._is_echoed_name(words, at, stop, begins=begins):
                yield at, stop
            at = max(stop, at + 1)

    def _is_echoed_name(
        self, words: Sequence[_Word], start: int, end: int, *, begins: bool
    ) -> bool:
        name = [word.folded for word in words[start:end]]
        if sum(1 for word in name if _tells(word) and word not in _COMMON) < 2:  # noqa: PLR2004 - a name alone has two words
            return False
        if self._asked.hold(name) or (begins and self._asked.hold(name[1:])):
            return False
        beside = [
            [word.folded for word in words[max(0, start - 1) : end]],
            [word.folded for word in words[start : end + 1]],
        ]
        return not any(len(each) > len(name) and self._other.hold(each) for each in beside)


def _words(text: str) -> list[_Word]:
    words: list[_Word] = []
    for match in _WORD.finditer(text):
        raw = match.group()
        if raw[0] == "\\":
            continue
        seen = raw if raw.isascii() else _HIDDEN.sub("", raw)
        folded = (seen if raw.isascii() else unicodedata.normalize("NFKC", seen)).casefold()
        start = match.start()
        begins = not words or _SENTENCE_ENDS.search(text[words[-1].end : start]) is not None
        words.append(_Word(folded, start, match.end(), seen[:1].isupper(), begins))
    return words


def _extent(words: Sequence[_Word], start: int, passage: Sequence[str], place: int) -> int:
    """Return where the run ends that begins at *start* in the words and at *place* in a passage."""
    most = min(len(words) - start, len(passage) - place)
    size = 2
    while size < most and words[start + size].folded == passage[place + size]:
        size += 1
    return start + size


def _ids(text: str, words: Sequence[_Word]) -> Iterator[tuple[int, int]]:
    """Yield which words of a passage are an address or an id."""
    at = 0
    for match in _ADDRESS.finditer(text):
        while at < len(words) and words[at].start < match.start():
            at += 1
        end = at
        while end < len(words) and words[end].end <= match.end():
            end += 1
        if end > at + 1:
            yield at, end
    for place, word in enumerate(words):
        if len(word.folded) >= SHORTEST_ID and any(map(str.isdigit, word.folded)):
            yield place, place + 1


def _tells(word: str) -> bool:
    return word not in _NOTHING_SAID and (len(word) > 1 or _is_wide(word))


def _is_wide(word: str) -> bool:
    return len(word) == 1 and not word.isascii()


def _together(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    start = end = -1
    for first, last in spans:
        if first > end or end < 0:
            if end > 0:
                yield start, end
            start, end = first, last
        else:
            end = max(end, last)
    if end > 0:
        yield start, end
