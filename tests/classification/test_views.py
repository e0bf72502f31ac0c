# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""What a text says once it is decoded: the way back, how deep, how much, how long it takes."""

import base64
import functools
import json
import random
import sys
import urllib.parse
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.views import views_of
from agentguard.classification.views.chain import DEEPEST
from agentguard.classification.views.runs import Held
from agentguard.classification.views.view import Copy, Site
from agentguard.classification.views.windows import AROUND, view_around

SECRET = "swordfish-77-Trombone"


def base64_of(text: str) -> str:
    """A text in base64."""
    return base64.b64encode(text.encode()).decode()


def hex_of(text: str) -> str:
    """A text in hexadecimal."""
    return text.encode().hex()


def json_of(text: str) -> str:
    """A text as it stands in a JSON string."""
    return json.dumps(text)[1:-1]


def url_of(text: str) -> str:
    """A text in which every character is a URL escape."""
    return "".join(f"%{byte:02X}" for byte in text.encode())


def entities_of(text: str) -> str:
    """A text in which every character is an HTML entity."""
    return "".join(f"&#{ord(character)};" for character in text)


def units_of(text: str) -> str:
    """A text in which every character is a JSON escape."""
    return "".join(f"\\u{ord(character):04x}" for character in text)


def wide_of(text: str) -> str:
    """A text in full width."""
    return text.translate({code: code + 0xFEE0 for code in range(33, 127)})


ENCODINGS: tuple[Callable[[str], str], ...] = (
    base64_of,
    hex_of,
    url_of,
    entities_of,
    units_of,
    wide_of,
)
ENCODED = st.lists(st.sampled_from(ENCODINGS), min_size=1, max_size=2)


def covered(text: str, wanted: str, *, over_blanks: bool = False) -> list[str]:
    """The places of a text in which one of its views says what is wanted."""
    views = views_of(text)
    places: list[str] = []
    for view in views.over_blanks if over_blanks else views.plain:
        start = view.text.find(wanted)
        if start >= 0:
            places += (text[a:b] for a, b in view.places(start, start + len(wanted)))
    return places


@settings(deadline=None, max_examples=200)
@given(ENCODED, st.sampled_from(("", "key: ", 'x="', "see (", "\u00e9t\u00e9 ")))
def test_an_encoded_secret_is_read_and_its_whole_place_is_known(
    encodings: list[Callable[[str], str]], before: str
) -> None:
    """Whatever two encodings are put on a secret, all that was encoded belongs to it."""
    encoded = SECRET
    for encode in encodings:
        encoded = encode(encoded)
    assert encoded in covered(f"{before}{encoded} and more", SECRET)


@pytest.mark.parametrize("encode", [base64_of, hex_of, url_of, json_of, urllib.parse.quote])
def test_a_whole_document_is_read(encode: Callable[[str], str]) -> None:
    """What surrounds a secret in an encoded document is read with it."""
    document = f'{{"name": "value", "password":\n\t"{SECRET}"}} and some words around it'
    views = views_of(encode(document)).plain
    assert document in {view.text for view in views}


def test_places_of_a_copy_are_parted_where_the_copy_is() -> None:
    """A finding over what was left out covers each side of it and not what was left out."""
    text = "0123456789"
    copy = Copy(text)
    copy.keep(1, 3)
    copy.put(Site(3, 6, "xy"))
    copy.part()
    copy.keep(8, 10)
    view = copy.view()
    assert view.text == "12xy\n89"
    assert view.places(0, 1) == [(1, 2)]
    assert view.places(1, 3) == [(2, 6)]
    assert view.places(0, 7) == [(1, 6), (8, 10)]
    assert view.places(4, 5) == []


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3000), st.integers(1, 5), st.text("ab", max_size=3)), max_size=9
    )
)
def test_a_view_around_sites_says_what_the_text_says(parts: list[tuple[int, int, str]]) -> None:
    """Each character of a view stands for a place that holds it, or that was decoded to it."""
    text = ("some words and 012345 " * 200)[:4000]
    sites: list[Site] = []
    for start, size, instead in sorted(parts):
        if not sites or start >= sites[-1].end:
            sites.append(Site(start, start + size, instead))
    view = view_around(text, sites)
    if view is None:
        assert not sites
        return
    decoded = {(site.start, site.end): site.instead for site in sites}
    for place, character in enumerate(view.text):
        for start, end in view.places(place, place + 1):
            assert character in decoded.get((start, end), text[start:end])
    for site in sites:
        kept = view.text.count(text[site.end : site.end + 1])
        assert kept or site.end + AROUND >= len(text)


def test_what_is_far_from_anything_decoded_is_left_out() -> None:
    """A view of a long text with one escape is short."""
    (view,) = views_of("words " * 10_000 + "%41" + " words" * 10_000).plain
    assert len(view.text) < 10 * AROUND


def test_plain_texts_have_no_views() -> None:
    """Prose, code, paths, hashes and other languages are not looked at twice."""
    for text in (
        "The quick brown fox, 100% of it, jumps & runs; a=b\nC:\\new\\table",
        'printf("%d\\n", x); /usr/lib/python3/dist-packages/module_name.py',
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "h1:Q/e+OJ2CUfj1vnTHKlVBGWY9gQ4k8yQvxjNyr0UEMfM=\nnext v1.0.0",
        "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440. caf\u00e9 na\u00efve",
        "\u4f60\u597d\uff0c\u4e16\u754c\u3002 \u2764\ufe0f \U0001f468\u200d\U0001f469",
    ):
        assert views_of(text).over_blanks == []


def test_no_more_is_taken_off_than_a_few_encodings() -> None:
    """What was encoded many times ends the search, and so does what decodes to itself."""
    text = SECRET
    for _ in range(8):
        text = base64_of(text)
    assert len(views_of(text).plain) == DEEPEST


NOISE = random.Random(3).randbytes(1_500)  # noqa: S311 - the same in every run
HOSTILE: dict[str, Callable[[int], str]] = {
    "base64": lambda n: base64.b64encode(NOISE * (n // 2000 + 1)).decode()[:n],
    "base64 of text": lambda n: base64_of("some words, " * n)[:n],
    "base64 in base64": lambda n: base64_of(base64_of(base64_of("words! " * n)))[:n],
    "base64 lines": lambda n: base64.encodebytes(b"words and " * n).decode()[:n],
    "small base64": lambda n: (base64_of("hello there, you") + " ") * (n // 25),
    "hexadecimal": lambda n: NOISE.hex() * (n // 3000 + 1),
    "hexadecimal of text": lambda n: hex_of("some words, " * n)[:n],
    "bytes": lambda n: "41 42, " * (n // 7),
    "url": lambda n: "%41" * (n // 3),
    "url of url": lambda n: "%2541" * (n // 5),
    "percent": lambda n: "%" * n,
    "plus": lambda n: "%41+" * (n // 4),
    "units": lambda n: "\\u0041" * (n // 6),
    "surrogates": lambda n: "\\ud83d\\ude00\\ud83d" * (n // 18),
    "braces": lambda n: "\\u{41}" * (n // 6),
    "octal": lambda n: "\\101" * (n // 4),
    "backslashes": lambda n: "\\" * n,
    "quotes": lambda n: '\\"a' * (n // 3),
    "entities": lambda n: "&#65;" * (n // 5),
    "mixed entities": lambda n: "&#65;&#x42;&lt;" * (n // 15),
    "quoted-printable": lambda n: "=41=42=\n" * (n // 8),
    "zero-width": lambda n: "\u200b" * n,
    "zero-width between": lambda n: "a\u200b" * (n // 2),
    "marks": lambda n: "a\u0301" * (n // 2),
    "look-alikes": lambda n: "a\u0430" * (n // 2),
    "accents": lambda n: "\u00e91" * (n // 2),
    "full width": lambda n: "\uff21" * n,
    "tags": lambda n: "\U000e0041" * n,
    "tags between": lambda n: ("\U000e0041" * 8 + "\u200b") * (n // 9),
    "controls": lambda n: "a\x01" * (n // 2),
    "words": lambda n: "word4 " * (n // 6),
    "line": lambda n: "x" * n,
}


def calls_of(function: Callable[[], Any]) -> int:
    """How many functions a function calls in all."""
    count = 0

    def called(_frame: FrameType, event: str, _arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        function()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("name", HOSTILE)
def test_the_work_grows_with_the_text_alone(name: str) -> None:
    """Twice the text makes twice the calls and views as long as a few texts, whatever it holds."""
    size = 20_000
    small, large = HOSTILE[name](size), HOSTILE[name](2 * size)
    views = views_of(large)
    assert sum(len(view.text) for view in views.over_blanks) <= 4 * len(large)
    once, twice = (calls_of(functools.partial(views_of, text)) for text in (small, large))
    assert twice <= 2.5 * once + 200


@settings(deadline=None, max_examples=300)
@given(st.text(st.sampled_from("aA1+/=%\\u{}&#x;4 \n\u200b\uff21\u0430\u0301\U000e0041\x01\ufffd")))
def test_any_text_has_views_that_map_into_it(text: str) -> None:
    """Whatever is decoded, every place of every view lies inside the text."""
    views = views_of(text)
    for view in (*views.plain, *views.over_blanks):
        assert view.text.encode("utf-8") is not None
        for place in range(len(view.text)):
            for start, end in view.places(place, place + 1):
                assert 0 <= start < end <= len(text)


def test_a_view_shows_no_text_in_its_repr() -> None:
    """The repr of a view says how long it is and nothing of what it says."""
    (view,) = views_of(f"see {base64_of(SECRET)}").plain
    assert SECRET not in repr(view)


def test_what_a_view_is_made_of_shows_no_text_in_its_repr() -> None:
    """The repr of a decoded place says where it is and nothing of what it says."""
    assert SECRET not in f"{Site(0, 9, SECRET)!r} {Held(0, 9, SECRET)!r}"
