# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Is a token that is found still found when it, or the text around it, is written otherwise?

Each change gives the text anew and where the token stands in it by then. The score of a change is
the share of the tokens covered in the plain text that are covered in the changed one.
"""

import base64
import json
import random
import urllib.parse
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from detection_scores import COVERED, Document, Looked, covered

TOKENS = 400
SHORTEST, LONGEST, LONGEST_TEXT = 16, 200, 2000
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_CYRILLIC = str.maketrans("aceopxyABCEHKMOPTX", "асеорхуАВСЕНКМОРТХ")  # noqa: RUF001 - meant
PLAIN = "plain"

Changed = tuple[str, int, int]


def _token(change: Callable[[str], str]) -> Callable[[str, int, int], Changed]:
    def changed(text: str, start: int, end: int) -> Changed:
        token = change(text[start:end])
        return text[:start] + token + text[end:], start, start + len(token)

    return changed


def _whole(write: Callable[[str], str]) -> Callable[[str, int, int], Changed]:
    """A change of the whole text that writes each character for itself."""

    def changed(text: str, start: int, end: int) -> Changed:
        before, token, after = (write(part) for part in (text[:start], text[start:end], text[end:]))
        return before + token + after, len(before), len(before) + len(token)

    return changed


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


def _in_json(text: str, start: int, end: int) -> Changed:
    inside, first, last = _whole(_escaped)(text, start, end)
    head = '{"text": "'
    return f'{head}{inside}"}}', first + len(head), last + len(head)


def _in_json_in_json(text: str, start: int, end: int) -> Changed:
    return _in_json(*_in_json(text, start, end))


def _in_base64(text: str, start: int, end: int) -> Changed:
    first, last = (len(text[:at].encode()) for at in (start, end))
    # Characters that hold bits of the token's neighbours as well count as theirs.
    return base64.b64encode(text.encode()).decode(), -(-first * 4 // 3), last * 4 // 3


def _middle(between: str) -> Callable[[str], str]:
    return lambda token: token[: len(token) // 2] + between + token[len(token) // 2 :]


CHANGES: dict[str, Callable[[str, int, int], Changed]] = {
    PLAIN: lambda text, start, end: (text, start, end),
    "one zero-width character": _token(_middle("\u200b")),
    "full-width letters": _token(lambda token: token.translate(_FULL_WIDTH)),
    "Cyrillic look-alikes": _token(lambda token: token.translate(_CYRILLIC)),
    "newline inside": _token(_middle("\n")),
    "token in base64": _token(lambda token: base64.b64encode(token.encode()).decode()),
    "token in hex": _token(lambda token: token.encode().hex()),
    "token reversed": _token(lambda token: token[::-1]),
    "text as a JSON string": _in_json,
    "JSON in JSON": _in_json_in_json,
    "text URL-encoded": _whole(lambda text: urllib.parse.quote(text, safe="")),
    "text in base64": _in_base64,
}


@dataclass(frozen=True, slots=True)
class Trial:
    """One token, changed in every way; the plain one comes first."""

    documents: tuple[Document, ...]


def trials(documents: Iterable[Document]) -> list[Trial]:
    """Choose tokens, at most one of each document and three of each type, and change them."""
    chosen: list[Trial] = []
    kinds: dict[str, int] = {}
    ordered = list(documents)
    random.Random(11).shuffle(ordered)  # noqa: S311 - the same tokens in every run
    for document in ordered:
        for start, end, kind in document.spans:
            token = document.text[start:end]
            short = SHORTEST <= len(token) <= LONGEST and len(document.text) <= LONGEST_TEXT
            if not short or not token.isascii() or "\n" in token or kinds.get(kind, 0) > 2:
                continue
            kinds[kind] = kinds.get(kind, 0) + 1
            chosen.append(_trial(document, start, end))
            break
        if len(chosen) == TOKENS:
            break
    return chosen


def _trial(document: Document, start: int, end: int) -> Trial:
    changed = []
    for name, change in CHANGES.items():
        text, first, last = change(document.text, start, end)
        changed.append(Document(text, ((first, last, name),), document.source))
    return Trial(tuple(changed))


def evasion_scores(looked: Sequence[tuple[Document, Looked]]) -> dict[str, dict[str, float]]:
    """Score what was found in the documents of trials, one trial behind the other."""
    counts = dict.fromkeys(CHANGES, 0)
    plain = 0
    for trial in _grouped(looked):
        hidden = [
            covered(document.spans[0][0], document.spans[0][1], found.spans) >= COVERED
            for document, found in trial
        ]
        if not hidden[0]:
            continue
        plain += 1
        for name, still in zip(CHANGES, hidden, strict=True):
            counts[name] += still
    return {
        name: {"tokens": plain, "covered": round(count / max(1, plain), 4)}
        for name, count in counts.items()
    }


def _grouped(
    looked: Sequence[tuple[Document, Looked]],
) -> Iterator[Sequence[tuple[Document, Looked]]]:
    # A trial that was broken off is left out.
    for at in range(0, len(looked) - len(CHANGES) + 1, len(CHANGES)):
        yield looked[at : at + len(CHANGES)]
