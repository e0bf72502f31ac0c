# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Can a credential pass by being written otherwise?

Each test tells one way that was tried: what a reader, a model or a program would still read as the
credential. Whatever was changed is covered as a whole, nothing of it is left.
"""

import base64
import html
import json
import random
import re
import urllib.parse
from collections.abc import Callable, Iterable, Sequence
from functools import partial

import pytest

from agentguard.classification import Classifier, build_classifier
from agentguard.classification.formats import TOKEN_FORMATS, TokenFormat
from agentguard.testing.token_examples import TokenExample, token_examples
from agentguard.vocabulary import Finding, Profile

SEED = 11
MOST, LONGEST = 300, 300
# Of what is covered in plain text, so much is covered however it is written.
LEAST = 0.95
BALANCED = Profile.BALANCED
_LETTERS = re.compile(r"[A-Za-z0-9_+/=.~-]{20,}")

Change = Callable[[str], str]

_CYRILLIC = str.maketrans(
    "aceopxyABCEHKMOPTX",
    "\u0430\u0441\u0435\u043e\u0440\u0445\u0443\u0410\u0412\u0421\u0415\u041d\u041a\u041c\u041e\u0420\u0422\u0425",
)
_GREEK = str.maketrans(
    "ABEHIKMNOPTXYZov",
    "\u0391\u0392\u0395\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a7\u03a5\u0396\u03bf\u03bd",
)
_WIDE = {code: code + 0xFEE0 for code in range(33, 127)}
_BOLD = {
    **{ord("A") + place: 0x1D400 + place for place in range(26)},
    **{ord("a") + place: 0x1D41A + place for place in range(26)},
    **{ord("0") + place: 0x1D7CE + place for place in range(10)},
}
_CIRCLED = {
    **{ord("A") + place: 0x24B6 + place for place in range(26)},
    **{ord("a") + place: 0x24D0 + place for place in range(26)},
}
_TAGS = {code: 0xE0000 + code for code in range(33, 127)}


def _each(written: Callable[[int], str]) -> Change:
    return lambda text: "".join(map(written, text.encode()))


def _between(mark: str) -> Change:
    return mark.join


def _in_the_middle(mark: str) -> Change:
    return lambda text: text[: len(text) // 2] + mark + text[len(text) // 2 :]


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _url_safe(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _escaped(text: str) -> str:
    return json.dumps(text)[1:-1]


def _twice(change: Change) -> Change:
    return lambda text: change(change(text))


TOKEN_CHANGES: dict[str, Change] = {
    "a zero-width character": _in_the_middle("\u200b"),
    "zero-width characters": _between("\u200d"),
    "a soft hyphen": _in_the_middle("\u00ad"),
    "directions": _in_the_middle("\u202e\u202c"),
    "a variation selector": _in_the_middle("\ufe0f"),
    "a control": _in_the_middle("\x08"),
    "strokes through letters": lambda text: "".join(f"{each}\u0336" for each in text),
    "full width": lambda text: text.translate(_WIDE),
    "mathematical letters": lambda text: text.translate(_BOLD),
    "circled letters": lambda text: text.translate(_CIRCLED),
    "Cyrillic": lambda text: text.translate(_CYRILLIC),
    "Greek": lambda text: text.translate(_GREEK),
    "tags": lambda text: text.translate(_TAGS),
    "base64": _base64,
    "base64 for URLs": _url_safe,
    "base64 in base64": _twice(_base64),
    "base64 in hexadecimal": lambda text: _base64(text).encode().hex(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
    "bytes with blanks": lambda text: text.encode().hex(" "),
    "bytes with colons": lambda text: text.encode().hex(":"),
    "a list of bytes": lambda text: ", ".join(f"0x{byte:02x}" for byte in text.encode()),
    "escaped bytes": _each("\\x{:02x}".format),
    "octal": _each("\\{:03o}".format),
    "URL escapes": _each("%{:02X}".format),
    "URL escapes twice": _each("%25{:02x}".format),
    "entities": _each("&#{};".format),
    "entities in hexadecimal": _each("&#x{:X};".format),
    "units": _each("\\u{:04x}".format),
    "units twice": _each("\\\\u{:04x}".format),
    "units in braces": _each("\\u{{{:x}}}".format),
    "long units": _each("\\U{:08x}".format),
    "quoted-printable": _each("={:02X}".format),
}
# Only formats that begin with something distinctive are told when a token is in pieces.
TOLD_CHANGES: dict[str, Change] = {
    "backwards": lambda text: text[::-1],
    "over two lines": _in_the_middle("\n"),
    "over two quoted lines": _in_the_middle("\n> "),
    "a blank": _in_the_middle(" "),
    "two strings": _in_the_middle('" + "'),
    "lines of base64": lambda text: base64.encodebytes(text.encode()).decode().strip(),
}
TEXT_CHANGES: dict[str, Change] = {
    "JSON": _escaped,
    "JSON in JSON": _twice(_escaped),
    "URL": partial(urllib.parse.quote, safe=""),
    "URL twice": _twice(partial(urllib.parse.quote, safe="")),
    "form": urllib.parse.quote_plus,
    "HTML": html.escape,
    "base64": _base64,
    "lines of base64": lambda text: base64.encodebytes(text.encode()).decode(),
    "base64 of JSON": lambda text: _base64(json.dumps({"text": text})),
    "JSON of base64": lambda text: json.dumps({"text": _base64(text)}),
    "hexadecimal": lambda text: text.encode().hex(),
    "data URI": lambda text: f"data:text/plain;base64,{_base64(text)}",
}


@pytest.fixture(scope="module")
def finder() -> Classifier:
    """The classifier that a policy without any wish gives."""
    return build_classifier()


def _made(finder: Classifier, rows: Iterable[TokenFormat]) -> list[TokenExample]:
    """Make one token of each format and keep those that are covered in plain text."""
    made = [token_examples(row, 1, SEED)[0] for row in rows if BALANCED.includes(row.profile)]
    random.Random(SEED).shuffle(made)  # noqa: S311 - a choice of examples
    return [
        each
        for each in made
        if len(each.text) <= LONGEST
        and "\n" not in each.text
        and _covers(finder.findings(each.text), each.start, each.end)
    ][:MOST]


@pytest.fixture(scope="module")
def tokens(finder: Classifier) -> list[TokenExample]:
    """Tokens of many formats."""
    return _made(finder, TOKEN_FORMATS)


@pytest.fixture(scope="module")
def told_tokens(finder: Classifier) -> list[TokenExample]:
    """Tokens of formats that begin with something distinctive, in letters of tokens."""
    rows = (
        row
        for row in TOKEN_FORMATS
        if row.before <= 6
        and not row.any_case
        and all(len(word) > 2 and not word.isalpha() for word in row.keywords)
    )
    made = _made(finder, rows)
    return [each for each in made if each.start == 0 and _LETTERS.fullmatch(each.token)]


def _covers(findings: Sequence[Finding], start: int, end: int) -> bool:
    hidden = sum(max(0, min(each.end, end) - max(each.start, start)) for each in findings)
    return hidden >= 0.9 * (end - start)


def _share(found: Sequence[bool]) -> float:
    return sum(found) / len(found)


@pytest.mark.parametrize("name", TOKEN_CHANGES)
def test_a_token_written_otherwise_is_covered(
    finder: Classifier, tokens: list[TokenExample], name: str
) -> None:
    """A token in its place, encoded or in other letters, is covered to its last character."""
    found = []
    for each in tokens:
        token = TOKEN_CHANGES[name](each.token)
        text = f"{each.text[: each.start]}{token}{each.text[each.end :]}"
        found.append(_covers(finder.findings(text), each.start, each.start + len(token)))
    assert _share(found) >= LEAST


@pytest.mark.parametrize("name", TOLD_CHANGES)
def test_a_token_in_pieces_is_covered(
    finder: Classifier, told_tokens: list[TokenExample], name: str
) -> None:
    """A token that its beginning gives away is covered in pieces, too, and backwards."""
    found = []
    for each in told_tokens:
        token = TOLD_CHANGES[name](each.token)
        text = f'It is "{token}".'
        found.append(_covers(finder.findings(text), 7, 7 + len(token)))
    assert len(found) > 100
    assert _share(found) >= LEAST


@pytest.mark.parametrize("name", TEXT_CHANGES)
def test_a_text_written_otherwise_is_read(
    finder: Classifier, tokens: list[TokenExample], name: str
) -> None:
    """A whole text that is encoded is read, and the token's place in it is covered."""
    change = TEXT_CHANGES[name]
    found = []
    for each in tokens:
        text = f'Please use the following line:\n"{each.text}"\nThank you.'
        start = text.index(each.text) + each.start
        written, before = change(text), change(text[:start])
        if written.startswith(before):
            end = len(change(text[: start + len(each.token)]))
            found.append(_covers(finder.findings(written), len(before), end))
        else:
            found.append(bool(finder.findings(written)))
    assert _share(found) >= LEAST


def test_words_are_not_glued_to_a_token(finder: Classifier) -> None:
    """The words behind the beginning of a token stay, however many there are."""
    for text in (
        "a key begins with sk-\nand is followed by many letters that nobody knows",
        "use ghp_ as the prefix of all the tokens that you make here today",
        "AKIA IS WHAT ALL OF THEM BEGIN WITH",
    ):
        assert finder.findings(text) == ()
