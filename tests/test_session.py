# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a session remember what was hidden in it, and nothing of another's?"""

import threading

import ahocorasick_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.classification import KnownValues, OwnClass, build_classifier
from agentguard.session import Session
from agentguard.vocabulary import Action, DataClass

SECRET = DataClass(name="api_key", family="secret", action=Action.REDACT)
VALUE = "not-a-known-format-but-hidden-once"
ENGINE = build_classifier()
TEXTS = ["user", "Jane Doe", "I am Jane Doe", "O'Neill & Sons", "jane@x.example", "x" * 100]


def hidden(session: Session, value: str = VALUE) -> str:
    """Hide a value and return its placeholder."""
    return session.vault.issue(data_class=SECRET, value=value, reversible=False, source="test")


def test_a_value_that_was_hidden_is_found_by_the_next_finder() -> None:
    """A finder knows what was hidden before it was made."""
    classifier, session = build_classifier(own=(), known=()), Session(b"k" * 32)
    assert session.finder(classifier)(f"x {VALUE} y") == ()
    hidden(session)
    (finding,) = session.finder(classifier)(f"x {VALUE} y")
    assert (finding.data_class, finding.start) == ("api_key", 2)


def test_the_second_finder_knows_what_was_hidden_a_moment_ago() -> None:
    """A finder for a second look is made when it is asked for."""
    classifier, session = build_classifier(own=(), known=()), Session(b"k" * 32)
    first, second = session.finder(classifier), session.second_finder(classifier)
    hidden(session)
    assert first(VALUE) == ()
    assert len(second()(VALUE)) == 1


def test_what_is_secret_inside_a_hidden_value_stays_hidden_by_itself() -> None:
    """The password of a database's address, hidden with it, is found where it stands alone."""
    classifier, session = build_classifier(), Session(b"k" * 32)
    hidden(session, "postgres://app:pa55-and-more@db.internal/main")
    text = "so pa55-and-more it is"
    (finding,) = session.finder(classifier)(text)
    assert text[finding.start : finding.end] == "pa55-and-more"


def test_two_sessions_share_neither_placeholders_nor_values() -> None:
    """The same value has another placeholder in another session, and is not known there."""
    classifier = build_classifier(own=(), known=())
    one, other = Session(b"1" * 32), Session(b"2" * 32)
    assert hidden(one) != hidden(other)
    lone = Session(b"3" * 32)
    assert lone.finder(classifier)(VALUE) == ()
    assert lone.vault.issued(hidden(one)) is None


def test_a_value_is_compiled_a_few_times_however_long_the_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What one new value costs does not grow with everything that was hidden before."""
    compiled = 0
    build = ahocorasick_rs.AhoCorasick

    def counted(patterns: list[str]) -> object:
        nonlocal compiled
        compiled += len(patterns)
        return build(patterns)

    monkeypatch.setattr(ahocorasick_rs, "AhoCorasick", counted)
    classifier, session = build_classifier(), Session(b"k" * 32)
    turns = 400
    for number in range(turns):
        hidden(session, f"hidden-value-number-{number:04d}")
        session.finder(classifier)
    find = session.finder(classifier)
    assert compiled < turns * 8 * 20  # about eight forms of each, each compiled a few times
    assert all(find(f"hidden-value-number-{number:04d}") for number in range(turns))


def test_threads_that_hide_at_once_lose_nothing() -> None:
    """Whatever any thread hid is found afterwards."""
    classifier, session = build_classifier(own=(), known=()), Session(b"k" * 32)
    values = [f"hidden-value-number-{number:04d}" for number in range(200)]

    def hide(part: list[str]) -> None:
        for value in part:
            hidden(session, value)
            session.second_finder(classifier)()(value)

    threads = [threading.Thread(target=hide, args=(values[start::4],)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    find = session.finder(classifier)
    assert all(find(value) for value in values)


@settings(deadline=None, max_examples=100)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("hide"), st.sampled_from(["Jane Doe", "user", "O'Neill & Sons"])),
            st.tuples(st.just("ask"), st.sampled_from(TEXTS)),
        ),
        max_size=12,
    )
)
def test_what_was_asked_before_changes_no_finding(steps: list[tuple[str, str]]) -> None:
    """A finder says of a text what a finder says that was never asked, whatever was hidden since."""
    session = Session(b"k" * 32)
    for step, text in steps:
        if step == "hide":
            hidden(session, text)
            continue
        known = KnownValues(session.vault.known_values())
        expected = ENGINE.findings(text, known)
        assert session.finder(ENGINE)(text) == expected
        assert session.answer_finder(ENGINE)(text) == expected


def test_another_classifier_is_asked_about_texts_that_the_first_found_harmless() -> None:
    """What was remembered holds for the classifier that was asked, and for no other."""
    session = Session(b"k" * 32)
    stricter = build_classifier(own=[OwnClass(name="own", values=("Aurora",))])
    assert session.finder(ENGINE)("Aurora") == ()
    assert len(session.finder(stricter)("Aurora")) == 1


def test_what_was_harmless_in_answers_is_forgotten_when_more_was_hidden() -> None:
    """Answers are looked at again as soon as there is another value to find in them."""
    session = Session(b"k" * 32)
    session.harmless_answers(ENGINE).add("Jane Doe")
    assert session.harmless_answers(ENGINE) == {"Jane Doe"}
    hidden(session, "Jane Doe")
    assert session.harmless_answers(ENGINE) == set()
