# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""The engine as a whole: own classes, precedence, failures, threads, work."""

import base64
import random
import threading
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification import Classifier, KnownValues, OwnClass, build_classifier
from agentguard.classification.classifier import OWN_REACH
from agentguard.vocabulary import Finding, KnownValue

TOKEN = "gh" + "p_" + "0aB" * 12


def found(classifier: Classifier, text: str, *known: KnownValues) -> list[tuple[str, str]]:
    """The classes found and the texts that they cover."""
    return [
        (one.data_class, text[one.start : one.end]) for one in classifier.findings(text, *known)
    ]


def test_own_classes_are_found_by_pattern_and_by_value() -> None:
    """The organisation's own classes take part like built-in ones."""
    own = OwnClass(name="order", patterns=(r"\bORD-[0-9]{8}\b",), values=("Project Aurora",))
    classifier = build_classifier(own=[own])
    text = "ORD-00012345 belongs to Project Aurora, not to Project Auroras"
    assert found(classifier, text) == [("order", "ORD-00012345"), ("order", "Project Aurora")]


@pytest.mark.parametrize("pattern", ["(", r"(?=a)", r"(a)\1", "a*", ""])
def test_a_pattern_that_cannot_be_used_is_named(pattern: str) -> None:
    """An unusable pattern is refused with its class and its index."""
    own = OwnClass(name="order", patterns=("fine", pattern))
    with pytest.raises(ValueError, match="pattern 1 of class 'order'"):
        build_classifier(own=[own])


def test_a_value_that_cannot_be_used_is_named() -> None:
    """A value list with a short value is refused with its class."""
    with pytest.raises(ValueError, match="class 'order'"):
        build_classifier(own=[OwnClass(name="order", values=("abc",))])


def test_a_hostile_own_pattern_stays_linear() -> None:
    """A pattern that takes exponential time elsewhere runs at once."""
    classifier = build_classifier(own=[OwnClass(name="own", patterns=("(x+x+)+y",))])
    assert classifier.findings("x" * 20_000) == ()


def test_known_values_of_the_process_and_of_the_session_are_found(engine: Classifier) -> None:
    """A value known beforehand and one known to the session are found alike."""
    classifier = build_classifier(known=[KnownValue(value="s3cr3t", data_class="credential")])
    session = KnownValues([KnownValue(value="Jane Doe", data_class="email")])
    assert found(classifier, "Jane Doe has s3cr3t", session) == [
        ("email", "Jane Doe"),
        ("credential", "s3cr3t"),
    ]
    assert found(engine, "Jane Doe has s3cr3t") == []


def test_a_secret_gives_its_class_to_what_overlaps_it(engine: Classifier) -> None:
    """Where a secret and personal data overlap, all of it is treated as the secret."""
    text = "see https://bob:pa55word@mail.example.com/"
    ((data_class, covered),) = found(engine, text)
    assert data_class == "credential"
    assert covered == "pa55word@mail.example.com"


def test_a_known_value_goes_before_a_longer_finding(engine: Classifier) -> None:
    """Among classes of one rank a known value gives the class."""
    session = KnownValues([KnownValue(value="example.com", data_class="tenant")])
    assert found(engine, "bob@example.com", session) == [("tenant", "bob@example.com")]


def test_a_finding_covers_all_that_was_encoded(engine: Classifier) -> None:
    """A token in an encoded text is hidden with the whole text that holds it."""
    encoded = base64.b64encode(f"the token is {TOKEN}".encode()).decode()
    assert found(engine, f"see {encoded}, please") == [("api_key", encoded)]
    assert found(engine, f"see {TOKEN[:9]}\u200b\u2060{TOKEN[9:]}, please") == [
        ("api_key", f"{TOKEN[:9]}\u200b\u2060{TOKEN[9:]}")
    ]


def test_what_stands_over_blanks_is_found_only_where_it_is_asked_for(engine: Classifier) -> None:
    """A text that still grows is cut at blanks, so nothing is found over them in it."""
    for broken in (f"{TOKEN[:20]}\n{TOKEN[20:]}", TOKEN.encode().hex(" ")):
        text = f"it is {broken}"
        ((_, covered),) = found(engine, text)
        assert covered == broken
        assert not any(
            one.end - one.start == len(broken) for one in engine.findings(text, over_blanks=False)
        )


def test_known_values_are_found_in_what_is_decoded() -> None:
    """A known value is found however the text around it is written, each time anew."""
    classifier = build_classifier(known=[KnownValue(value="s3cr3t-77", data_class="credential")])
    session = KnownValues([KnownValue(value="Jane Q Doe", data_class="email")])
    encoded = base64.b64encode(b"it is s3cr3t-77 of Jane Q Doe").decode()
    wide = "s3cr3t-77".translate({code: code + 0xFEE0 for code in range(33, 127)})
    escaped = "".join(f"\\u{ord(each):04x}" for each in "Jane Q Doe")
    for _ in range(2):
        assert found(classifier, encoded, session) == [("credential", encoded)]
        assert found(classifier, encoded)[0][0] == "credential"
        assert found(classifier, f"is {wide}", session) == [("credential", wide)]
        assert found(classifier, f"is {escaped}", session) == [("email", escaped)]
        assert found(classifier, f"is {escaped}") == []


def test_a_list_of_values_may_ignore_cases() -> None:
    """Values of a class that says so are found in every mixture of cases, others are not."""
    listed = [
        OwnClass(name="project", values=("Project Aurora",), any_case=True),
        OwnClass(name="code", values=("Borealis",)),
    ]
    classifier = build_classifier(own=listed)
    assert found(classifier, "PROJECT aurora, BOREALIS and Borealis") == [
        ("project", "PROJECT aurora"),
        ("code", "Borealis"),
    ]


class Fixed:
    """A detector that says what it is told to."""

    def __init__(self, *findings: Finding) -> None:
        self._findings = findings

    @property
    def name(self) -> str:
        """What stands in its findings."""
        return "fixed"

    def detect(self, text: str) -> Iterable[Finding]:
        """Return the fixed findings."""
        return self._findings


class Broken(Fixed):
    """A detector that fails."""

    def detect(self, text: str) -> Iterable[Finding]:
        """Fail."""
        raise RuntimeError("broken")


def test_an_error_in_a_detector_is_not_a_no() -> None:
    """An error in a detector leaves the engine."""
    with pytest.raises(RuntimeError, match="broken"):
        build_classifier(detectors=[Broken()]).findings("hello")


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (0, 6), (3, 3), (4, 2)])
def test_a_detector_that_points_outside_the_text_is_refused(start: int, end: int) -> None:
    """A finding outside the text, or of no text, is an error."""
    wrong = Finding(start=start, end=end, data_class="email", detector="fixed")
    with pytest.raises(ValueError, match="outside the text"):
        build_classifier(detectors=[Fixed(wrong)]).findings("hello")


@given(st.text(max_size=80))
@settings(deadline=None)
def test_any_text_around_a_token_leaves_the_offsets_right(engine: Classifier, around: str) -> None:
    """Whatever characters stand around it, a token is covered."""
    text = f"{around} {TOKEN} {around}"
    start = len(around) + 1
    assert any(
        one.start <= start and start + len(TOKEN) <= one.end for one in engine.findings(text)
    )


@pytest.mark.parametrize(
    "odd", ["\u200b", "\uff14\uff11\uff11\uff11", "\ud800", "\x00", "\ufeff", "😀"]
)
def test_odd_characters_neither_break_nor_move_anything(engine: Classifier, odd: str) -> None:
    """Zero-width, full-width and broken characters leave other findings as they are."""
    text = f"{odd} bob@example.com {odd}"
    assert found(engine, text) == [("email", "bob@example.com")]


def test_threads_may_share_an_engine(engine: Classifier) -> None:
    """Many threads get the same findings from one engine."""
    texts = [f"{TOKEN} bob{number}@example.com " * 20 for number in range(4)]
    expected = {text: engine.findings(text) for text in texts}
    wrong: list[str] = []

    def scan(text: str) -> None:
        wrong.extend("x" for _ in range(20) if engine.findings(text) != expected[text])

    threads = [threading.Thread(target=scan, args=(text,)) for text in texts * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


NOISE = base64.b64encode(random.Random(3).randbytes(30_000)).decode()  # noqa: S311 - a fixed text
HOSTILE = {
    "base64": NOISE,
    "blanks": ("key" + " " * 250) * 150,
    "at signs": "a@" * 20_000,
    "dots": "a.b@c." * 8_000,
    "digits": "4 " * 10_000,
    "urls": "://a:b@" * 5_000,
    "token starts": "eyJ" * 10_000,
    "long token": "sk-" + "a1" * 20_000,
    "npm": "//a/:_authToken=" * 2_000,
    "key ids": ("AKI" + "A" * 17 + " ") * 2_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_work_grows_with_the_text(bytes_read: Callable[[str], int], name: str) -> None:
    """Four times as much of a hostile text is not read more than about four times as often."""
    assert bytes_read(HOSTILE[name] * 4) < bytes_read(HOSTILE[name]) * 6


def test_the_repr_names_the_detectors() -> None:
    """The repr of an engine says what it is made of, without patterns or values."""
    assert repr(build_classifier(detectors=[Fixed()])).endswith(", fixed)")


@pytest.mark.parametrize(
    ("patterns", "values", "reach"),
    [
        (("CUST-[0-9]{6}",), (), 0),
        ((), ("oneword",), 0),
        ((), ("two words",), len("two words")),
        (("project [a-z]+",), (), OWN_REACH),
        ((r"id\s+[0-9]+",), ("alpha beta",), OWN_REACH),
        (("a[^0-9]b",), (), OWN_REACH),
    ],
)
def test_how_far_a_class_reaches_over_blanks(
    patterns: tuple[str, ...], values: tuple[str, ...], reach: int
) -> None:
    """Only what may hold a blank makes a stream hold more than its last word."""
    own = OwnClass(name="project", patterns=patterns, values=values)
    classifier = build_classifier(own=[own])
    assert classifier.reach({"project"}) == reach
    assert classifier.reach({"other"}) == 0
