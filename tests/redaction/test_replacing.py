# SPDX-FileCopyrightText: The agentguard authors
# SPDX-License-Identifier: Apache-2.0
"""Every action works in every position, and the strictest decides where classes overlap."""

import json
from collections.abc import Mapping
from itertools import permutations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentguard.canonical import Frozen, canonical_bytes, freeze, thaw
from agentguard.classification import (
    BUILT_IN_CLASSES,
    KnownValues,
    OwnClass,
    build_classifier,
)
from agentguard.classification.engine import merge
from agentguard.redaction import (
    Redacted,
    Vault,
    checked_answer,
    redact_payload,
    resolve_arguments,
)
from agentguard.redaction.replacing import Find, Treatment, action_in_answers, action_of
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


def test_a_place_that_would_show_a_part_of_another_class_is_redacted() -> None:
    """The last four of a card are not shown where they could be those of an address."""
    classes = {
        "kept": DataClass(name="kept", family="pii", action=Action.TOKENISE),
        "last": DataClass(name="last", family="pii", action=Action.KEEP_LAST_FOUR),
        "again": DataClass(name="again", family="pii", action=Action.KEEP_LAST_FOUR),
        "shape": DataClass(name="shape", family="pii", action=Action.FORMAT_PRESERVING),
        "mild": DataClass(name="mild", family="pii", action=Action.LABEL),
    }
    text = "4111111111111111"

    def shown(name: str, *covers: str) -> str:
        place = Finding(start=0, end=16, data_class=name, detector="x", covers=frozenset(covers))
        result = redact_payload(
            text,
            find=lambda given: (place,) if given == text else (),
            actions=classes,
            vault=Vault(b"k" * 32),
        )
        return str(result.payload)

    assert shown("last") == shown("last", "again", "mild") == "****1111"
    assert len(shown("shape", "mild")) == 16
    for names in (("last", "kept"), ("kept", "last"), ("shape", "last"), ("kept", "shape")):
        assert shown(*names).startswith("[[")


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


def test_every_class_that_passes_in_one_place_is_counted() -> None:
    """A value of two classes that pass is counted as both, since each may need something else."""
    classes = {
        name: DataClass(name=name, family="organisation", action=action)
        for name, action in (("one", Action.LABEL), ("two", Action.LABEL), ("hid", Action.REDACT))
    }

    def counted(*covers: str) -> Mapping[str, int]:
        place = Finding(start=0, end=5, data_class="one", detector="x", covers=frozenset(covers))
        vault = Vault(b"k" * 32)
        return redact_payload(
            "value",
            find=lambda text: (place,) if text == "value" else (),
            actions=classes,
            vault=vault,
        ).counts

    assert counted() == {"one": 1}
    assert counted("two") == {"one": 1, "two": 1}
    assert counted("two", "hid") == {"hid": 1}


# Characters that stand nowhere else, so that each that survives is seen.
WIDTH = 24
STRANGE = "".join(chr(0x4E00 + place) for place in range(WIDTH))
NAMED = {
    f"as_{action.value}": DataClass(
        name=f"as_{action.value}", family="pii", action=action, in_answers=answered
    )
    for action, answered in zip(
        [each for each in Action if each not in {Action.BLOCK, Action.KEEP_LAST_FOUR}],
        [Action.LABEL, Action.REDACT, Action.REDACT, Action.LABEL, Action.REDACT],
        strict=True,
    )
}
SPOTS = st.lists(
    st.tuples(st.integers(0, WIDTH - 1), st.integers(1, WIDTH), st.sampled_from(sorted(NAMED))),
    max_size=6,
)
Spots = list[tuple[int, int, str]]


def overlapping(spots: Spots) -> Find:
    """Find these places in the strange text alone, merged as a classifier does it."""
    found = [
        Finding(start=start, end=min(WIDTH, start + size), data_class=name, detector="test")
        for start, size, name in spots
    ]
    merged = merge(found, lambda finding: (finding.start - finding.end,))
    return lambda text: merged if text == STRANGE else ()


def covered(spots: Spots, treatment: Treatment) -> set[str]:
    """The characters that a class covers which does not let them pass."""
    return {
        character
        for start, size, name in spots
        if treatment(NAMED[name]) is not Action.LABEL
        for character in STRANGE[start : start + size]
    }


@settings(deadline=None, max_examples=200)
@given(SPOTS)
def test_every_character_that_must_not_leave_is_covered(spots: Spots) -> None:
    """However findings overlap, what any hiding class covers is gone, and the rest is not."""
    result = redact_payload(
        (STRANGE,), find=overlapping(spots), actions=NAMED, vault=Vault(b"k" * 32)
    )
    left = set(dumped(result.payload))
    assert left.isdisjoint(covered(spots, action_of))
    found = {each for start, size, _ in spots for each in STRANGE[start : start + size]}
    assert set(STRANGE) - found <= left


@settings(deadline=None, max_examples=100)
@given(SPOTS)
def test_every_character_that_an_answer_must_not_hold_is_covered(spots: Spots) -> None:
    """The same holds for what a class says of answers."""
    _, shown, _ = checked_answer(
        {"text": STRANGE},
        answers=["/text"],
        find=overlapping(spots),
        classes=NAMED,
        vault=Vault(b"k" * 32),
    )
    assert set(shown["text"]).isdisjoint(covered(spots, action_in_answers))


REVERSIBLE = dict.fromkeys(FAMILIES, Action.TOKENISE)
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | TEXTS | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "token", MAIL, TOKEN, "b c"]), inner, max_size=3)
        | inner.map(lambda value: json.dumps([value], separators=(",", ":"), ensure_ascii=False))
    ),
    max_leaves=10,
)


@settings(deadline=None, max_examples=200)
@given(st.dictionaries(st.sampled_from(["x", MAIL, ORDER]), JSON_VALUES, max_size=3))
def test_what_is_reversible_comes_back_from_any_payload(payload: dict[str, object]) -> None:
    """A tool that may receive every class gets exactly what was hidden, wherever it stood."""
    assume("[[" not in json.dumps(payload))
    vault = Vault(b"k" * 32)
    hidden = redacted(payload, REVERSIBLE, vault).payload
    assert isinstance(hidden, Mapping)
    for value in CANARIES.values():
        assert value not in dumped(hidden)
    back, _ = resolve_arguments(hidden, vault, lambda _: True)
    assert thaw(back) == payload
