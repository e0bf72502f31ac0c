# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Personal data and secrets that their surroundings give away come out of a stream as of a whole.

What stands before and behind a number names it, addresses go on over words, and what is assigned
may stand on the next line: where such a text is cut must make no difference.
"""

import base64
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification import BUILT_IN_CLASSES
from agentguard.redaction import Event
from agentguard.vocabulary import Action

PII = {
    known.name: Action.REDACT
    for known in BUILT_IN_CLASSES
    if known.family == "pii" and known.name not in {"person", "company", "place", "web_address"}
}
TOKEN = "gh" + "p_" + "0aB" * 12
DRAWN = "q7Zt4Lw9Xb2Rk8Vn3Pd6"
MAIL = "jane.doe@customers.example"

NUMBERS = (
    *("+49 170 1234567", "(415) 555-0132", "415 555 0132", "0171 2345678 x12", "020 7946 0958"),
    *("+1-415-555-0132 ext. 77", "4155550132", "06 12 34 56 78", "030/1234567", "555-0132"),
    *("GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "NL91ABNA0417164300"),
    *("AB 12 34 56 C", "078-05-1120", "536-90-4399", "12345678901", "86095742719", "X1234567L"),
    *("C01X00T47", "943 476 5919", "12 345 678 901", "1EG4-TE5-MK73", "S1234567D", "7501011234567"),
    *("4111 1111 1111 1111", "5500-0055-5555-5559", "378282246310005", "2001:db8::8a2e:370:7334"),
    *("192.168.10.7", "00:1A:2B:3C:4D:5E", "1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "12/05/1980"),
    *("1 2 3 4 5 6 7 8 9 " * 3, "12 34 56 78 90 12 34", "100 200 300", "1980-05-12", "v1.2.3"),
    *("RSS MRA 85T10 A562S", "RSSMRA85T10A562S", "A-1234567", "K 1234567", "L01X00T47 "),
)
NAMES = (
    *(
        "phone",
        "Tel.:",
        "call me at",
        "my SSN is",
        "passport no",
        "IBAN",
        "(mobile)",
        "is my phone",
    ),
    *(
        "driver's license",
        "NHS number",
        "tax id",
        "account number:",
        "born",
        "date of birth:",
        "IP",
    ),
    *("(Reisepass)", "Steuernummer", "numéro de téléphone", "電話", "身份证号", "телефон", "BSN"),
    *("is her national insurance number", "patient id", "wallet", "geb.", "as phone number"),
)
PLACES = (
    *("12 Old Mill Road", "Apt 4B,", "Springfield, IL 62704", "Hauptstraße 12a", "10115 Berlin"),
    *("Am Alten Weg 3", "Calle Mayor 12", "Via Roma, 3", "12 bis, rue de la Paix", "PO Box 1234"),
    *(
        "221B Baker Street London",
        "Address: Lange Gasse 7,",
        "zip code: SW1A 1AA",
        "rue victor Hugo",
    ),
    *("12 March 1980", "March 3, 1975", "3rd of May 1990", "born on", "née le 4 août 1971", "May"),
    *("5 avenue du Maine", "lives at 7 Elm", "New York, NY 10001-1234", "Plaza de la", "Unit 5"),
)
SECRETS = (
    *(
        "the password is hunter2-Qx",
        f"API_KEY={DRAWN}",
        f"password:\n  {DRAWN}",
        "Password=Tr0ub4dor;",
    ),
    *(f'{{"name": "API_KEY", "value": "{DRAWN}"}}', f"<password>{DRAWN}</password>", f"-p{DRAWN}"),
    *(f"<password>\n{DRAWN}\n</password>", f'token = "{DRAWN}"', f'password = "{DRAWN} x"', TOKEN),
    *(f"Authorization: Bearer {DRAWN}", f"curl -u admin:{DRAWN} https://a.example", "secret"),
    *(f"export TOKEN={DRAWN}", f"postgres://u:{DRAWN}@db.example/x", "token", f"key: {DRAWN}"),
    *(base64.b64encode(TOKEN.encode()).decode(), TOKEN.replace("g", "\\u0067"), f"pwd '{DRAWN}'"),
    "<password>\nhunter2Qx9\n</password>",
    f"密码是{DRAWN}谢谢",
    TOKEN.translate({code: code + 0xFEE0 for code in range(33, 127)}),
)
PROSE = (
    *("the", "we met in", "und dann", "le", "número", "of", "is", "a", "and", "at", "Hello", "To"),
    *(
        "你好世界",
        "時間です",
        "Привет мир",
        "See",
        "x=1;",
        "|",
        "| a | b |",
        "-",
        "* item",
        "```",
        "ext",
    ),
    *("[[", "]]", "\\n", '"', "'", ",", ":", "(", ")", "\n\n", "New", "Der Alte Mann", "dot com"),
    *("bob.smith@mail.example.co.uk,", "jane at mail dot example", "[[EMAIL:AAAAAAAA]]", "\u00a0"),
)
PLACEHOLDER = "@placeholder@"
PARTS = st.sampled_from(
    [*NUMBERS * 2, *NAMES * 2, *PLACES, *SECRETS, *PROSE, PLACEHOLDER, PLACEHOLDER]
)
TEXTS = st.lists(
    st.tuples(PARTS, st.sampled_from([" ", " ", " ", "", "\n", ", ", ": ", "\t"])), max_size=12
).map(lambda parts: "".join(itertools.chain.from_iterable(parts)))


def pieces(text: str, cuts: Sequence[int]) -> list[str]:
    """A text in pieces."""
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


def streamed(here: Any, parts: Iterable[str]) -> tuple[str, dict[str, int]]:
    """What a stream shows, and what was counted in it."""
    check = here.stream()
    shown: list[str] = []
    for part in parts:
        shown += (each.shown.content["grow"]["c"] for each in check.feed(grown(part)))
    shown += (each.shown.content["grow"]["c"] for each in check.finish())
    return "".join(shown), dict(check.counts)


def grown(part: str) -> Event:
    """An event with a piece of the text."""
    return Event(None, {"grow": {"c": part}})


def whole(here: Any, text: str) -> tuple[str, dict[str, int]]:
    """What the whole text shows, and what was counted in it."""
    _, shown, counts = here.checked({"text": text}, "/text")
    return shown["text"], dict(counts)


@settings(deadline=None, max_examples=150)
@given(TEXTS, st.lists(st.integers(0, 500), max_size=12))
def test_every_way_of_cutting_gives_the_whole(session: Any, text: str, cuts: list[int]) -> None:
    """What is shown, put together, and what is counted are the same as for the whole text."""
    here = session([MAIL], **PII)
    text = text.replace(PLACEHOLDER, here.placeholders[0])
    expected = whole(here, text)
    assert streamed(here, pieces(text, cuts)) == expected
    assert streamed(here, text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "you can reach 555-0132 as my phone number today",
        "das ist 4155550132 (mobile) und mehr",
        "it is 943 476 5919, her NHS number, and so on",
        "send it to GB82 WEST 1234 5698 7654 32 tomorrow",
        "my SSN is\n078-05-1120 and hers is 536 90 4399 too",
        "he lives at 12 Old Mill Road, Apt 4B, Springfield, IL 62704 with her",
        "c'est au 12 bis, rue victor Hugo puis à droite",
        "er wohnt Am Alten Weg 3 in der Stadt",
        "born on March 3, 1975 in a town",
        "date of birth: 12th of September 1980 it says",
        "call (415) 555-0132 ext. 77 or write",
        "passport no K 1234567 was lost, C01X00T47 is the (Reisepass)",
        "<password>\nhunter2Qx9\n</password> it says",
        f"your password:\n  {DRAWN} is new",
        "here 1 2 3 4 5 6 7 8 9 1 2 3 4 5 6 7 8 9 555 0132 phone",
    ],
    ids=range(15),
)
def test_every_place_to_cut_gives_the_whole(session: Any, text: str) -> None:
    """Cut once at every place, each text comes out as a whole one, and so do single letters."""
    here = session(**PII)
    expected = whole(here, text)
    assert expected[0] != text
    assert all(streamed(here, pieces(text, [cut])) == expected for cut in range(1, len(text)))
    assert streamed(here, text) == expected


def lags(here: Any, text: str) -> int:
    """How many characters are held at most while a text comes letter by letter."""
    check, shown, most = here.stream(), 0, 0
    for came, letter in enumerate(text, 1):
        released = check.feed(grown(letter))
        shown += sum(len(each.shown.content["grow"]["c"]) for each in released)
        most = max(most, came - shown)
    return most


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("and so the old man went down to the sea again, it was late " * 4, 12),
        ("we paid 250 for it, and then the others came along with theirs " * 4, 56),
        ("Il était une fois, dans un pays lointain, quelques hommes très fatigués " * 4, 12),
    ],
    ids=["words", "a number", "accents"],
)
def test_what_is_not_open_is_not_held(session: Any, text: str, most: int) -> None:
    """Words come at once although every class of personal data is looked for; numbers wait."""
    assert lags(session(**PII), text) <= most


def test_cards_and_mail_hold_no_words(session: Any) -> None:
    """Where only cards and addresses of mail are looked for, not even a number waits for words."""
    here = session(payment_card=Action.BLOCK, email=Action.REDACT)
    assert lags(here, "we paid 250 for it, and then the others came along with Theirs " * 4) <= 12
