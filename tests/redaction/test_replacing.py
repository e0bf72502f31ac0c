# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Every action works in every position, and the strictest decides where classes overlap."""

import json
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, canonical_bytes, freeze
from agentguard.classification import (
    BUILT_IN_CLASSES,
    KnownValues,
    OwnClass,
    build_classifier,
)
from agentguard.redaction import Redacted, Vault, redact_payload
from agentguard.redaction.replacing import Find
from agentguard.vocabulary import Action, DataClass, Finding

MAIL, CARD, ORDER = "bob.miller@example.com", "4111111111111111", "ORDER-20240001-77"
TOKEN = "gh" + "p_" + "0aB" * 12
CANARIES = {"email": MAIL, "payment_card": CARD, "own": ORDER, "api_key": TOKEN}
ENGINE = build_classifier(own=[OwnClass(name="own", patterns=(r"ORDER-[0-9]{8}-[0-9]{2}",))])
FAMILIES = {each.name: each.family for each in BUILT_IN_CLASSES} | {"own": "organisation"}
HIDING = [each for each in Action if each is not Action.LABEL]
ACTIONS = st.fixed_dictionaries({name: st.sampled_from(list(Action)) for name in CANARIES}).map(
    lambda chosen: (
        {**chosen, "api_key": Action.REDACT} if chosen["api_key"] is Action.LABEL else chosen
    )
)
TEXTS = st.lists(st.sampled_from((*CANARIES.values(), "word", "ü", "\n")), max_size=5).map(" ".join)
PAYLOADS = st.recursive(
    st.none() | st.booleans() | TEXTS | st.just(int(CARD)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "token", MAIL, TOKEN]), inner, max_size=3)
        | inner.map(lambda value: json.dumps([value]))
    ),
    max_leaves=8,
)


def finder(vault: Vault) -> Find:
    """Find what the engine finds and what the vault knows, as a session does."""
    known = KnownValues(vault.known_values())
    return lambda text: ENGINE.findings(text, known)


def redacted(payload: object, actions: dict[str, Action], vault: Vault) -> Redacted:
    """Redact a payload as a call does."""
    classes = {each.name: each for each in BUILT_IN_CLASSES}
    for name, action in actions.items():
        classes[name] = DataClass(name=name, family=FAMILIES[name], action=action)
    return redact_payload(
        freeze(payload),
        find=finder(vault),
        find_again=lambda: finder(vault),
        actions=classes,
        vault=vault,
    )


def dumped(payload: Frozen) -> str:
    """The bytes that would leave, as text."""
    return canonical_bytes(payload).decode()


@settings(deadline=None, max_examples=150)
@given(PAYLOADS, ACTIONS)
def test_every_action_hides_everywhere_and_once(
    payload: object, actions: dict[str, Action]
) -> None:
    """Only what passes by its label is left, and redacting the result changes nothing."""
    vault = Vault(b"k" * 32)
    once = redacted(payload, actions, vault)
    left = dumped(once.payload)
    for name, value in CANARIES.items():
        if actions[name] is not Action.LABEL:
            assert value not in left
    again = redact_payload(
        once.payload,
        find=finder(vault),
        actions={
            name: DataClass(name=name, family=FAMILIES[name], action=actions.get(name, Action.HASH))
            for name in FAMILIES
        },
        vault=vault,
        model_authored=("",),
    )
    assert again.payload == once.payload


def test_a_value_that_passes_is_counted_once() -> None:
    """However often a payload is looked at, each value of a labelled class counts once."""
    actions = {"email": Action.LABEL, "payment_card": Action.TOKENISE}
    result = redacted({"a": f"{MAIL} {CARD}", "b": [MAIL]}, actions, Vault(b"k" * 32))
    assert result.counts == {"email": 2, "payment_card": 1}
    assert dumped(result.payload).count(MAIL) == 2


def test_what_passes_is_not_looked_for_later() -> None:
    """A value that may leave is nothing that the session hides."""
    vault = Vault(b"k" * 32)
    redacted(MAIL, {"email": Action.LABEL}, vault)
    assert vault.known_values() == ()


def test_a_surrogate_stays_in_later_turns_and_beside_new_values() -> None:
    """What stood for a value in one request stands for it in the next, and is not hidden again."""
    vault = Vault(b"k" * 32)
    actions = {"email": Action.FORMAT_PRESERVING, "own": Action.FORMAT_PRESERVING}
    first = redacted(f"{MAIL} wrote of {ORDER}", actions, vault).payload
    assert isinstance(first, str)
    surrogate = first.split()[0]
    second = redacted(f"{surrogate} and {MAIL}: <{surrogate}>,{ORDER}", actions, vault).payload
    assert second == f"{surrogate} and {surrogate}: <{surrogate}>,{first.split()[-1]}"


def test_a_number_gets_a_surrogate_that_stays() -> None:
    """A number is hidden by one of the same length, which is left alone as a number, too."""
    vault = Vault(b"k" * 32)
    actions = {"payment_card": Action.FORMAT_PRESERVING}
    shown = redacted(int(CARD), actions, vault).payload
    assert isinstance(shown, str)
    assert len(shown) == len(CARD)
    assert shown != CARD
    assert redacted(int(shown), actions, vault).payload == int(shown)


CLASSES = {
    "mild": DataClass(name="mild", family="pii", action=Action.LABEL, in_answers=Action.LABEL),
    "kept": DataClass(name="kept", family="pii", action=Action.TOKENISE),
    "gone": DataClass(name="gone", family="pii", action=Action.REDACT),
    "never": DataClass(name="never", family="pii", action=Action.BLOCK),
}


@pytest.mark.parametrize("order", list(permutations(["mild", "kept", "gone"])))
def test_the_strictest_class_found_in_a_place_decides(order: tuple[str, ...]) -> None:
    """It does not matter which of the overlapping findings gave the place its name."""
    first, *others = order
    place = Finding(start=0, end=5, data_class=first, detector="x", covers=frozenset(others))
    result = redact_payload(
        "value",
        find=lambda text: (place,) if text == "value" else (),
        actions=CLASSES,
        vault=Vault(b"k" * 32),
    )
    assert result.counts == {"gone": 1}
    assert str(result.payload).startswith("[[GONE:")


def test_a_blocked_class_is_counted_under_any_other() -> None:
    """A class that refuses a call is not lost where another finding is longer."""
    place = Finding(start=0, end=5, data_class="kept", detector="x", covers=frozenset({"never"}))
    result = redact_payload(
        "value",
        find=lambda text: (place,) if text == "value" else (),
        actions=CLASSES,
        vault=Vault(b"k" * 32),
    )
    assert result.counts == {"never": 1}


def test_a_class_without_an_action_is_refused_under_any_other() -> None:
    """A class that the policy does not know refuses the text, also where it is covered."""
    place = Finding(start=0, end=5, data_class="kept", detector="x", covers=frozenset({"what"}))
    with pytest.raises(ValueError, match="has no action"):
        redact_payload("value", find=lambda _: (place,), actions=CLASSES, vault=Vault(b"k" * 32))


def test_a_class_that_passes_hides_no_other_in_its_place() -> None:
    """Where a pattern of a passing class lies over an address, the address is hidden still."""
    wide = build_classifier(own=[OwnClass(name="own", patterns=(r"note [^ ]+ from [^ ]+ \w+",))])
    classes = {each.name: each for each in BUILT_IN_CLASSES}
    classes["own"] = DataClass(name="own", family="organisation", action=Action.LABEL)
    result = redact_payload(
        f"note 17 from {MAIL} today", find=wide.findings, actions=classes, vault=Vault(b"k" * 32)
    )
    assert MAIL not in dumped(result.payload)
    assert result.counts == {"email": 1}
