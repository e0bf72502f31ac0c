# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Does a payload full of names come to rest, and stay as it is?

A model of language sees other names as soon as some are hidden, so it is asked about texts as they
came and never again.
"""

import re
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen
from agentguard.classification import BUILT_IN_CLASSES, Classifier, build_classifier
from agentguard.redaction import redact_payload
from agentguard.session import Session
from agentguard.vocabulary import Finding

CLASSES = {each.name: each for each in BUILT_IN_CLASSES}
NAMES = ("Harriet", "Thornbury", "Paul", "Li", "Turin", "PERSON", "PERSON:AAAAAAAA")
SENTENCE = "yesterday Harriet met Paul and Li in Turin"


class Restless:
    """A model that sees a name in every word with a capital, placeholders included."""

    name = "restless"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def detect(self, text: str) -> Iterator[Finding]:
        """Yield every word with a capital, and its neighbour."""
        self.asked.append(text)
        for word in re.finditer(r"[A-Z]\w+(?: \w+)?", text):
            yield Finding(
                start=word.start(), end=word.end(), data_class="person", detector=self.name
            )


def redacted(payload: Frozen, session: Session, classifier: Classifier) -> Frozen:
    """Return a payload as a request of this session would leave."""
    return redact_payload(
        payload,
        find=session.finder(classifier),
        find_again=session.second_finder(classifier),
        actions=CLASSES,
        vault=session.vault,
        model_authored=("",),
    ).payload


@pytest.fixture(scope="module")
def restless() -> Restless:
    """One such model."""
    return Restless()


@pytest.fixture(scope="module")
def classifier(restless: Restless) -> Classifier:
    """A classifier that asks it."""
    return build_classifier(readers=(restless,), named={"person"})


WORDS = st.lists(st.sampled_from([*NAMES, "met", "in", "and", "x@y.example"]), max_size=8)
PAYLOADS = st.lists(WORDS.map(" ".join), max_size=4).map(tuple)


@settings(deadline=None, max_examples=60)
@given(payload=PAYLOADS)
def test_names_come_to_rest(classifier: Classifier, payload: Frozen) -> None:
    """Hiding names ends, and no later look of the same session hides anything more."""
    session = Session(b"k" * 32)
    shown = redacted(payload, session, classifier)
    again = redact_payload(
        shown,
        find=session.second_finder(classifier)(),
        actions=CLASSES,
        vault=session.vault,
        model_authored=("",),
    )
    assert again.payload == shown
    assert redacted(payload, session, classifier) == redacted(payload, session, classifier)


def test_a_model_is_asked_about_texts_as_they_came(
    classifier: Classifier, restless: Restless
) -> None:
    """Nothing with a placeholder in it, and nothing twice, is shown to the model."""
    session = Session(b"k" * 32)
    del restless.asked[:]
    for _ in range(2):
        redacted((SENTENCE, f"{SENTENCE}!"), session, classifier)
    assert sorted(restless.asked) == [SENTENCE, f"{SENTENCE}!"]


def test_a_name_is_known_in_later_turns(classifier: Classifier) -> None:
    """From four characters on it is hidden as a word of its own, and in no longer word."""
    session = Session(b"k" * 32)
    session.vault.issue(
        data_class=CLASSES["person"], value="Paul", reversible=True, source="the first turn"
    )
    find = session.second_finder(classifier)()
    assert [(hit.start, hit.end) for hit in find("for Paul, Paula")] == [(4, 8)]


def test_what_one_look_remembers_says_nothing_of_the_other(classifier: Classifier) -> None:
    """A text that a later look found harmless is still shown to the model when somebody writes it."""
    session = Session(b"k" * 32)
    text = "Ann went"
    assert session.second_finder(classifier)()(text) == ()
    assert len(session.finder(classifier)(text)) == 1
    assert session.answer_finder(classifier)(text) == ()
