# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Escapes are decoded as the programs decode them that read them."""

import html
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification.views.escapes import escape_sites


def decoded(text: str) -> str:
    """A text with its escapes decoded."""
    parts: list[str] = []
    behind = 0
    for site in escape_sites(text):
        assert site.start >= behind
        parts += (text[behind : site.start], site.instead)
        behind = site.end
    return "".join((*parts, text[behind:]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a%41%c3%A9z", "aA\u00e9z"),
        ("a%41%ff%41", "aA\u00ffA"),
        ("x%41+b%2Bc d+e", "xA b+c d+e"),
        ("\\x41\\x42", "AB"),
        ("\\u0041\\u00e9", "A\u00e9"),
        ("\\ud83d\\ude00\\u0041", "\U0001f600A"),
        ("\\ud83d\\u0041", "\ufffdA"),
        ("\\u{41}\\u{1f600}\\u{ffffff}", "A\U0001f600\ufffd"),
        ("\\U0001f600\\Uffffffff", "\U0001f600\ufffd"),
        ("\\101\\102", "AB"),
        ('\\"a\\/b\\n\\\\', '"a/b\n\\'),
        ("\\\\u0041", "\\u0041"),
        ("&#65;&#x42;&#0067;", "ABC"),
        ("&#65&#66 x", "AB x"),
        ("&lt;&amp;&quot;&lowbar;&colon;&unknown;&eacute;", '<&"_:&unknown;&eacute;'),
        ("&#55296;&#9999999;", "\ufffd\ufffd"),
        ("=41=42, a=3Db, c=3d, x=41", "AB, a=b, c=3d, x=41"),
    ],
)
def test_each_kind_of_escape_is_decoded(text: str, expected: str) -> None:
    """An escape becomes what it stands for, and what is none stays."""
    assert decoded(text) == expected


@pytest.mark.parametrize(
    "text", ["100% of it", "a\\nb\\tc", "don\\'t", "a & b", "x = 1", "C:\\ x", "%zz", "&;", "a=b"]
)
def test_what_hides_nothing_is_no_reason_to_look_again(text: str) -> None:
    """Line breaks as escapes alone, and characters that only look like an escape, are left."""
    assert escape_sites(text) == []


@settings(deadline=None)
@given(st.text(max_size=30))
def test_what_others_escape_is_read(text: str) -> None:
    """URL escapes and HTML entities of any text give the text again."""
    text = text.encode("utf-8", "replace").decode()
    assert decoded(urllib.parse.quote(f"\u00e9{text}", safe="")) == f"\u00e9{text}"
    entities = "".join(f"&#{ord(each)};" for each in text)
    assert decoded(entities) == html.unescape(entities) or "&" in text or not text.isprintable()


@settings(deadline=None)
@given(st.text(st.sampled_from("aA14%\\u{}&#x;=3Ddn+ \u00e9"), max_size=40))
def test_places_of_escapes_do_not_overlap(text: str) -> None:
    """Every place lies in the text behind the one before, and its stride fits its length."""
    behind = 0
    for site in escape_sites(text):
        assert behind <= site.start < site.end <= len(text)
        assert not site.stride or site.stride * len(site.instead) == site.end - site.start
        behind = site.end
