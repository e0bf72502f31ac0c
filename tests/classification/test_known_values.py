# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Values that are known are found exactly, in the encodings in which they travel."""

import base64
import html
import json
import threading
import urllib.parse

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification import KnownValues
from agentguard.vocabulary import KnownValue

SECRET = 'hunter2 "quoted"/+ü'
WORDS = st.text("abAB1-", min_size=4, max_size=6)


def known(*values: str, encoded: bool = True) -> KnownValues:
    """Known values of one class."""
    entries = [KnownValue(value=value, data_class="credential") for value in values]
    return KnownValues(entries, encoded=encoded)


def covered(values: KnownValues, text: str) -> list[str]:
    """What is found."""
    return [text[one.start : one.end] for one in values.find(text)]


def test_every_occurrence_is_found() -> None:
    """The first occurrence is not the only one."""
    assert covered(known("s3cr3t"), "s3cr3t, s3cr3t;s3cr3t") == ["s3cr3t"] * 3


def test_a_short_value_inside_a_word_stays() -> None:
    """LIVE is found as a word and does not cut DELIVERY."""
    values = known("LIVE")
    assert covered(values, "DELIVERY ALIVE LIVELY LIVE2 éLIVE") == []
    assert covered(values, "go LIVE, (LIVE) my_LIVE_key") == ["LIVE"] * 3


def test_an_edge_that_is_no_letter_needs_no_boundary() -> None:
    """A value that ends in punctuation is found beside letters."""
    assert covered(known("-abc-"), "x-abc-y") == ["-abc-"]


def test_a_long_value_is_found_inside_a_word() -> None:
    """A value too long to stand anywhere by chance is found beside letters."""
    value = "0123456789abcdef"
    assert covered(known(value), f"x{value}y") == [value]


def test_a_value_inside_a_longer_one_is_found_where_only_it_stands() -> None:
    """A longer value that starts alike does not hide a shorter one."""
    values = known("alpha-beta", "alpha", "beta-gamma")
    assert "beta-gamma" in covered(values, "alpha-beta-gamma")
    assert covered(values, "alpha-beto") == ["alpha"]


@given(st.lists(WORDS, min_size=1, max_size=5), WORDS, WORDS)
@settings(deadline=None)
def test_no_value_survives(values: list[str], before: str, after: str) -> None:
    """Between blanks every value is found, whatever the others are."""
    compiled = known(*values)
    for value in values:
        text = f"{before} {value} {after}"
        start = len(before) + 1
        assert (start, start + len(value)) in {(f.start, f.end) for f in compiled.find(text)}


@pytest.mark.parametrize("shift", range(6))
@pytest.mark.parametrize("tail", ["", "x", "yz", "tail"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_value_in_base64_is_found_at_every_alignment(
    shift: int, tail: str, encode: object
) -> None:
    """No bit of a value is left when the text around it is encoded with it."""
    assert callable(encode)
    whole = ("h" * shift + SECRET + tail).encode()
    text = encode(whole).decode()
    (found, *_) = known(SECRET).find(text)
    first_bit, last_bit = shift * 8, (shift + len(SECRET.encode())) * 8
    assert found.start * 6 <= first_bit
    assert found.end * 6 >= last_bit


@pytest.mark.parametrize(
    "written",
    [
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
        urllib.parse.quote(SECRET, safe=""),
        urllib.parse.quote_plus(SECRET),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        html.escape(SECRET),
        SECRET[::-1],
    ],
)
def test_a_value_is_found_in_other_encodings(written: str) -> None:
    """Hexadecimal, URL, JSON and HTML escapes do not hide a value, nor does its direction."""
    assert written in covered(known(SECRET), f"x={written};")
    assert covered(known(SECRET, encoded=False), f"x={written};") == []


def test_a_very_long_value_is_covered_to_its_end() -> None:
    """A long value is covered whole, encoded or not, and its beginning also when it is cut off."""
    value = "".join(f"line {number:04} of a long key\n" for number in range(200)).strip()
    values = known(value)
    assert value in covered(values, f"<{value}>")
    assert value[:256] in covered(values, f"<{value[:1000]}>")
    encoded = base64.b64encode(value.encode()).decode()
    assert encoded.rstrip("=") in {one.rstrip("=") for one in covered(values, f"<{encoded}>")}


def test_surrounding_blanks_are_no_part_of_a_value() -> None:
    """A value read from a file with a line break at its end is found without it."""
    assert covered(known("  s3cr3t\n"), "is s3cr3t.") == ["s3cr3t"]


@pytest.mark.parametrize("value", ["", "   ", "abc", " abc ", "\ud800abcdef"])
def test_a_value_that_cannot_be_looked_for_is_refused(value: str) -> None:
    """A value that is too short or no text is refused, and the error does not hold it."""
    with pytest.raises(ValueError, match="credential") as caught:
        known(value)
    assert "abc" not in str(caught.value)
    assert caught.value.__context__ is None


@given(st.lists(WORDS, max_size=5), st.lists(WORDS, max_size=5), st.text("abAB1- ", max_size=30))
@settings(deadline=None)
def test_two_sets_joined_find_what_both_find(one: list[str], two: list[str], text: str) -> None:
    """Joining loses no value and finds none besides."""
    joined = known(*one).joined(known(*two))
    apart = (*known(*one).find(text), *known(*two).find(text))
    assert {(f.start, f.end) for f in joined.find(text)} == {(f.start, f.end) for f in apart}
    assert len(joined) == len(one) + len(two)


def test_cases_count_the_same_where_it_is_asked_for() -> None:
    """Every mixture of cases is found at its own place, whatever letters stand around it."""
    entry = KnownValue(value="Aurora \u00c9", data_class="project")
    values = KnownValues([entry], any_case=True)
    text = "\u0130\u0130 AURORA \u00e9 aurora \u00c9"
    assert covered(values, text) == ["AURORA \u00e9", "aurora \u00c9"]
    assert covered(known("Aurora"), text) == []
    assert len(values.joined(KnownValues([entry], any_case=True))) == 2
    with pytest.raises(ValueError, match="cases"):
        values.joined(known("Aurora"))


def test_values_with_the_same_long_beginning_are_told_apart() -> None:
    """Of values that begin alike for a long way each is covered to its own end."""
    head = "0123456789abcdef" * 16
    values = known(head + "-first-tail", head + "-other-longer-tail")
    assert head + "-other-longer-tail" in covered(values, f"<{head}-other-longer-tail>")
    assert head + "-first-tail" in covered(values, f"<{head}-first-tail>")


def test_thousands_of_values_are_each_found() -> None:
    """A list of ten thousand values is compiled, and each of them is found."""
    many = [f"customer-{number:05}-{number * 7919 % 99991:05}" for number in range(10_000)]
    values = known(*many, encoded=False)
    text = " ".join(many)
    assert covered(values, text) == many
    assert covered(values, text.replace("customer", "client")) == []


def test_no_values_find_nothing() -> None:
    """An empty set finds nothing."""
    assert KnownValues([]).find("anything") == ()


def test_values_stay_out_of_the_repr() -> None:
    """The repr says how many values there are and none of them."""
    assert repr(known("s3cr3t")) == "KnownValues(1 values)"


def test_a_lone_surrogate_moves_no_offset() -> None:
    """A text that is no valid Unicode is searched all the same."""
    assert covered(known("s3cr3t"), "\ud83d s3cr3t \udc00") == ["s3cr3t"]


def test_threads_may_share_known_values() -> None:
    """Many threads get the same findings from one set."""
    values = known("s3cr3t", "other-value")
    text = "a s3cr3t and other-value " * 50
    expected, results = values.find(text), []
    threads = [threading.Thread(target=lambda: results.append(values.find(text))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8
