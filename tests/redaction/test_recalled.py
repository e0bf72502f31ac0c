# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""A history that is sent again: redacted as if nothing were remembered, and not looked at again."""

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import freeze
from agentguard.classification import BUILT_IN_CLASSES, KnownValues, build_classifier
from agentguard.redaction import Recalled, RecallingFind, Redacted, Vault, redact_payload
from agentguard.redaction.recalled import MOST_EDITS, MOST_RECALLED, Became, mark_of
from agentguard.session import Session
from agentguard.vocabulary import Action, DataClass, Finding

ENGINE = build_classifier()
MAIL = DataClass(name="email", family="pii", action=Action.TOKENISE)
CLASSES = {known.name: known for known in BUILT_IN_CLASSES} | {"email": MAIL}
KEY = b"k" * 32
TOKEN = "gh" + "p_" + "0aB" * 12
LONG = "and this is what was said about it before, at some length. "
OWN = Vault(KEY).issue(data_class=MAIL, value="jane@x.example", reversible=True, source="")
PARTS = (
    *("jane@x.example", "jo@y.example", TOKEN, LONG, OWN, "[[EMAIL:AAAAAAAA]]", "[[", "\u00e9 "),
    *(json.dumps({"to": "jane@x.example", "said": LONG}), '{"', '"}'),
)
TEXTS = st.lists(st.sampled_from(PARTS), min_size=1, max_size=4).map("".join)
MESSAGES = st.fixed_dictionaries(
    {"role": st.sampled_from(["user", "assistant"])},
    optional={"content": TEXTS, "token": TEXTS, "note": st.lists(TEXTS, max_size=2)},
)
TURNS = st.lists(st.lists(MESSAGES, min_size=1, max_size=3), min_size=1, max_size=4)

Find = Callable[[str], tuple[Finding, ...]]


def forgetful(vault: Vault) -> Find:
    """A finder of what the vault holds, without any memory."""
    known = KnownValues(vault.known_values())
    return lambda text: ENGINE.findings(text, known)


def redacted(messages: list[Any], vault: Vault, find_anew: Callable[[], Find]) -> Redacted | str:
    """Redact a history in which the assistant's texts are the model's own."""
    own = tuple(f"/{at}" for at, each in enumerate(messages) if each["role"] == "assistant")
    try:
        return redact_payload(
            freeze(messages),
            find=find_anew(),
            find_again=find_anew,
            actions=CLASSES,
            vault=vault,
            model_authored=own,
        )
    except ValueError as error:
        return str(error)


@settings(deadline=None, max_examples=150)
@given(turns=TURNS)
def test_a_memory_changes_nothing_of_what_is_redacted(turns: list[list[Any]]) -> None:
    """Turn for turn, payload, counts and refusals are those without a memory."""
    session, vault = Session(KEY), Vault(KEY)
    history: list[Any] = []
    for turn in turns:
        history += turn
        remembering = redacted(history, session.vault, lambda: session.finder(ENGINE))
        assert remembering == redacted(history, vault, lambda: forgetful(vault))
        assert session.vault.known_values() == vault.known_values()


def test_a_text_of_the_history_is_looked_at_once() -> None:
    """With the same values known, a later turn asks about its new text alone."""
    asked: list[str] = []
    recalled = Recalled()

    def find(text: str) -> tuple[Finding, ...]:
        asked.append(text)
        return ENGINE.findings(text)

    vault = Vault(KEY)
    history = [{"role": "user", "content": f"jane@x.example {LONG} {at}"} for at in range(3)]
    redacted(history, vault, lambda: RecallingFind(find, recalled))
    asked.clear()
    history.append({"role": "user", "content": f"{LONG} new"})
    redacted(history, vault, lambda: RecallingFind(find, recalled))
    assert [text for text in asked if len(text) > len(LONG)] == [f"{LONG} new"]


def test_other_actions_do_not_get_what_became_of_texts_by_these() -> None:
    """A memory holds for the actions that filled it, and for no others."""
    recalled, vault = Recalled(), Vault(KEY)
    text = f"jane@x.example {LONG}"
    find = RecallingFind(ENGINE.findings, recalled)
    hashing = CLASSES | {"email": DataClass(name="email", family="pii", action=Action.HASH)}
    for actions, begin in ((CLASSES, "[[EMAIL:"), (hashing, "[[EMAIL#"), (CLASSES, "[[EMAIL:")):
        shown = redact_payload(text, find=find, actions=actions, vault=vault)
        assert isinstance(shown.payload, str)
        assert shown.payload.startswith(begin)


def test_the_memory_holds_no_text_and_does_not_grow_without_end() -> None:
    """Digests and short replacements are kept, of so many texts and of none with many edits."""
    recalled = Recalled()
    for number in range(MOST_RECALLED + 10):
        recalled.keep(mark_of(str(number), authored=False), Became((), ()))
    assert len(recalled._known) <= MOST_RECALLED
    many = Became(((0, 1, "x"),) * (MOST_EDITS + 1), ("email",) * (MOST_EDITS + 1))
    recalled.keep(b"many", many)
    assert recalled.of(b"many") is None
